"""Seeded mining (§3.9): task seeds at hand, the model's own solutions only; greedy, then samples where greedy fails.

The greedy failure and the first passing sample make a pair. Tests are the seeds' own, hence trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfboot.benchmarks.base import Benchmark
from selfboot.formats.base import code_format
from selfboot.mining.base import Capped, MiningContext, Record
from selfboot.mining.steps import Attempt, attempt, batch, batches, by_task, code_pair, first, greedy_then_sampled
from selfboot.records import CodeTask, Item, Sampling


@dataclass(frozen=True)
class SeededMiner(Capped):
    """All ``seeds`` in batches of ``size``, at most ``target`` pairs; ``stop`` replaces the format's stop strings."""

    seeds: Benchmark
    size: int = 50
    attempts: int = 8
    target: int | None = 200
    greedy_sampling: Sampling = Sampling(400)
    attempt_sampling: Sampling = Sampling(400, temperature=0.8)
    format: str = "mbpp"
    stop: tuple[str, ...] | None = None
    name: str = "seeded"

    @property
    def steps(self) -> int:
        return batches(self.seeds.tasks, self.size)

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch of seeds."""
        form, tasks = code_format(self.format, self.stop), batch(self.seeds.tasks, self.size, index)
        tried = greedy_then_sampled(
            tasks,
            lambda some: attempt(ctx, some, form, self.greedy_sampling, "greedy", index),
            lambda some, _: self._sampled(ctx, index, some),
        )
        return {"tasks": [task.task_id for task in tasks], "tried": tried}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, task, (greedy, more) in by_task(records, self.seeds.tasks):
            items += self._pairs(task, Attempt(*greedy), [Attempt(*row) for row in more], step)
        return items

    def _sampled(self, ctx: MiningContext, index: int, tasks: Sequence[CodeTask]) -> list[list[Attempt]]:
        sampling = replace(self.attempt_sampling, n=self.attempts)
        return attempt(ctx, tasks, code_format(self.format, self.stop), sampling, "attempt", index)

    def _pairs(self, task: CodeTask, greedy: Attempt, more: Sequence[Attempt], step: int) -> list[Item]:
        fixed = first(more, passed=True)
        return code_pair(task.prompt, task.tests, greedy, fixed, step=step, task_id=task.task_id)
