"""MBPP sanitized (427 tasks): ``mbpp`` is the test split, ``mbpp-train`` the one to mine from (§3.9).

``mbpp-train-functions`` has the latter as header and docstring, for formats that complete a function.
Splits go by task id, as the authors made them. The file is the fetched one, or the authors' ``sanitized-mbpp.json``
that SELFBOOT_MBPP names; both must hold the pinned rows.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import Benchmark
from selfboot.benchmarks.miniseeds import seed_task
from selfboot.datasets import read_source
from selfboot.errors import DataError
from selfboot.records import CodeTask

PATH_ENV = "SELFBOOT_MBPP"
SPLITS = {"mbpp": range(11, 511), "mbpp-train": range(601, 975), "mbpp-train-functions": range(601, 975)}


def load(name: str) -> Benchmark:
    """A split of MBPP sanitized; a task's ``prompt`` is its text, ``canonical`` a whole program."""
    named = os.environ.get(PATH_ENV)
    rows = read_source("mbpp", Path(named) if named else None)
    chosen = [row for row in rows if row["task_id"] in SPLITS[name]]
    if name == "mbpp-train-functions":
        return Benchmark(name, tuple(_function_task(row) for row in chosen))
    return Benchmark(name, tuple(_task(row) for row in chosen), format="mbpp")


def _function_task(row: dict[str, Any]) -> CodeTask:
    return seed_task(f"MBPP/{row['task_id']}", row["prompt"], row["code"], row["test_list"])


def _task(row: dict[str, Any]) -> CodeTask:
    try:
        tests = (*row["test_imports"], *row["test_list"])
        name = _entry_point(row["code"], row["test_list"])
    except (SyntaxError, StopIteration) as error:
        raise DataError(f"MBPP/{row['task_id']}: {error!r}; fetch the data set again") from None
    return CodeTask(f"MBPP/{row['task_id']}", row["prompt"], name, tests, row["code"], kind="mbpp")


def _entry_point(code: str, tests: list[str]) -> str:
    """The function of the program that the tests name first."""
    defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    named = (n.id for n in ast.walk(ast.parse("\n".join(tests))) if isinstance(n, ast.Name))
    return next(name for name in named if name in defined)
