"""MBPP sanitized, from a local file: ``mbpp`` is the test split, ``mbpp-train`` the one to mine from.

The file is the authors' ``sanitized-mbpp.json`` (a list of 427 tasks), named by SELFBOOT_MBPP. Splits go by task id, as
the authors made them. Not covered yet: fetching it.
"""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import Benchmark
from selfboot.errors import DataError, UnavailableError
from selfboot.records import CodeTask

PATH_ENV = "SELFBOOT_MBPP"
SPLITS = {"mbpp": range(11, 511), "mbpp-train": range(601, 975)}


def load(name: str) -> Benchmark:
    """A split of MBPP sanitized; a task's ``prompt`` is its text, ``canonical`` a whole program."""
    if not os.environ.get(PATH_ENV):
        raise UnavailableError(f"MBPP is not on this machine: set {PATH_ENV} to the path of sanitized-mbpp.json")
    path = Path(os.environ[PATH_ENV])
    return Benchmark(name, tuple(_task(path, row) for row in _rows(path) if row.get("task_id") in SPLITS[name]))


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); correct {PATH_ENV} or get the file again") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: expected a list of tasks; is it sanitized-mbpp.json?")
    return rows


def _task(path: Path, row: dict[str, Any]) -> CodeTask:
    try:
        tests = (*row["test_imports"], *row["test_list"])
        name = _entry_point(row["code"], row["test_list"])
        return CodeTask(f"MBPP/{row['task_id']}", row["prompt"], name, tests, row["code"], kind="mbpp")
    except (KeyError, SyntaxError, StopIteration) as error:
        raise DataError(f"{path}: task {row['task_id']}: {error!r}; is it sanitized-mbpp.json?") from None


def _entry_point(code: str, tests: list[str]) -> str:
    """The function of the program that the tests name first."""
    defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    named = (n.id for n in ast.walk(ast.parse("\n".join(tests))) if isinstance(n, ast.Name))
    return next(name for name in named if name in defined)
