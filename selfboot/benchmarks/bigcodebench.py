"""BigCodeBench-Hard v0.1.4: 148 tasks that need libraries (§3.10), in the instruct form.

Its tests are unittest cases that need the program's real objects: grade them by ``CodeGrader.grade_unittests``
(weaker isolation, and the libraries of the tasks must be installed; ``libraries`` lists them).
"""

from __future__ import annotations

import ast
from typing import Any

from selfboot.benchmarks.base import Benchmark
from selfboot.datasets import read_source
from selfboot.records import CodeTask

KIND, TOKENS = "bigcodebench", 700


def load(name: str) -> Benchmark:
    """The tasks; ``prompt`` is the instruction, ``canonical`` a whole program (imports, header and body)."""
    tasks = tuple(task(row) for row in read_source("bigcodebench-hard"))
    return Benchmark(name, tasks, format="bcb", tokens=TOKENS, unittest=True)


def task(row: dict[str, Any]) -> CodeTask:
    """One row of the data set."""
    whole = row["code_prompt"] + row["canonical_solution"]
    return CodeTask(row["task_id"], row["instruct_prompt"], row["entry_point"], (row["test"],), whole, kind=KIND)


def libraries(rows: list[dict[str, Any]]) -> list[str]:
    """The modules that the tasks name, sorted (``libs`` is a list written as Python text)."""
    return sorted({str(library) for row in rows for library in ast.literal_eval(row["libs"])})
