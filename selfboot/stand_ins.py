"""Made-up pairs for rehearsals on random weights, where a claim's own are not on this machine.

Scores of a rehearsal mean nothing and its results are marked; what it shows are memory, time, and that the suite says
no. So the pairs only need the right number and length (the released ones': about 1,000 characters). Each is marked in
its ``meta`` as what it is; only a caller within ``stand_in_pairs`` is ever given one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from selfboot.records import Pair

MARK = "stand-in"
_ALLOWED: ContextVar[bool] = ContextVar("stand_in_pairs", default=False)


@contextmanager
def stand_in_pairs() -> Iterator[None]:
    """Within it, ``pairs_at_hand`` makes up the pairs that are not on this machine."""
    before = _ALLOWED.set(True)
    try:
        yield
    finally:
        _ALLOWED.reset(before)


def allowed() -> bool:
    """Is this within ``stand_in_pairs``?"""
    return _ALLOWED.get()


def made_up(count: int, first: int = 0) -> list[Pair]:
    """So many pairs from HumanEval's canonical solutions, from task number ``first`` on, around again at the end."""
    from selfboot.benchmarks.base import load_benchmark

    tasks = load_benchmark("humaneval").tasks
    return [
        Pair(
            task.prompt,
            (f"assert callable({task.entry_point})",),
            "",
            "SyntaxError",
            task.prompt + task.canonical,
            {MARK: f"canonical solution of {task.task_id}"},
        )
        for task in itertools.islice(itertools.cycle(tasks), first, first + count)
    ]
