r"""Seeds in the order of the paper's scripts: full MBPP train and MATH train, each shuffled by Python's seed 42.

``mbpp-full-train``: 374 tasks, for recursive, synergy, diversity and code-to-math. ``math-train-shuffled``: the seven
subjects joined and shuffled; a problem whose solution has no ``\boxed{`` is left out, as the scripts leave it out.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Sequence
from typing import Any

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.datasets import read_source
from selfboot.errors import DataError
from selfboot.formats.paper.reading import boxed_of
from selfboot.records import AnswerTask, CodeTask

SEED, TOKENS = 42, 600
Row = dict[str, Any]


def load(name: str) -> Benchmark | AnswerBenchmark:
    """One of the two; ``name:200`` is what a script takes of it."""
    if name == "mbpp-full-train":
        return Benchmark(name, tuple(map(code_task, shuffled(read_source(name)))), format="mbpp")
    rows = enumerate(read_source("math-train"))
    tasks = (answer_task(f"{name}/{at}", row) for at, row in shuffled(list(rows)))
    return AnswerBenchmark(name, tuple(task for task in tasks if task.answer), "math", TOKENS)


def shuffled(rows: Sequence[Any]) -> list[Any]:
    """The rows in the order that ``random.seed(42); random.shuffle(rows)`` gives."""
    found = list(rows)
    random.Random(SEED).shuffle(found)
    return found


def code_task(row: Row) -> CodeTask:
    """One row of full MBPP; its asserts are the tests, its set-up code is not used, as in the scripts."""
    try:
        name = _entry_point(row["code"], row["test_list"])
    except (SyntaxError, StopIteration) as error:
        raise DataError(f"MBPP/{row['task_id']}: {error!r}; fetch the data set again") from None
    return CodeTask(f"MBPP/{row['task_id']}", row["text"], name, tuple(row["test_list"]), row["code"], kind="mbpp")


def answer_task(task_id: str, row: Row) -> AnswerTask:
    r"""One row of MATH train; ``answer`` is empty where the solution has no closed ``\boxed{``."""
    answer = boxed_of(row["solution"]) or ""
    return AnswerTask(task_id, row["problem"], answer, row["solution"], kind=row["type"])


def _entry_point(code: str, tests: Sequence[str]) -> str:
    """The first function that the asserts call and the code defines, or else the first that they call."""
    nodes = ast.walk(ast.parse("\n".join(tests)))
    called = [n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return next(name for name in (*(name for name in called if name in defined), *called))
