"""The table of findings of the small scale, and what a diagnosis had predicted beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfboot.errors import DataError, TooFewPairsError
from selfboot.judging.checks import checks
from selfboot.judging.compared import too_few
from selfboot.judging.decide import decide
from selfboot.judging.results import Beside, Part, Result, from_json, load, save
from selfboot.lab import Drawn
from selfboot.newmodel.kept import Kept
from selfboot.protocols.base import Arm, Run
from selfboot.registry import registry
from selfboot.report.cells import without_training
from selfboot.report.findings import write_findings
from selfboot.report.predicted import NOT_RUN, predicted
from selfboot.report.standing import headline

N = 41


def result(claim: str, parts: Sequence[Part], beside: tuple[Beside, ...] = (), model: str = "some/model") -> Result:
    known = registry()[claim]
    return Result(
        claim, "small-1of4", known.section, known.title, known.tier, "small", model, known.published, known.expects,
        None, tuple(parts), seconds=12.0, beside=beside,
    )  # fmt: skip


def compared(claim: str, first: str, last: str, before: int, after: int) -> Result:
    outcomes = {first: [i < before for i in range(N)], last: [i < after for i in range(N)]}
    trained = Arm("trained", seed=7) if last == "trained" else Arm("base", greedy=False, draws=8, judged="any", seed=7)
    drawn = {first: Drawn("m", "e", "", "a"), last: Drawn("m", "e", "x" if last == "trained" else "", "b")}
    figures = {name: float(sum(flags)) for name, flags in outcomes.items()}
    run = Run(figures, {first: Arm("base"), last: trained}, outcomes, drawn=drawn)
    return result(claim, decide(checks(registry()[claim], "small"), lambda _: [run]).parts)


FEW = result("recipe-7b", [too_few(TooFewPairsError(0, 10, "0 from 64 invented problems"))])
FREE = result(
    "training-free",
    compared("tts-4b-he", "greedy", "best-of-8", 2, 2).parts,
    (Beside(Arm("base"), (2,), (2,), N, 0, 0), Beside(Arm("base", reading="tolerant"), (9,), (9,), N, 0, 0),
     Beside(Arm("base", shots=3), (4,), (4,), N, 0, 0)),
)  # fmt: skip


def diagnosis(verdict: str, lift: tuple[float, float, float] = (0.1, -0.1, 0.3)) -> Kept:
    def estimate(value: float, low: float, high: float) -> dict[str, float]:
        return {"value": value, "low": low, "high": high}

    shares = {"chat": 0.04, "chat-tolerant": 0.2}
    table: dict[str, Any] = {
        "model": "some/model", "verdict": verdict, "lift": estimate(*lift), "passk": estimate(0.1, 0.05, 0.2),
        "harvest": {"full": estimate(2, 0, 9)},
        "readings": [{"format": name, "share": estimate(share, share, share)} for name, share in shares.items()],
    }  # fmt: skip
    return Kept(f"some/model on humaneval: {verdict}\n===\nsaid\n", table)


def test_a_model_too_weak_to_mine_from_is_as_predicted() -> None:
    best = compared("tts-4b-he", "greedy", "best-of-8", 2, 4)
    rows = {what: (foretold, found) for what, foretold, found in predicted(diagnosis("too weak"), [FEW, best, FREE])}
    assert rows["the recipe"] == ("too weak", "not enough pairs: 0 of 10: as predicted")
    assert rows["pairs"] == ("2 (0 to 9) of a full mining run", "0 of 10 (0 from 64 invented problems)")
    assert rows["lift, share of the tasks"] == ("+10% (-10% to +30%)", "nothing was trained")
    assert rows["best of 8 samples, share of the tasks"] == ("10% (5% to 20%)", "10% of 41")
    assert rows["without training, beyond the usual score"] == ("+16% (chat-tolerant)", "+7 of 41 tasks (tolerant)")


@pytest.mark.parametrize(
    ("verdict", "after", "said"),
    [
        ("should work", 12, "as predicted"),
        ("should work", 3, "otherwise than predicted"),
        ("saturated", 3, "as predicted"),
        ("too weak", 12, "otherwise than predicted"),
        ("uncertain", 12, "no prediction"),
    ],
)
def test_a_prediction_can_be_wrong(verdict: str, after: int, said: str) -> None:
    (_, _, found), *_ = predicted(diagnosis(verdict), [compared("recipe-7b", "base", "trained", 3, after)])
    assert found == f"3 → {after} ({after - 3:+}): {said}"


def test_a_lift_outside_its_interval_is_said() -> None:
    for after, where in ((6, "+7% of 41, inside"), (20, "+41% of 41, outside")):
        rows = predicted(diagnosis("uncertain"), [compared("recipe-7b", "base", "trained", 3, after)])
        assert rows[2][2] == f"{where} the interval"
        assert rows[3][2] == rows[4][2] == NOT_RUN


def test_another_models_results_and_trial_runs_are_not_compared() -> None:
    assert predicted(diagnosis("too weak"), [result("recipe-7b", FEW.parts, model="another")]) == []


def test_the_findings_are_kept_with_the_results_themselves(tmp_path: Path) -> None:
    store, results = tmp_path / "store", [FEW, FREE, compared("tts-4b-he", "greedy", "best-of-8", 2, 12)]
    (store / "diagnoses").mkdir(parents=True)
    kept = diagnosis("too weak")
    (store / "diagnoses" / "d.json").write_text(json.dumps({"summary": kept.summary, **kept.table}))
    save(store / "results", results)  # a hub id has a slash
    assert len(load(store / "results")) == 3
    text_file, rows_file = write_findings(load(store / "results"), store, tmp_path / "out")
    text = text_file.read_text()
    assert text_file.name == "some-model.md"
    assert "claims run, 2 measured, 1 not enough pairs; of their directions 2 like" in text
    assert "not enough pairs: 0 of 10" in text
    assert "as predicted" in text
    assert [from_json(line).claim for line in rows_file.read_text().splitlines()] == [
        one.claim for one in load(store / "results")
    ]


def test_without_results_of_the_small_scale_there_are_no_findings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pytest --scale small"):
        write_findings([], tmp_path, tmp_path / "out")


def test_the_headline_tells_verdicts_and_directions() -> None:
    *_, line = headline([FEW, compared("tts-4b-he", "greedy", "best-of-8", 2, 12)])
    small = sum("small" in claim.scales for claim in registry().values())
    assert line == (
        f"Small model: some/model: 2 of {small} claims run, 1 measured, 1 not enough pairs; "
        "of their directions 1 like the paper."
    )


def test_a_model_without_a_calibration_is_never_said_to_be_as_calibrated() -> None:
    parts = compared("tts-4b-he", "greedy", "best-of-8", 0, 1).parts
    *_, line = headline([result("tts-4b-he", [replace(part, status="unsettled") for part in parts])])
    small = sum("small" in claim.scales for claim in registry().values())
    assert line.startswith(f"Small model: some/model: 1 of {small} claims run, 1 unsettled; of their directions 0 like")


def test_a_recipe_that_did_not_train_has_no_lift_to_stand_beside_the_control() -> None:
    assert without_training([FEW, FREE]) == []
