"""A small run of the fuzzer (fuzz.py); the recorded large one is data/benchmarks/grading-fuzz.json."""

from __future__ import annotations

import random

import fuzz

from selfboot.grading.code import CodeGrader


def test_nothing_passes_that_should_not_and_the_trusted_side_survives(count: int = 600) -> None:
    with CodeGrader(workers=2) as grader:
        pids = [worker.process.pid for worker in grader.workers]
        seen, bad = fuzz.fuzz(grader, random.Random(count), count)
        assert [(case.job.program, case.job.tests, outcome) for case, outcome in bad] == []
        assert sum(seen.values()) == count
        assert seen["value passed"] > count / 10
        assert [worker.process.pid for worker in grader.workers] == pids


def test_random_frames_are_decoded_or_refused() -> None:
    seen = fuzz.decode_cases(random.Random(7), 3000)
    assert min(seen["decoded"], seen["refused"]) > 100
