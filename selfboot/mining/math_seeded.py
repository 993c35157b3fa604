"""Seeded mining of answers (§3.10, distribution mismatch): given problems, own solutions as plain answers.

Greedy solutions that are right are kept as well as sampled ones where greedy fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.formats.base import answer_format
from selfboot.mining.base import Capped, MiningContext, Record
from selfboot.mining.steps import Answer, answer, batch, by_task, first, greedy_then_sampled, plain
from selfboot.records import Item, Sampling


@dataclass(frozen=True)
class MathSeededMiner(Capped):
    """At most ``steps`` batches of ``size`` of the ``seeds``, at most ``target`` solutions."""

    seeds: AnswerBenchmark
    steps: int = 6
    size: int = 32
    attempts: int = 4
    target: int | None = 120
    greedy_sampling: Sampling = Sampling(600)
    attempt_sampling: Sampling = Sampling(600, temperature=0.8)
    format: str = "math"
    name: str = "math-seeded"

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch of problems."""
        form, sampling = answer_format(self.format), replace(self.attempt_sampling, n=self.attempts)
        tasks = batch(self.seeds.tasks, self.size, index)
        tried = greedy_then_sampled(
            tasks,
            lambda some: answer(ctx, some, form, self.greedy_sampling, "greedy", index),
            lambda some, _: answer(ctx, some, form, sampling, "attempt", index),
        )
        return {"tasks": [task.task_id for task in tasks], "tried": tried}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, task, (greedy, more) in by_task(records, self.seeds.tasks):
            right = first((Answer(*row) for row in (greedy, *more)), passed=True)
            source = "sampled" if more else "greedy"
            items += plain(task, right, self.format, step=step, source=source)
        return items
