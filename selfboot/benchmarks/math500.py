r"""MATH: ``math500`` is the 500-problem test split, ``math-train`` the 7,500 problems to mine from (§3.3, §3.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.datasets import Row, read_source
from selfboot.errors import DataError
from selfboot.grading.reading import last_boxed
from selfboot.records import AnswerTask

TOKENS = 800


def load(name: str, rows: Sequence[Row] | None = None) -> AnswerBenchmark:
    r"""A split of MATH; ``kind`` is the subject. Training answers: the last \boxed{} of each solution."""
    rows = rows if rows is not None else read_source(name)
    task = _test if name == "math500" else _train
    return AnswerBenchmark(name, tuple(task(f"{name}/{at}", row) for at, row in enumerate(rows)), "math", TOKENS)


def _test(task_id: str, row: dict[str, Any]) -> AnswerTask:
    return AnswerTask(task_id, row["problem"], row["answer"], row["solution"], int(row["level"]), row["subject"])


def _train(task_id: str, row: dict[str, Any]) -> AnswerTask:
    answer, level = last_boxed(row["solution"]), row["level"].removeprefix("Level ")
    if answer is None:
        raise DataError(f"{task_id}: its solution has no \\boxed answer; fetch the data set again")
    return AnswerTask(
        task_id, row["problem"], answer, row["solution"], int(level) if level.isdigit() else 0, row["type"]
    )
