"""A small run of the fuzzer of answers (fuzz_answers.py); ANSWERS.md names the large one."""

from __future__ import annotations

import os
import random

import fuzz_answers

from selfboot.grading.answers import AnswerGrader

PAIRS = 50_000 if os.environ.get("SELFBOOT_FULL") else 1500


def test_no_two_different_answers_are_equal() -> None:
    with AnswerGrader(workers=2) as grader:
        seen, bad = fuzz_answers.fuzz(grader, random.Random(14), PAIRS)
    assert [(a.latex, b.latex) for a, b in bad] == []
    assert seen["same, equal"] > PAIRS / 20
    assert seen["same, not equal"] <= seen["same, equal"] / 50
