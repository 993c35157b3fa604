"""MiniSeeds: 300 task seeds in MBPP's form (text, asserts, program), to mine from, never to score on (§3.9)."""

from __future__ import annotations

from typing import Any

from selfboot.benchmarks.base import Benchmark, read_rows
from selfboot.paths import DATA, require
from selfboot.records import CodeTask


def load(name: str) -> Benchmark:
    """MiniSeeds from data/minieval/seeds.jsonl (made by ``selfboot.organism``); ``canonical`` is a whole program."""
    return Benchmark(name, read_rows(require(DATA / "minieval" / "seeds.jsonl", "MiniSeeds"), _task))


def _task(row: dict[str, Any]) -> CodeTask:
    return CodeTask(row["task_id"], row["text"], row["entry_point"], tuple(row["tests"]), row["code"], kind=row["kind"])
