"""GSM8K, word problems: ``gsm8k`` is the test split (1,319), ``gsm8k-train`` the one to mine from (7,473)."""

from __future__ import annotations

from collections.abc import Sequence

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.datasets import Row, read_source
from selfboot.errors import DataError
from selfboot.records import AnswerTask

SOURCES = {"gsm8k": "gsm8k-test", "gsm8k-train": "gsm8k-train"}


def load(name: str, rows: Sequence[Row] | None = None) -> AnswerBenchmark:
    """A split of GSM8K; ``answer`` is what stands behind ``####`` in the solution."""
    rows = rows if rows is not None else read_source(SOURCES[name])
    return AnswerBenchmark(
        name, tuple(_task(f"{name}/{at}", row["question"], row["answer"]) for at, row in enumerate(rows)), "gsm8k"
    )


def _task(task_id: str, question: str, answer: str) -> AnswerTask:
    solution, mark, number = answer.rpartition("####")
    if not mark or not number.strip():
        raise DataError(f"{task_id}: its answer has no number behind ####; fetch the data set again")
    return AnswerTask(task_id, question, number.strip(), solution.strip(), kind="gsm8k")
