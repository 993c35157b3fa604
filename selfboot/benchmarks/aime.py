"""AIME 2022 to 2024: 90 competition problems whose answers are integers from 0 to 999 (§3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.datasets import Row, read_source
from selfboot.errors import DataError
from selfboot.records import AnswerTask

TOKENS = 2000


def load(name: str, rows: Sequence[Row] | None = None) -> AnswerBenchmark:
    """The problems; ``kind`` is the year's contest, as far as the source's address tells. ``rows``: others' instead."""
    rows = rows if rows is not None else read_source("aime")
    return AnswerBenchmark(name, tuple(task(row) for row in rows), "aime", TOKENS)


def task(row: dict[str, Any]) -> AnswerTask:
    """One row of the data set."""
    answer = str(row["answer"]).strip()
    if not (answer.isdigit() and int(answer) <= 999):
        raise DataError(f"AIME/{row['id']}: answer {answer!r} is no integer from 0 to 999; fetch the data set again")
    contest = str(row["url"]).rsplit("/index.php/", 1)[-1].split("_Problems", 1)[0].replace("_", " ")
    return AnswerTask(f"AIME/{row['id']}", row["problem"], str(int(answer)), row["solution"], kind=contest)
