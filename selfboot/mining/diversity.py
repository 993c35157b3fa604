"""Diversity-cued mining (§3.10): task seeds under four "lens" hints; a lens attempt that passes where plain greedy
fails makes a pair.

``function="solution"`` is as the paper did it: every completion is made to start with ``def solution``, while the tests
call the task's own name. ``function=""`` makes it start with the task's own name, which leaves the hints as the only
difference from seeded mining. Lenses are tried only where greedy fails, since only there they can make a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfboot.formats.lens import LENSES, LensFormat
from selfboot.mining.base import MiningContext
from selfboot.mining.seeded import SeededMiner
from selfboot.mining.steps import Attempt, attempt, code_pair
from selfboot.records import CodeTask, Item, Sampling


@dataclass(frozen=True)
class DiversityMiner(SeededMiner):
    """All ``seeds`` (the paper: 150), ``attempts`` attempts under each lens; every passing one makes a pair."""

    function: str = "solution"
    attempts: int = 1
    target: int | None = None
    attempt_sampling: Sampling = Sampling(300, temperature=0.7)
    name: str = "diversity-cued"

    def _sampled(self, ctx: MiningContext, index: int, tasks: Sequence[CodeTask]) -> list[list[Attempt]]:
        """For each task its attempts, lens by lens."""
        sampling = replace(self.attempt_sampling, n=self.attempts)
        by_lens = [attempt(ctx, tasks, LensFormat(lens, self.function), sampling, lens, index) for lens in LENSES]
        return [[one for row in rows for one in row] for rows in zip(*by_lens, strict=True)]

    def _pairs(self, task: CodeTask, greedy: Attempt, more: Sequence[Attempt], step: int) -> list[Item]:
        items: list[Item] = []
        for place, fixed in enumerate(more):
            if fixed.passed:
                lens = LENSES[place // self.attempts]
                items += code_pair(task.prompt, task.tests, greedy, fixed, step=step, task_id=task.task_id, lens=lens)
        return items
