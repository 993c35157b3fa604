"""What a result keeps of its runs: the outcome of every task, and the e-value of its contrast."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_rules import RESULT

from selfboot.analysis.e_value import log_e_value
from selfboot.judging.results import Result, Solved, from_json, log_e_of, solved_in, to_json
from selfboot.protocols.base import Arm, Run

BASE, TRAINED = Arm("base"), Arm("trained")


def run(seed: int, base: str, trained: str) -> Run:
    arms = {"base": BASE, "trained": replace(TRAINED, seed=seed)}
    rows = {"base": [c == "1" for c in base], "trained": [c == "1" for c in trained]}
    return Run({name: float(sum(row)) for name, row in rows.items()}, arms, rows)


RUNS = [run(7, "0010", "1110"), run(13, "0010", "1000")]


def test_every_outcome_is_kept_and_that_of_an_arm_without_a_seed_once() -> None:
    found = solved_in(RUNS)
    assert [(one.name, one.arm.seed, one.tasks) for one in found] == [
        ("base", 0, "0010"), ("trained", 7, "1110"), ("trained", 13, "1000"),
    ]  # fmt: skip
    assert found[1].flags == [True, True, True, False]
    kept: Result = replace(RESULT, solved=found, contrast=("base", "trained"), log_e=0.5)
    assert from_json(to_json(kept)) == kept


def test_the_e_value_is_that_of_the_contrast_on_the_paper_s_side() -> None:
    found, differences = solved_in(RUNS), [1.0, 0.5, -0.5, 0.0]
    assert log_e_of(found, ("base", "trained"), "up") == pytest.approx(log_e_value(differences))
    assert log_e_of(found, ("base", "trained"), "down") == pytest.approx(log_e_value(differences, "down"))
    assert log_e_of(found, ("trained", "base"), "down") == pytest.approx(log_e_value(differences))
    assert log_e_of(found, (), "up") is None
    assert log_e_of(found, ("base", "few-shot"), "up") is None


def test_results_of_earlier_versions_can_still_be_read() -> None:
    """Their files have none of the three fields, and a hash of what they do have."""
    import json

    from selfboot.store import digest

    table = {name: value for name, value in json.loads(to_json(RESULT)).items() if name != "sha256"}
    for name in ("contrast", "solved", "log_e"):
        table.pop(name)
    assert from_json(json.dumps({**table, "sha256": digest(table)})) == RESULT
    assert Solved("base", BASE, "01").flags == [False, True]
