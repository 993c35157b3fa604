"""What the report is made of: lifts over seeds, bands, trial runs apart, evidence that is gone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_parts import BASE, contrast, figure, trained

from selfboot.benchmarks.base import load_benchmark
from selfboot.judging.results import REPLAYED
from selfboot.protocols.base import Arm
from selfboot.registry import registry
from selfboot.report import evidence
from selfboot.report.evidence import Shelf
from selfboot.report.gather import Gathered, gather
from selfboot.report.samples import pack
from selfboot.report.text import markdown


@pytest.fixture(scope="module")
def gathered(lab: Any) -> Gathered:
    return gather(lab.results, Shelf(lab.store.root))


def test_cases_come_in_the_order_of_the_registry_and_seeds_in_theirs(gathered: Gathered) -> None:
    names = [case.result.name for case in gathered.cases]
    recipe = [name for name in names if name.startswith("recipe-7b[")]
    assert recipe == ["recipe-7b[mini-7]", "recipe-7b[mini-13]", "recipe-7b[mini-42]"]
    claims = list(dict.fromkeys(case.result.claim for case in gathered.cases))
    assert claims == [claim for claim in registry() if claim in claims]
    assert len({case.anchor for case in gathered.cases + gathered.apart}) == len(names) + 1


def test_trial_runs_are_counted_nowhere(gathered: Gathered) -> None:
    assert [case.result.weights for case in gathered.trials] == ["random"]
    assert sum(gathered.counts.values()) == len(gathered.cases) == 7
    assert gathered.counts["drifted"] == 1
    assert all(0 not in [len(seeds) for seeds in lift.groups.values()] for lift in gathered.lifts)
    recipe = next(lift for lift in gathered.lifts if lift.claim == "recipe-7b")
    assert len(recipe.groups["trained"]) == 3


def test_what_was_replayed_is_no_trial_run_and_counted_nowhere(lab: Any, gathered: Gathered) -> None:
    theirs = [replace(one, weights=REPLAYED) for one in lab.results if one.weights == "trained"][:1]
    found = gather([*lab.results, *theirs], Shelf(lab.store.root))
    assert [case.result for case in found.replayed] == theirs
    assert (found.trials, found.counts, found.lifts) == (gathered.trials, gathered.counts, gathered.lifts)
    text = markdown(found, ())
    assert "## Replayed" in text
    assert "1 case replayed" in text


def test_lifts_gather_seeds_over_arms_and_cases(gathered: Gathered, lab: Any) -> None:
    lifts = {lift.claim: lift for lift in gathered.lifts}
    assert list(lifts) == ["recipe-7b", "pair-count-sweep", "control"]
    assert set(lifts["recipe-7b"].groups["trained"]) == {7, 13, 42}
    assert {name: list(seeds) for name, seeds in lifts["pair-count-sweep"].groups.items()} == {
        "3 pairs": [7, 13, 42], "10 pairs": [7, 13, 42], "40 pairs": [7, 13, 42]
    }  # fmt: skip
    assert lifts["recipe-7b"].bands["trained"].lower == 84.3
    assert lifts["pair-count-sweep"].bands["10 pairs"].measured == 82.0
    assert lifts["pair-count-sweep"].counts == {"3 pairs": 3, "10 pairs": 10, "40 pairs": 40}
    assert set(lifts["control"].bands) == {"house 21"}
    assert lifts["control"].ended == {"base": 164.0, "house 21": 164.0, "own 21": 164.0}


def test_a_row_of_models_gives_a_lift_each(empty_lab: Any) -> None:
    weak, strong = (
        empty_lab.score(name, share, [lambda t: ("", "", "wrong")]) for name, share in (("w", 0.1), ("s", 0.9))
    )
    evidence = {Arm("base", model="a"): ("score", weak), Arm("trained", model="a", seed=7): ("score", strong),
                Arm("base", model="b"): ("score", strong),
                Arm("trained", model="b", seed=7): ("score", strong)}  # fmt: skip
    empty_lab.result("boundary", "mini", evidence)
    lifts = gather(empty_lab.results, Shelf(empty_lab.store.root)).lifts
    assert [(lift.model, list(lift.groups)) for lift in lifts] == [("a", ["a trained"]), ("b", ["b trained"])]


def test_scores_are_read_with_every_attempt(gathered: Gathered) -> None:
    base = gathered.cases[0].arms[0].score
    assert base is not None
    assert (base.n, base.draws, base.benchmark, base.model) == (164, 1, "humaneval", "organism-0")
    assert base.solved == sum(base.passes)
    assert {"passed", "empty", "run-on", "wrong value", "text only"} == set(base.tally)
    assert base.tasks[0].prompt.startswith("<|im_start|>user\nfrom typing")
    assert "check(has_close_elements)" in base.tasks[0].tests


def test_every_claim_without_a_result_is_said_to_be_not_run(lab: Any) -> None:
    skipped = {"recipe-7b[paper-7]": "needs a GPU with 40 GB"}
    missing = gather(lab.results, Shelf(lab.store.root), skipped).not_run
    judged = {(result.claim, result.scale) for result in lab.results}
    everything = {(claim.id, scale) for claim in registry().values() for scale in ("mini", "paper")}
    assert {(m.claim.id, m.scale) for m in missing} == everything - judged
    reasons = {(m.claim.id, m.scale): m.reason for m in missing}
    assert reasons["recipe-7b", "paper"] == "needs a GPU with 40 GB"
    assert "run pytest --scale paper" in reasons["control", "paper"]


def test_evidence_that_is_gone_or_damaged_is_said_not_made_up(empty_lab: Any) -> None:
    lab = empty_lab
    kept, gone, damaged = (lab.score(name, 0.5, [lambda t: ("", "", "wrong")]) for name in ("kept", "gone", "damaged"))
    bare = lab.score("bare", 0.5, [lambda t: ("", "", "wrong")])
    samples = json.loads((lab.store.root / "score" / bare / "manifest.json").read_text())["provenance"]["samples"]
    shutil.rmtree(lab.store.root / "samples" / samples)
    shutil.rmtree(lab.store.root / "score" / gone)
    (lab.store.root / "score" / damaged / "outcomes.jsonl").write_text("[{\n")
    arms = [BASE, *(trained(seed) for seed in (7, 13, 42))]
    evidence = {arm: ("score", id) for arm, id in zip(arms, (kept, gone, damaged, bare), strict=True)}
    lab.result("recipe-7b", "mini-7", evidence)
    shelf = Shelf(lab.store.root)
    (case,) = gather(lab.results, shelf).cases
    assert [arm.label for arm in case.scores] == ["base", "trained, seed 42"]
    assert [f"score {gone} is no longer in the store" in note for note in shelf.notes].count(True) == 1
    assert [f"score {damaged} cannot be shown" in note for note in shelf.notes].count(True) == 1
    assert [f"score {bare}: the completions are not in the store" in note for note in shelf.notes].count(True) == 1


def test_without_the_benchmark_no_failure_is_classified(empty_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tasks are another ones now: the outcomes stand, how they came about cannot be told."""
    id = empty_lab.score("s", 0.5, [lambda task: ("", task.prompt, "wrong")])
    empty_lab.result("recipe-7b", "mini-7", {BASE: ("score", id)})
    monkeypatch.setattr(evidence, "load_benchmark", lambda name: replace(load_benchmark(name), plus=True))
    shelf = Shelf(empty_lab.store.root)
    (case,) = gather(empty_lab.results, shelf).cases
    (arm,) = case.scores
    assert arm.score is not None
    assert set(arm.score.tally) == {"passed", "unknown"}
    assert arm.score.tasks[0].prompt.startswith("<|im_start|>")
    assert shelf.strange
    assert f"benchmarks {', '.join(shelf.strange)}: not what was scored" in shelf.told[-1]


def test_scores_of_answers_are_read_too(empty_lab: Any) -> None:
    from selfboot.benchmarks.base import load_answers

    bench = load_answers("minimath")

    def build(out: Path, work: Path) -> dict[str, Any]:
        rows = [[{"passed": True, "extracted": "4", "status": "passed"}], [{"passed": False, "extracted": None}],
                [{"passed": False, "extracted": "5", "status": "wrong"}]]  # fmt: skip
        (out / "outcomes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return {"benchmark": "minimath", "samples": samples.id, "style": "gsm8k"}

    def draw(out: Path, work: Path) -> dict[str, Any]:
        (out / "completions.jsonl").write_text("".join(json.dumps([{"text": "so it is"}]) + "\n" for _ in range(3)))
        return {"model": "organism-0"}

    samples = empty_lab.store.get("samples", {"x": 1}, draw)
    score = empty_lab.store.get("answer-score", {"benchmark": bench.sha256}, build)
    shelf = Shelf(empty_lab.store.root)
    found = shelf.score("answer-score", score.id)
    assert shelf.notes == []
    assert found is not None
    assert found.kinds == ["passed", "no answer", "wrong value"]
    assert found.tasks[0].prompt == bench.tasks[0].problem
    assert found.tasks[0].tests == f"answer: {bench.tasks[0].answer}"


def test_a_claim_that_left_the_registry_is_still_shown(empty_lab: Any) -> None:
    result = replace(empty_lab.result("recipe-7b", "mini-7", {}), claim="old-claim")
    (case,) = gather([result], Shelf(empty_lab.store.root)).cases
    assert case.claim is None
    assert case.settings is None


def test_samples_are_cut_to_the_budget(gathered: Gathered) -> None:
    whole = pack(gathered)
    assert (whole.draws, whole.most, whole.cut, whole.note) == (8, 8, False, "")
    small = pack(gathered, budget=len(whole.data) // 3)
    assert len(small.data) < len(whole.data) / 2
    assert small.scores == whole.scores
    assert small.note.startswith("Of up to 8 draws a task ")


def test_bands_come_in_the_order_of_the_parts_and_differences_are_marked(empty_lab: Any) -> None:
    names = ("base", "3 pairs", "10 pairs", "pass@2", "pass@16")
    parts = (*(figure(name, 1.0, 1.0, 1.0) for name in names), contrast())
    result = empty_lab.result("pair-count-sweep", "mini", {}, parts=parts)
    (case,) = gather([result], Shelf(empty_lab.store.root)).cases
    assert [band.part for band in case.bands] == [*names, "contrast"]
    assert [band.part for band in case.bands if band.difference] == ["contrast"]
    assert "contrast" not in {band.part for band in case.pictures}


def test_at_paper_scale_a_seeded_training_is_judged_by_its_score(empty_lab: Any) -> None:
    result = empty_lab.result("recipe-7b", "paper-7", {}, parts=(contrast(difference=False),))
    (case,) = gather([result], Shelf(empty_lab.store.root)).cases
    assert [band.difference for band in case.bands] == [False]


def test_reasons_are_one_a_part_whatever_stands_in_them(empty_lab: Any) -> None:
    odd = contrast(status="unsettled", reason="-3.0 tasks; base: drifted, a difference would be seen")
    result = empty_lab.result("synergy-14b", "mini", {}, parts=(figure("base", 25, 19, 31), odd))
    (case,) = gather([result], Shelf(empty_lab.store.root)).cases
    assert case.reasons == ["base: as calibrated, 25 inside", f"contrast: unsettled, {odd.reason}"]


def test_several_draws_say_what_any_and_what_the_first_solves(gathered: Gathered) -> None:
    arm = next(arm for case in gathered.cases for arm in case.scores if arm.score and arm.score.draws == 8)
    assert arm.score is not None
    assert arm.amount == f"{sum(map(bool, arm.score.passes))} of 164 by any of 8 draws, {arm.score.solved} by the first"
