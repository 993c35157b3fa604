"""MiniSeeds: 300 task seeds, to mine from, never to score on (§3.9).

``miniseeds`` has them in MBPP's form (text, asserts, program), ``miniseeds-functions`` as header and docstring, for the
formats that complete a function.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from selfboot.benchmarks.base import Benchmark, read_rows
from selfboot.errors import DataError
from selfboot.paths import TASKS, require
from selfboot.records import CodeTask


def load(name: str) -> Benchmark:
    """MiniSeeds from data/tasks/minieval/seeds.jsonl (made by ``fixtures.organism.generator``).

    In MBPP's form a task's ``prompt`` is its text and ``canonical`` a whole program.
    """
    path = require(TASKS / "minieval" / "seeds.jsonl", "MiniSeeds")
    return Benchmark(name, read_rows(path, _function_task if name == "miniseeds-functions" else _task))


def _task(row: dict[str, Any]) -> CodeTask:
    return CodeTask(row["task_id"], row["text"], row["entry_point"], tuple(row["tests"]), row["code"], kind=row["kind"])


def _function_task(row: dict[str, Any]) -> CodeTask:
    return seed_task(row["task_id"], row["text"], row["code"], row["tests"])


def seed_task(task_id: str, text: str, code: str, tests: Sequence[str]) -> CodeTask:
    """A seed in MBPP's form (text, program, asserts) as a task; its last function is the one asked for.

    Raises DataError when the code holds no function.
    """
    functions = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
    if not functions:
        raise DataError(f"seed {task_id}: its code defines no function; leave the seed out")
    lines, body = code.rstrip().split("\n"), functions[-1].body[0].lineno - 1
    prompt = "\n".join([*lines[:body], f'    """{text}"""']) + "\n"
    return CodeTask(task_id, prompt, functions[-1].name, tuple(tests), "\n".join(lines[body:]) + "\n")
