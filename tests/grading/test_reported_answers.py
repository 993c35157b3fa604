"""Cases from public bug reports, and verdicts that others published on what real models wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from selfboot.grading.answers import AnswerGrader
from selfboot.grading.majority import vote_key
from tests.shared_files import real, shared

VOTES = {  # the reports' words: two answers, and whether they vote together
    "vote-2": [("1,2", "2, 1", True), ("1,2", "x=1 or x=2", True)],
    "vote-3": [("x=1,2", "1,2", True)],
    "vote-4": [(r"1,000\text{ dollars}", r"1,000,000\text{ dollars}", False)],
}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def grader() -> Iterator[AnswerGrader]:
    with AnswerGrader(workers=2) as grader:
        yield grader


def test_reported_pairs(grader: AnswerGrader) -> None:
    """Both ways round, and as the last box of a completion."""
    cases = [
        c for c in rows(shared("grading/reported_cases.jsonl")) if c["area"] in ("math-pair", "math-false-positive")
    ]
    wrong = []
    for case in cases:
        answer, gold = case["input"]["answer"], case["input"]["gold"]
        boxed = grader.grade([(rf"So it is $\boxed{{{answer}}}$.", gold)], "math")[0].strict
        if {grader.equal(answer, gold), grader.equal(gold, answer), boxed} != {case["expected"]}:
            wrong.append((case["id"], answer, gold))
    assert wrong == []
    assert len(cases) > 200


def test_reported_readings(grader: AnswerGrader) -> None:
    cases = [c for c in rows(shared("grading/reported_cases.jsonl")) if c["area"].startswith("reading-")]
    asked = [(c["input"]["completion"], c["input"]["gold"], c["input"]["style"]) for c in cases]
    outcomes = [grader.grade([(text, gold)], style)[0] for text, gold, style in asked]
    assert [c["id"] for c, o in zip(cases, outcomes, strict=True) if o.passed != c["expected"]] == []
    assert len(cases) > 60


def test_reported_votes() -> None:
    reported = {c["id"] for c in rows(shared("grading/reported_cases.jsonl")) if c["area"] == "majority-vote"}
    assert reported <= {*VOTES, "vote-8"}
    for pairs in VOTES.values():
        for a, b, together in pairs:
            assert (vote_key(rf"\boxed{{{a}}}", "math") == vote_key(rf"\boxed{{{b}}}", "math")) is together
    assert vote_key(r"\boxed{016}", "aime") == vote_key(r"\boxed{16}", "aime")


def test_verdicts_on_worked_answers_to_math_are_the_published_ones(grader: AnswerGrader) -> None:
    """Qwen2.5-Math: 8 worked answers each to 50 problems, with their verdicts."""
    tasks = rows(real("completions/math_cot_50.jsonl"))
    outcomes = grader.grade([(text, task["gt"]) for task in tasks for text in task["code"]], "math")
    published = [bool(score) for task in tasks for score in task["score"]]
    assert [o.strict for o in outcomes] == published
    assert len(published) == 400
