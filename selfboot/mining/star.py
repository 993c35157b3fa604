"""STaR, or rejection sampling (related work): several solutions of given problems, the first right one of each is kept.

Given problems, own solutions: the comparison for the curriculum, which invents its problems too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.formats.base import answer_format
from selfboot.mining.base import Capped, MiningContext, Record
from selfboot.mining.steps import Answer, answer, batch, batches, by_task, first, plain
from selfboot.records import Item, Sampling


@dataclass(frozen=True)
class StarMiner(Capped):
    """All ``seeds`` (the paper: the first 300 of GSM8K train) in batches of ``size``, ``attempts`` solutions each."""

    seeds: AnswerBenchmark
    size: int = 50
    attempts: int = 8
    target: int | None = None
    attempt_sampling: Sampling = Sampling(400, temperature=0.8)
    format: str = "gsm8k"
    name: str = "star"

    @property
    def steps(self) -> int:
        return batches(self.seeds.tasks, self.size)

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch of problems."""
        tasks = batch(self.seeds.tasks, self.size, index)
        sampling = replace(self.attempt_sampling, n=self.attempts)
        tried = answer(ctx, tasks, answer_format(self.format), sampling, "attempt", index)
        return {"tasks": [task.task_id for task in tasks], "tried": tried}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, task, rows in by_task(records, self.seeds.tasks):
            items += plain(task, first((Answer(*row) for row in rows), passed=True), self.format, step=step)
        return items
