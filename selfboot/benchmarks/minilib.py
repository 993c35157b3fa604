"""MiniLib: 150 held-out tasks that need the standard library: BigCodeBench-Hard (§3.10) for the mini model."""

from __future__ import annotations

from selfboot.benchmarks.base import Benchmark
from selfboot.benchmarks.minieval import read_tasks
from selfboot.paths import TASKS, require


def load(name: str) -> Benchmark:
    """MiniLib from data/tasks/minilib/ (made by ``fixtures.organism.generator``); a row is as MiniEval's."""
    return Benchmark(name, read_tasks(require(TASKS / "minilib" / "test.jsonl", "MiniLib")))
