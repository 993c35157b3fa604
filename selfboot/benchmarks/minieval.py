"""MiniEval: the mini model's own benchmark, 164 held-out tasks.

``minieval-plus`` judges with the hidden tests too; ``minieval-dev`` is the split to tune on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import Benchmark, read_rows
from selfboot.paths import TASKS, require
from selfboot.records import CodeTask


def load(name: str) -> Benchmark:
    """MiniEval from data/tasks/minieval/ (made by ``fixtures.organism.generator``)."""
    path = require(TASKS / "minieval" / ("dev.jsonl" if name == "minieval-dev" else "test.jsonl"), "MiniEval")
    return Benchmark(name, read_tasks(path), plus=name == "minieval-plus")


def read_tasks(path: Path) -> tuple[CodeTask, ...]:
    """The tasks of a file in MiniEval's form."""
    return read_rows(path, _task)


def _task(row: dict[str, Any]) -> CodeTask:
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
