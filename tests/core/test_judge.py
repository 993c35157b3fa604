"""The judge picks the band of the scale and tells the paper's direction apart from the verdict."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

import selfboot.calibration as calibration_module
from selfboot.calibration import calibration
from selfboot.claims import Claim, Settings
from selfboot.errors import DataError
from selfboot.judge import Judge
from selfboot.report.terminal import render
from selfboot.results import Evidence, Result, from_json, load, save, to_json

N = 164


def flags(solved: int) -> list[bool]:
    return [i < solved for i in range(N)]


def spread(mean: float, sd: float = 4.0) -> dict[str, float]:
    rng = random.Random(f"{mean}")
    return {str(1000 + i): round(rng.gauss(mean, sd)) for i in range(20)}


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measures = {"chat": {"0": 40}, "raw": {"0": 130}, "raw-wrong-stop": {"0": 60}, "flips": {"0": 1}}
    measures |= {"trained-40": spread(100), "trained-3": spread(60), "control-own-21": spread(70)}
    (tmp_path / "calibration").mkdir()
    table = {"model": "m", "n": N, "measures": measures, "provenance": {"code": "x"}}
    (tmp_path / "calibration" / "m.json").write_text(json.dumps(table))
    monkeypatch.setattr(calibration_module, "DATA", tmp_path)
    calibration.cache_clear()


def judge(expects: str = "up", scale: str = "mini") -> Judge:
    settings = Settings("m", "b", seeds=(7, 13, 42), base=25, after=(104, 112, 95))
    claim = Claim("c", "§1", "t", "fastpath", "seeded_training", expects, "", {scale: settings})  # type: ignore[arg-type,dict-item]
    return Judge(claim, scale, settings)  # type: ignore[arg-type]


@pytest.mark.usefixtures("calibrated")
class TestMini:
    def test_lift_in_band(self) -> None:
        found = judge().lift(flags(40), [flags(101)], "trained-40")
        assert (found.verdict.status, found.direction, found.measured) == ("reproduced", "agrees", "40 → 101")

    def test_no_lift_is_not_reproduced(self) -> None:
        found = judge().lift(flags(0), [flags(0)], "trained-40")
        assert found.verdict.failed
        assert found.direction == "differs (none)"

    def test_lift_outside_the_band_is_direction_only(self) -> None:
        assert judge().lift(flags(40), [flags(140)], "trained-40").verdict.status == "direction only"

    def test_control_in_band_is_reproduced_whatever_the_paper_says(self) -> None:
        found = judge("none").no_change(flags(40), [flags(71)], "control-own-21", margin=8)
        assert (found.verdict.status, found.direction) == ("reproduced", "differs (up)")

    def test_control_without_the_organism_s_effect_fails(self) -> None:
        assert judge("none").no_change(flags(0), [flags(0)], "control-own-21", margin=8).verdict.failed

    @pytest.mark.parametrize(("measured", "status"), [(40, "reproduced"), (42, "reproduced"), (46, "not reproduced")])
    def test_baseline_follows_the_flips(self, measured: int, status: str) -> None:
        assert judge().baseline(flags(measured)).verdict.status == status

    def test_sweep_needs_its_rise(self) -> None:
        good = {3: [flags(60)] * 3, 40: [flags(100)] * 3}
        flat = {3: [flags(100)] * 3, 40: [flags(100)] * 3}
        assert judge().sweep(flags(40), good, "trained").verdict.status == "reproduced"
        assert judge().sweep(flags(40), flat, "trained").verdict.failed

    def test_wrong_stop_strings_must_lower_the_score(self) -> None:
        assert judge("down").fall(flags(130), flags(60), "raw-wrong-stop").verdict.status == "reproduced"
        assert judge("down").fall(flags(0), flags(0), "raw-wrong-stop").verdict.failed

    def test_unknown_measure_and_model_say_what_to_run(self) -> None:
        with pytest.raises(DataError, match="selfboot calibrate m --only nothing"):
            calibration("m").band("nothing")
        with pytest.raises(DataError, match="selfboot calibrate other"):
            calibration("other")


def test_paper_scale_uses_published_figures() -> None:
    paper = judge(scale="paper")
    assert paper.lift(flags(25), [flags(100)], "trained-40").verdict.status == "reproduced"
    assert paper.lift(flags(25), [flags(25)], "trained-40").verdict.failed
    assert paper.baseline(flags(25)).band == "19–31"
    assert paper.no_change(flags(25), [flags(25)], "", margin=8).verdict.status == "reproduced"
    assert paper.no_change(flags(25), [flags(60)], "", margin=8).verdict.failed


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
