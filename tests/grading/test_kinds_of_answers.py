"""Pairs of answers by kind (answer_pairs.toml): equal spellings, and answers that only look alike."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfboot.grading.answers import AnswerGrader

PAIRS = tomllib.loads(Path(__file__).with_name("answer_pairs.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def grader() -> Iterator[AnswerGrader]:
    with AnswerGrader(workers=1) as grader:
        yield grader


def pairs(lines: str) -> list[tuple[str, str]]:
    return [(left, right) for left, _, right in (line.rpartition(" | ") for line in lines.strip("\n").splitlines())]


@pytest.mark.parametrize("kind", PAIRS["equal"])
def test_one_answer_in_two_spellings(grader: AnswerGrader, kind: str) -> None:
    wrong = [p for p in pairs(PAIRS["equal"][kind]) if not (grader.equal(*p) and grader.equal(*reversed(p)))]
    assert wrong == []


@pytest.mark.parametrize("kind", PAIRS["different"])
def test_two_answers_that_look_alike(grader: AnswerGrader, kind: str) -> None:
    wrong = [p for p in pairs(PAIRS["different"][kind]) if grader.equal(*p) or grader.equal(*reversed(p))]
    assert wrong == []
