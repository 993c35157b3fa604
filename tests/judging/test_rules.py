"""The rule books: which band applies at which scale, and how a claim is decided over its checks and one retry."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from protocol_runs import made_up_run

import selfboot.judging.calibration as calibration_module
from selfboot.analysis.power import misses
from selfboot.errors import DataError
from selfboot.judging.calibrated import Calibrated
from selfboot.judging.calibration import Calibration, Measure, calibration, path_of, write
from selfboot.judging.checks import RULES, checks
from selfboot.judging.decide import Decision, decide
from selfboot.judging.published import Published
from selfboot.judging.results import Asked, Evidence, Part, Result, from_json, load, save, to_json
from selfboot.judging.rules import Rules
from selfboot.judging.weights import honest
from selfboot.protocols.base import Arm, Run
from selfboot.registry import Claim, Scale, Settings, registry

N = 164


def flags(solved: int) -> list[bool]:
    return [i < solved for i in range(N)]


ARMS = {
    "base": Arm("base"), "trained": Arm("trained"), "3 pairs": Arm("trained", count=3),
    "40 pairs": Arm("trained", count=40), "right": Arm("base"), "wrong": Arm("base", reading="wrong stop strings"),
    "first": Arm("base", greedy=False), "vote": Arm("base", greedy=False, draws=8, judged="vote"),
    "raw greedy": Arm("base"), "raw best-of-8": Arm("base", greedy=False, draws=8, judged="any"),
    "recipe greedy": Arm("trained"), "recipe best-of-8": Arm("trained", greedy=False, draws=8, judged="any"),
}  # fmt: skip


def spread(mean: float, sd: float = 4.0, name: str = "trained") -> Measure:
    rng = random.Random(f"{mean}")
    return Measure(ARMS[name], tuple(range(1000, 1020)), tuple(float(round(rng.gauss(mean, sd))) for _ in range(20)))


def fixed(value: float, name: str) -> Measure:
    return Measure(ARMS[name], (), (float(value),))


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    figures = {"base": fixed(40, "base"), "trained": spread(100), "3 pairs": spread(60, name="3 pairs")}
    figures |= {"40 pairs": spread(100, name="40 pairs"), "right": fixed(130, "right"), "wrong": fixed(60, "wrong")}
    monkeypatch.setattr(calibration_module, "MEASURED", tmp_path)
    write(path_of("m"), Calibration("m", {"c": figures}, {}, [], flips=1.0))
    calibration.cache_clear()
    yield
    calibration.cache_clear()


TRAINING = [c.id for c in registry().values() if c.scales["paper"].recipe and c.scales["paper"].protocol]
PUBLISHED = {"base": (25.0,), "trained": (104.0, 112.0, 95.0)}


def judge(expects: str = "up", scale: str = "mini", kind: str = "seeded_training", **changes: Any) -> Rules:
    values: dict[str, Any] = {"seeds": (7, 13, 42), "contrast": ("base", "trained"), "published": PUBLISHED}
    settings = Settings("m", "b", **{**values, **changes})
    claim = Claim("c", "§1", "t", "fastpath", kind, expects, "", {scale: settings})  # type: ignore[arg-type,dict-item]
    return RULES[scale](claim, settings)  # type: ignore[index]


def ours(*args: Any, **changes: Any) -> Calibrated:
    rules = judge(*args, **changes)
    assert isinstance(rules, Calibrated)
    return rules


def run(**solved: int) -> Run:
    """One seed's measurement; an underscore in an arm's name stands for a space."""
    outcomes = {name.strip("_").replace("_", " "): flags(count) for name, count in solved.items()}
    return made(outcomes)


def made(outcomes: dict[str, list[bool]]) -> Run:
    figures = {name: float(sum(one)) for name, one in outcomes.items()}
    arms = {name: ARMS[name] for name in outcomes}
    return Run(figures, arms, outcomes, drawn=honest(arms))


def decided(*runs: Run, **changes: Any) -> Decision:
    """A mini claim of base and trained score, decided; the second run is drawn for the retry."""
    rules = judge(**changes)
    figures = calibration("m").measures["c"]
    calibration("m").measures["c"] = {name: figures[name] for name in ("base", "trained")}
    return decide(checks(rules.claim, "mini"), lambda fresh: [runs[fresh]])


def at(seed: int, one: Run) -> Run:
    """The run as one of this seed."""
    arms = {name: arm if arm.fixed else replace(arm, seed=seed) for name, arm in one.arms.items()}
    return replace(one, arms=arms, drawn=honest(arms))


def statuses(parts: Sequence[Part]) -> dict[str, str]:
    return {part.name: part.status for part in parts}


@pytest.mark.usefixtures("calibrated")
class TestMini:
    def test_lift_in_band(self) -> None:
        parts = decided(run(base=40, trained=101)).parts
        assert statuses(parts) == dict.fromkeys(("weights", "base", "trained", "contrast"), "as calibrated")
        assert (parts[-1].direction, parts[-1].before, parts[-1].measured) == ("up", (40,), (101,))

    def test_no_lift_drifts(self) -> None:
        assert decided(run(base=0, trained=0)).status == "drifted", "the base is not what it was"
        decision = decided(run(base=40, trained=40), run(base=40, trained=41))
        assert statuses(decision.parts)["contrast"] == statuses(decision.parts)["trained"] == "drifted"
        assert decision.parts[-1].direction == "none"

    def test_the_wrong_direction_drifts_wherever_it_lies(self) -> None:
        """68 → 88, 90, 92 where the calibration fell: significant with the other sign."""
        calibration("m").measures["c"] = {"base": fixed(68, "base"), "trained": spread(52, 12.0)}
        up = run(base=68, trained=90)
        assert decide(checks(judge().claim, "mini"), lambda _: [up] * 3).status == "drifted"

    def test_a_calibrated_seed_gives_the_calibration_s_figure_again(self) -> None:
        """One seed, judged by its own stored figure: the sharpest check, whatever the spread of the seeds."""
        calibration("m").measures["c"] = {"base": fixed(40, "base"), "trained": spread(100, 40.0)}
        stored = round(calibration("m").measure("c", "trained").by_seed[1000])
        for off, status in ((0, "reproduced"), (6, "reproduced"), (-10, "direction only")):
            part = ours(seeds=(1000,), recipe="mini").again([at(1000, run(base=40, trained=stored + off))])
            assert (part.status, part.measured) == (status, (off,))
        names = [check.name for check in checks(ours(seeds=(1000, 7)).claim, "mini")]
        assert "again" in names
        assert "again" not in [check.name for check in checks(ours(seeds=(7,)).claim, "mini")]

    def test_what_only_samples_is_the_same_everywhere(self) -> None:
        calibration("m").measures["c"] = {"base": fixed(40, "base"), "vote": spread(100, name="vote")}
        stored = round(calibration("m").measure("c", "vote").by_seed[1000])
        assert not ours(seeds=(1000,)).again([at(1000, run(base=40, vote=stored + 4))]).retry
        assert ours(seeds=(1000,)).again([at(1000, run(base=40, vote=stored + 5))]).retry

    def test_a_skewed_figure_may_lie_where_the_calibration_did(self) -> None:
        values = (*[100.0 + i % 3 for i in range(27)], 85.0, 80.0, 75.0)
        calibration("m").measures["c"]["trained"] = Measure(ARMS["trained"], tuple(range(1000, 1030)), values)
        assert calibration("m").shape("c", "trained", N, 0.98) == "skewed"
        assert judge().figure("trained", [run(base=40, trained=75)]).status == "reproduced"
        assert judge().figure("trained", [run(base=40, trained=60)]).retry

    def test_what_is_too_wide_for_a_band_is_judged_by_the_seeds_that_rise(self) -> None:
        calibration("m").measures["c"]["trained"] = spread(100, 40.0)
        part = judge().figure("trained", [run(base=40, trained=130)] * 3)
        assert (part.asked.criterion, part.status) == ("share", "reproduced")
        assert judge().figure("trained", [run(base=40, trained=30)] * 3).retry

    def test_outside_the_band_it_is_tried_again_and_then_not_reproduced(self) -> None:
        first, inside, outside = (run(base=40, trained=count) for count in (140, 101, 142))
        assert judge().figure("trained", [first]).status == "direction only"
        assert judge().figure("trained", [first]).retry
        assert decided(first, inside).status == "as calibrated"
        assert decided(first, outside).status == "drifted"
        (retried,) = (part for part in decided(first, outside).parts if part.name == "trained")
        assert retried.first is not None
        assert (retried.first.measured, retried.measured, retried.retry) == ((140,), (142,), False)

    def test_what_is_lost_is_not_retried(self) -> None:
        """One part settles it: no second run is drawn."""
        assert decided(run(base=90, trained=140)).status == "drifted"

    def test_a_control_that_lifts_is_judged_by_the_organism_and_differs_from_the_paper(self) -> None:
        parts = decided(run(base=40, trained=101), expects="none", kind="equivalence").parts
        assert set(statuses(parts).values()) == {"as calibrated"}
        assert parts[-1].direction == "up"

    @pytest.mark.parametrize(("measured", "status"), [(40, "reproduced"), (42, "reproduced"), (46, "not reproduced")])
    def test_baseline_follows_the_flips(self, measured: int, status: str) -> None:
        assert judge().figure("base", [run(base=measured, trained=100)]).status == status

    def test_wrong_stop_strings_must_lower_the_score(self) -> None:
        fall = judge("down", kind="difference", contrast=("right", "wrong"))
        assert fall.contrast([run(right=130, wrong=60)]).status == "reproduced"
        assert fall.contrast([run(right=0, wrong=0)]).retry

    def test_unknown_measure_and_model_say_what_to_run(self) -> None:
        with pytest.raises(DataError, match="selfboot calibrate m --only nothing"):
            calibration("m").band("nothing", "trained")
        with pytest.raises(DataError, match="selfboot calibrate other"):
            calibration("other")


class TestPaper:
    def test_published_figures_are_the_bands(self) -> None:
        paper = judge(scale="paper")
        good, poor = ([run(base=25, trained=count)] for count in (100, 25))
        parts = decide(checks(paper.claim, "paper"), lambda _: good).parts
        assert statuses(parts) == dict.fromkeys(("weights", "base", "contrast"), "reproduced")
        assert decide(checks(paper.claim, "paper"), lambda _: poor).status == "not reproduced"
        assert paper.figure("base", good).asked == Asked("band", 15, 35)

    def test_a_sweep_needs_its_rise(self) -> None:
        sweep = judge(scale="paper", kind="sweep", contrast=("3 pairs", "40 pairs"))
        assert isinstance(sweep, Published)
        assert sweep.sweep([run(base=40, _3_pairs=60, _40_pairs=100)] * 3).status == "reproduced"
        assert sweep.sweep([run(base=40, _3_pairs=100, _40_pairs=100)] * 3).failed

    def test_a_base_of_another_protocol_is_a_mismatch_and_the_lift_is_judged_all_the_same(self) -> None:
        parts = decide(checks(judge(scale="paper").claim, "paper"), lambda _: [run(base=70, trained=104)]).parts
        assert statuses(parts) == {"weights": "reproduced", "base": "protocol mismatch", "contrast": "reproduced"}

    def test_a_control_must_stay_within_its_margin(self) -> None:
        control = judge("none", scale="paper", kind="equivalence", margin=8.0)
        assert control.contrast([run(base=25, trained=25)] * 7).status == "reproduced"
        assert control.contrast([run(base=25, trained=25)]).status == "inconclusive", "one seed cannot tell"
        assert control.contrast([run(base=25, trained=60)]).failed

    def test_no_clean_lift(self) -> None:
        boundary = judge("none", scale="paper", kind="no_lift", margin=8.0)
        assert not boundary.contrast([run(base=25, trained=24)]).failed
        assert boundary.contrast([run(base=25, trained=80)]).failed

    @pytest.mark.parametrize("claim", TRAINING)
    def test_an_adapter_that_destroys_the_model_is_not_reproduced(
        self, claim: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = registry()[claim]
        found = made_up_run(monkeypatch, known.scales["paper"])
        dead = {n: [False] * len(o) if found.arms[n].role == "trained" else o for n, o in found.outcomes.items()}
        lost = Run({**found.figures, **{n: float(sum(o)) for n, o in dead.items()}}, found.arms, dead)
        assert decide(checks(known, "paper"), lambda _: [lost] * 3).status == "not reproduced"


PART = Part(
    "contrast", "contrast", "as calibrated", "inside", Asked("band", 48, 72, difference=True), (101.0,), (40.0,), N,
    ARMS["trained"], "up", {"p": 0.01, "difference": 61.0},
)  # fmt: skip
RESULT = Result(
    "recipe-7b", "mini-7", "§3.2", "Pairs lift", "fastpath", "mini", "organism-0", "25 → 104", "up", 0.48, (PART,),
    seconds=12.34, evidence=(Evidence(ARMS["base"], "score", "ab"),),
)  # fmt: skip


def test_results_are_kept_and_trial_runs_stay_apart(tmp_path: Path) -> None:
    retried = replace(RESULT, parts=(replace(PART, first=PART), replace(PART, arm=None)))
    assert from_json(to_json(RESULT)) == RESULT
    assert from_json(to_json(retried)) == retried
    save(tmp_path, [RESULT, replace(RESULT, weights="random")])
    assert sorted(r.weights for r in load(tmp_path)) == ["random", "trained"]
    with pytest.raises(DataError, match="not a result"):
        from_json("{}")
    kept = min(tmp_path.iterdir())
    kept.write_text(kept.read_text().replace('"seconds": 1', '"seconds": 9'))
    with pytest.raises(DataError, match=r"\.json: .*does not hash to its own sha256.*; run the claim again"):
        load(tmp_path)


@pytest.mark.usefixtures("calibrated")
class TestDirections:
    """Where the calibration went decides what a run is asked for."""

    def test_a_direction_is_clear_and_more_than_one_task_in_twenty(self) -> None:
        known = calibration("m")
        assert known.shows("c", "base", "trained", N) == "up"
        assert known.shows("c", "right", "wrong", N) == "down"
        known.measures["c"]["trained"] = spread(46)
        assert known.shows("c", "base", "trained", N) == "none", "clear, but six tasks of 164"
        known.measures["c"]["trained"] = spread(52, 60.0)
        assert known.shows("c", "base", "trained", N) == "none", "large, but not clear"

    def test_no_difference_needs_the_power_to_see_one(self) -> None:
        """Inside the same band: reproduced only where an eighth of the tasks would have been seen."""
        none = judge("none")
        calibration("m").measures["c"]["trained"] = spread(41)
        assert none.contrast([run(base=40, trained=41)]).status == "reproduced"
        calibration("m").measures["c"]["trained"] = spread(41, 11.0)
        seen = none.contrast([run(base=40, trained=41)])
        assert seen.status == "inconclusive"
        assert float(seen.details["power"] or 0) < 0.8

    def test_an_effect_too_small_for_one_seed_is_inconclusive(self) -> None:
        calibration("m").measures["c"]["trained"] = spread(50)
        noisy = made({"base": flags(40), "trained": flags(47)[::-1]})
        assert judge().contrast([noisy]).status == "inconclusive"

    def test_significant_beyond_the_band_is_tried_again(self) -> None:
        far = judge().contrast([run(base=40, trained=150)])
        assert far.status == "direction only"
        assert far.retry

    def test_twice_outside_any_of_its_bands_is_a_claim_in_0_15_percent(self) -> None:
        """Its six figures and the contrast share it; a claim of three cases shares it among these too."""
        one, three = (ours(seeds=(7, 13, 42), by_seed=each) for each in (False, True))
        assert one.chance == pytest.approx(0.0015 / 7)
        assert three.chance == pytest.approx(one.chance / 3)
        assert misses(0.0, 20, 1, one.level(1)) == pytest.approx(one.chance, rel=1e-3)
        assert one.level(1) > 1 - one.chance**0.5, "both tries are held against one calibration"
        wide, own = calibration("m").band("c", "trained", level=0.9975), calibration("m").band("c", "trained")
        assert wide.lower < own.lower < own.upper < wide.upper


class TestDifferenceOfDifferences:
    ARMS = ("raw greedy", "raw best-of-8", "recipe greedy", "recipe best-of-8")

    @pytest.fixture(autouse=True)
    def arms(self, calibrated: None) -> None:
        sampled = {name: spread(mean, name=name) for name, mean in zip(self.ARMS[1:], (52, 45, 49), strict=True)}
        calibration("m").measures["c"] = {"raw greedy": fixed(6, "raw greedy"), **sampled}

    def judged(self, *solved: int) -> Part:
        outcomes = {name: flags(count) for name, count in zip(self.ARMS, solved, strict=True)}
        return ours("up", kind="synergy", contrast=(self.ARMS[1], self.ARMS[3]), published={}).interaction(
            [made(outcomes)]
        )

    def test_what_sampling_gains_less_on_top_of_the_recipe(self) -> None:
        judged = self.judged(6, 52, 45, 49)
        assert (judged.measured, judged.status) == ((-42.0,), "reproduced")
        assert float(judged.details["p"] or 0) < 1e-6

    def test_another_interaction_is_tried_again(self) -> None:
        assert self.judged(6, 26, 45, 65).retry

    def test_it_is_a_part_of_the_claim_and_of_its_level(self) -> None:
        both, one = (ours(kind=kind, contrast=(self.ARMS[1], self.ARMS[3])) for kind in ("synergy", "oracle"))
        assert both.chance == pytest.approx(one.chance * 5 / 6)
        assert both.level(1) > one.level(1)


@pytest.mark.parametrize(
    ("weak", "strong", "passes"), [(0, 104, True), (40, 104, False), (0, 150, False), (5, 100, True)]
)
def test_a_boundary_has_a_floor_and_a_saturation(weak: int, strong: int, passes: bool) -> None:
    """A model that is too weak and one without headroom gain next to nothing; the claim's own gains 70 of 164."""
    settings = registry()["boundary"].scales["paper"]
    scores = {"w": (0, weak), "qwen2.5-7b": (25, 95), "s": (104, strong)}
    outcomes, arms = {}, {}
    for model, both in scores.items():
        for role, solved in zip(("base", "trained"), both, strict=True):
            outcomes[f"{model} {role}"] = flags(solved)
            arms[f"{model} {role}"] = replace(ARMS[role], model=model)
    one = Run({name: float(sum(o)) for name, o in outcomes.items()}, arms, outcomes)
    part = Published(registry()["boundary"], settings).boundary([one])
    assert (part.status == "reproduced", part.retry) == (passes, not passes)


class TestPaperWithoutAFigure:
    def test_a_dead_model_shows_neither_equivalence_nor_a_missing_lift(self) -> None:
        for kind in ("equivalence", "no_lift"):
            dead = judge("none", scale="paper", kind=kind, margin=8.0, published={})
            assert dead.contrast([run(base=0, trained=0)]).status == "inconclusive"

    def test_a_floor_may_reach_nothing(self) -> None:
        floor = judge(scale="paper", kind="floor", published={"base": (5.0,)})
        assert floor.figure("base", [run(base=5)]).status == "reproduced"
        lift = judge(scale="paper", published={"base": (5.0,)})
        assert lift.figure("base", [run(base=5)]).status == "inconclusive"

    def test_three_tasks_of_two_hundred_cannot_be_told(self) -> None:
        vote = judge(scale="paper", kind="oracle", published={}, contrast=("first", "vote"))
        noisy = made({"first": flags(60), "vote": flags(63)[::-1]})
        assert vote.contrast([noisy]).status == "inconclusive"
        same = made({"first": flags(60), "vote": flags(60)})
        assert vote.contrast([same]).failed


BOTH = [
    (claim.id, scale) for claim in registry().values() for scale, settings in claim.scales.items()
    if settings.protocol and "shots" not in settings.options  # these want real tasks, a made-up Lab has none
]  # fmt: skip


@pytest.mark.parametrize(("name", "scale"), BOTH)
def test_every_claim_can_be_judged(name: str, scale: Scale, monkeypatch: pytest.MonkeyPatch) -> None:
    """On what its protocol gives back; a verdict of any kind, but no error after hours of work."""
    claim = registry()[name]
    seeds = claim.scales[scale].seeds or (7,)
    runs = [made_up_run(monkeypatch, claim.scales[scale], seed) for seed in seeds]
    decision = decide(checks(claim, scale), lambda _: runs)
    assert decision.status
    assert decision.parts[0].name == "weights"
    assert decision.parts[0].status in ("as calibrated", "reproduced", "measured"), decision.parts[0].reason


@pytest.mark.parametrize("name", [name for name, scale in BOTH if scale == "mini"])
def test_the_calibration_knows_every_figure_of_a_protocol_as_what_it_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = registry()[name].scales["mini"]
    arms = {figure: replace(arm, seed=0) for figure, arm in made_up_run(monkeypatch, settings).arms.items()}
    assert {figure: measure.arm for figure, measure in calibration(settings.model).figures(name).items()} == arms
