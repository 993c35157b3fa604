"""The judge picks the band of the scale and tells the paper's direction apart from the verdict."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

import selfboot.judging.calibration as calibration_module
from selfboot.errors import DataError
from selfboot.judging.calibration import calibration
from selfboot.judging.judge import Judge, Judgement, second_strike
from selfboot.judging.results import Evidence, Result, from_json, load, save, to_json
from selfboot.protocols.base import Run
from selfboot.registry import Claim, Settings, registry
from selfboot.report.terminal import render

N = 164


def flags(solved: int) -> list[bool]:
    return [i < solved for i in range(N)]


def spread(mean: float, sd: float = 4.0) -> dict[str, float]:
    rng = random.Random(f"{mean}")
    return {str(1000 + i): round(rng.gauss(mean, sd)) for i in range(20)}


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    measures = {"c/base": {"0": 40}, "c/trained": spread(100), "flips": {"0": 1}}
    measures |= {"c/3 pairs": spread(60), "c/40 pairs": spread(100)}
    measures |= {"c/right": {"0": 130}, "c/wrong": {"0": 60}}
    (tmp_path / "bands").mkdir()
    table = {"model": "m", "measures": measures, "settings": {}, "provenance": []}
    (tmp_path / "bands" / "m.json").write_text(json.dumps(table))
    monkeypatch.setattr(calibration_module, "MEASURED", tmp_path)
    calibration.cache_clear()
    yield
    calibration.cache_clear()


PUBLISHED = {"base": (25.0,), "trained": (104.0, 112.0, 95.0)}


def judge(expects: str = "up", scale: str = "mini", kind: str = "seeded_training", **changes: Any) -> Judge:
    values: dict[str, Any] = {"seeds": (7, 13, 42), "contrast": ("base", "trained"), "published": PUBLISHED}
    settings = Settings("m", "b", **{**values, **changes})
    claim = Claim("c", "§1", "t", "fastpath", kind, expects, "", {scale: settings})  # type: ignore[arg-type,dict-item]
    return Judge(claim, scale, settings)  # type: ignore[arg-type]


def run(greedy: tuple[str, ...] = ("base",), **solved: int) -> Run:
    """One seed's measurement; an underscore in an arm's name stands for a space."""
    arms = {name.strip("_").replace("_", " "): flags(count) for name, count in solved.items()}
    figures = {name: float(sum(arm)) for name, arm in arms.items()}
    return Run(arms, figures, frozenset(greedy), {})


def verdicts(judged: Mapping[str, Judgement]) -> dict[str, str]:
    return {name: part.verdict.status for name, part in judged.items()}


@pytest.mark.usefixtures("calibrated")
class TestMini:
    def test_lift_in_band(self) -> None:
        parts = judge().parts([run(base=40, trained=101)])
        assert verdicts(parts) == {"base": "reproduced", "trained": "reproduced", "contrast": "reproduced"}
        assert (parts["contrast"].direction, parts["contrast"].measured) == ("agrees", "40 → 101")

    def test_no_lift_is_not_reproduced(self) -> None:
        parts = judge().parts([run(base=0, trained=0)])
        assert verdicts(parts)["contrast"] == verdicts(parts)["base"] == "not reproduced"
        assert parts["contrast"].direction == "differs (none)"

    def test_outside_the_band_it_is_tried_again_and_then_not_reproduced(self) -> None:
        first, inside, outside = (judge().parts([run(base=40, trained=count)]) for count in (140, 101, 142))
        assert verdicts(first)["trained"] == "direction only"
        assert [name for name, part in first.items() if part.wants_second_strike] == ["trained", "contrast"]
        assert not second_strike(first, inside)["trained"].verdict.failed
        assert second_strike(first, outside)["trained"].verdict.failed

    def test_a_control_that_lifts_is_judged_by_the_organism_and_differs_from_the_paper(self) -> None:
        parts = judge("none", kind="equivalence").parts([run(base=40, trained=101)])
        assert set(verdicts(parts).values()) == {"reproduced"}
        assert parts["contrast"].direction == "differs (up)"

    @pytest.mark.parametrize(("measured", "status"), [(40, "reproduced"), (42, "reproduced"), (46, "not reproduced")])
    def test_baseline_follows_the_flips(self, measured: int, status: str) -> None:
        assert judge().figure("base", [run(base=measured, trained=100)]).verdict.status == status

    def test_sweep_needs_its_rise(self) -> None:
        sweep = judge(contrast=("3 pairs", "40 pairs"))
        good = [run(base=40, _3_pairs=60, _40_pairs=100)] * 3
        flat = [run(base=40, _3_pairs=100, _40_pairs=100)] * 3
        assert sweep.sweep(good).verdict.status == "reproduced"
        assert sweep.sweep(flat).verdict.failed

    def test_wrong_stop_strings_must_lower_the_score(self) -> None:
        fall = judge("down", kind="difference", contrast=("right", "wrong"))
        both = ("right", "wrong")
        assert fall.contrast([run(both, right=130, wrong=60)]).verdict.status == "reproduced"
        assert fall.contrast([run(both, right=0, wrong=0)]).verdict.failed

    def test_unknown_measure_and_model_say_what_to_run(self) -> None:
        with pytest.raises(DataError, match="selfboot calibrate m --only nothing"):
            calibration("m").band("nothing/trained")
        with pytest.raises(DataError, match="selfboot calibrate other"):
            calibration("other")


class TestPaper:
    def test_published_figures_are_the_bands(self) -> None:
        paper = judge(scale="paper")
        good, poor = ([run(base=25, trained=count)] for count in (100, 25))
        assert verdicts(paper.parts(good)) == {"base": "reproduced", "contrast": "reproduced"}
        assert paper.contrast(poor).verdict.failed
        assert paper.figure("base", good).band == "19–31"

    def test_a_control_must_stay_within_its_margin(self) -> None:
        control = judge("none", scale="paper", kind="equivalence", margin=8.0)
        assert control.contrast([run(base=25, trained=25)]).verdict.status == "reproduced"
        assert control.contrast([run(base=25, trained=60)]).verdict.failed

    def test_no_clean_lift(self) -> None:
        boundary = judge("none", scale="paper", kind="no_lift", margin=8.0)
        assert not boundary.contrast([run(base=25, trained=24)]).verdict.failed
        assert boundary.contrast([run(base=25, trained=80)]).verdict.failed


RESULT = Result(
    "recipe-7b", "mini-7", "§3.2", "Pairs lift", "fastpath", "mini", "organism-0", "25 → 104", "40 → 101", "88–112",
    "reproduced", "agrees", "inside", seconds=12.34, details={"p": 0.01}, evidence=(Evidence("base", "score", "ab"),),
)  # fmt: skip


def test_table(snapshot: SnapshotAssertion) -> None:
    failed = Result(
        **{
            **RESULT.__dict__,
            "case": "mini-13",
            "verdict": "not reproduced",
            "measured": "40 → 41",
            "direction": "differs (none)",
        }
    )
    assert render([failed, RESULT], width=120) == snapshot


def test_results_are_kept_and_rehearsals_stay_apart(tmp_path: Path) -> None:
    assert from_json(to_json(RESULT)) == RESULT
    random_twin = Result(**{**RESULT.__dict__, "weights": "random"})
    save(tmp_path, [RESULT, random_twin])
    assert sorted(r.weights for r in load(tmp_path)) == ["random", "trained"]
    with pytest.raises(DataError, match="not a result"):
        from_json("{}")


@pytest.mark.usefixtures("calibrated")
class TestDirections:
    """Where the calibration went decides what a run is asked for."""

    def test_a_direction_is_clear_and_more_than_one_task_in_twenty(self) -> None:
        known = calibration("m")
        assert known.shows("c/base", "c/trained", N) == "up"
        assert known.shows("c/right", "c/wrong", N) == "down"
        known.measures["c/trained"] = spread(46)
        assert known.shows("c/base", "c/trained", N) == "none", "clear, but six tasks of 164"
        known.measures["c/trained"] = spread(52, 60.0)
        assert known.shows("c/base", "c/trained", N) == "none", "large, but not clear"

    def test_no_difference_needs_the_power_to_see_one(self) -> None:
        """Inside the same band: reproduced only where an eighth of the tasks would have been seen."""
        none = judge("none")
        calibration("m").measures["c/trained"] = spread(41)
        assert none.contrast([run(base=40, trained=41)]).verdict.status == "reproduced"
        calibration("m").measures["c/trained"] = spread(41, 25.0)
        seen = none.contrast([run(base=40, trained=41)]).verdict
        assert seen.status == "inconclusive"
        assert float(seen.details["power"] or 0) < 0.8

    def test_an_effect_too_small_for_one_seed_is_inconclusive(self) -> None:
        calibration("m").measures["c/trained"] = spread(50)
        noisy = Run({"base": [*flags(40)], "trained": [*flags(47)[::-1]]}, {}, frozenset({"base"}), {})
        assert judge().contrast([noisy]).verdict.status == "inconclusive"

    def test_significant_beyond_the_band_is_tried_again(self) -> None:
        far = judge().contrast([run(base=40, trained=150)])
        assert far.verdict.status == "direction only"
        assert far.wants_second_strike

    def test_together_the_bands_of_a_claim_hold_with_99_percent(self) -> None:
        assert calibration("m").level("c") == pytest.approx(1 - 0.01 / 4)
        wide, own = calibration("m").band("c/trained", level=0.9975), calibration("m").band("c/trained")
        assert wide.lower < own.lower < own.upper < wide.upper


class TestDifferenceOfDifferences:
    ARMS = ("raw greedy", "raw best-of-8", "recipe greedy", "recipe best-of-8")

    @pytest.fixture(autouse=True)
    def arms(self, calibrated: None) -> None:
        table = zip(self.ARMS, ({"0": 6}, spread(52), spread(45), spread(49)), strict=True)
        calibration("m").measures.update({f"c/{name}": values for name, values in table})

    def judged(self, *solved: int) -> Judgement:
        arms = {name: flags(count) for name, count in zip(self.ARMS, solved, strict=True)}
        own = judge("up", kind="synergy", contrast=(self.ARMS[1], self.ARMS[3]), published={})
        return own.interaction([Run(arms, {}, frozenset(self.ARMS[:1]), {})])

    def test_what_sampling_gains_less_on_top_of_the_recipe(self) -> None:
        judged = self.judged(6, 52, 45, 49)
        assert (judged.measured, judged.verdict.status) == ("-42.0", "reproduced")
        assert float(judged.verdict.details["p"] or 0) < 1e-6

    def test_another_interaction_is_tried_again(self) -> None:
        assert self.judged(6, 26, 45, 65).wants_second_strike

    def test_it_is_a_part_of_the_claim_and_of_its_level(self) -> None:
        assert calibration("m").level("c", 2) > calibration("m").level("c", 1)


class TestPaperWithoutAFigure:
    def test_a_dead_model_shows_neither_equivalence_nor_a_missing_lift(self) -> None:
        for kind in ("equivalence", "no_lift"):
            dead = judge("none", scale="paper", kind=kind, margin=8.0, published={})
            assert dead.contrast([run(base=0, trained=0)]).verdict.status == "inconclusive"

    def test_a_floor_may_reach_nothing(self) -> None:
        floor = judge(scale="paper", kind="floor", published={"base": (5.0,)})
        assert floor.figure("base", [run(base=5)]).verdict.status == "reproduced"
        lift = judge(scale="paper", published={"base": (5.0,)})
        assert lift.figure("base", [run(base=5)]).verdict.status == "inconclusive"

    def test_three_tasks_of_two_hundred_cannot_be_told(self) -> None:
        vote = judge(scale="paper", kind="oracle", published={}, contrast=("first", "vote"))
        noisy = Run({"first": flags(60), "vote": flags(63)[::-1]}, {}, frozenset(), {})
        assert vote.contrast([noisy]).verdict.status == "inconclusive"
        same = Run({"first": flags(60), "vote": flags(60)}, {}, frozenset(), {})
        assert vote.contrast([same]).verdict.failed


@pytest.mark.parametrize("name", [n for n, claim in registry().items() if claim.scales["paper"].contrast])
def test_every_paper_claim_can_be_judged(name: str) -> None:
    """On arms of a sensible size; a verdict of any kind, but no error after hours of work."""
    settings = registry()[name].scales["paper"]
    names = {*settings.contrast, *settings.published} - {"contrast"}
    arms = {arm: [i < 30 + 5 * place for i in range(500)] for place, arm in enumerate(sorted(names))}
    figures = {arm: float(sum(outcomes)) for arm, outcomes in arms.items()} | {"contrast": 5.0}
    base = frozenset(arm for arm in arms if arm.split()[0] in ("base", "greedy", "right"))
    parts = Judge(registry()[name], "paper", settings).parts([Run(arms, figures, base, {})])
    assert parts["contrast"].verdict.status
