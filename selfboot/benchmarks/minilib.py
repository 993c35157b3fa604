"""MiniLib: 60 held-out tasks that need the standard library, the organism's stand-in for BigCodeBench-Hard (§3.10)."""

from __future__ import annotations

from selfboot.benchmarks.base import Benchmark
from selfboot.benchmarks.minieval import read_tasks
from selfboot.paths import DATA, require


def load(name: str) -> Benchmark:
    """MiniLib from data/minilib/ (made by ``selfboot.organism``); a row is as MiniEval's."""
    return Benchmark(name, read_tasks(require(DATA / "minilib" / "test.jsonl", "MiniLib")))
