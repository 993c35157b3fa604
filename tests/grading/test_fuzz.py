"""A small run of the fuzzer (fuzz.py); the recorded large one is data/measured/grader/grading-fuzz.json."""

from __future__ import annotations

import random

import fuzz

from selfboot.grading.code import CodeGrader

CASES = 600


def test_nothing_passes_that_should_not_and_the_trusted_side_survives() -> None:
    with CodeGrader(workers=2) as grader:
        seen, bad = fuzz.fuzz(grader, random.Random(600), CASES)
        assert [(case.job.program, case.job.tests, outcome) for case, outcome in bad] == []
        assert sum(seen.values()) == CASES
        assert seen["value passed"] > CASES / 10


def test_random_frames_are_decoded_or_refused() -> None:
    seen = fuzz.decode_cases(random.Random(7), 3000)
    assert min(seen["decoded"], seen["refused"]) > 100
