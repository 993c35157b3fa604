"""MiniEval: the organism's own benchmark, 164 held-out tasks.

``minieval-plus`` judges with the hidden tests too; ``minieval-dev`` is the split to tune on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import Benchmark, read_jsonl
from selfboot.errors import DataError
from selfboot.paths import DATA, require
from selfboot.records import CodeTask


def load(name: str) -> Benchmark:
    """MiniEval from data/minieval/ (made by ``selfboot.organism``)."""
    path = require(DATA / "minieval" / ("dev.jsonl" if name == "minieval-dev" else "test.jsonl"), "MiniEval")
    tasks = tuple(_task(path, number, row) for number, row in enumerate(read_jsonl(path), 1))
    return Benchmark(name, tasks, plus=name == "minieval-plus")


def _task(path: Path, number: int, row: dict[str, Any]) -> CodeTask:
    try:
        return CodeTask(
            task_id=row["task_id"],
            prompt=row["prompt"],
            entry_point=row["entry_point"],
            tests=tuple(row["tests"]),
            canonical=row["canonical_solution"],
            plus_tests=tuple(row["plus_tests"]),
            level=row["level"],
            kind=row["kind"],
        )
    except KeyError as error:
        raise DataError(f"{path}:{number}: field {error} is missing; restore the file from the repository") from None
