"""MiniMath: word problems with held-out numbers, kinds and lengths; the mini model's GSM8K and MATH.

``minimath`` is the frozen test split, ``minimath-hard`` its slice of six to eight steps (for the AIME row),
``minimath-train`` the problems to mine from, ``minimath-dev`` the split to tune on. The files go from easy to hard;
tasks come in a fixed shuffled order, so that the first so many of them are of all levels.
"""

from __future__ import annotations

import random
from typing import Any

from selfboot.benchmarks.base import AnswerBenchmark, read_rows
from selfboot.paths import TASKS, require
from selfboot.records import AnswerTask

HARD = 5  # the level of the hard slice
SHUFFLE = 42


def load(name: str) -> AnswerBenchmark:
    """MiniMath from data/tasks/minimath/ (made by ``fixtures.organism.generator``)."""
    split = {"minimath-dev": "dev", "minimath-train": "train"}.get(name, "test")
    tasks = read_rows(require(TASKS / "minimath" / f"{split}.jsonl", "MiniMath"), _task)
    wanted = [task for task in tasks if task.level == HARD or name != "minimath-hard"]
    random.Random(SHUFFLE).shuffle(wanted)
    return AnswerBenchmark(name, tuple(wanted))


def _task(row: dict[str, Any]) -> AnswerTask:
    return AnswerTask(row["task_id"], row["problem"], row["answer"], row["solution"], row["level"], row["kind"])
