"""Self-correction traces (§3.10): a wrong attempt, the line of doubt, and a continuation that finds the right answer.

Naive: traces alone, which teaches to be wrong first. Mixed: as many right greedy solutions as plain answers among them.
A continuation is judged by what it says after the line of doubt alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.formats.base import answer_format
from selfboot.formats.traces import reconsider
from selfboot.mining.base import Capped, MiningContext, Record, derive
from selfboot.mining.steps import Answer, answer, batch, by_task, first, greedy_then_sampled, judged, plain
from selfboot.records import AnswerTask, Item, Sampling, Solution


@dataclass(frozen=True)
class SelfCorrectionMiner(Capped):
    """At most ``steps`` batches of ``size`` ``seeds``, until there are ``target`` traces and ``mixed`` right solutions.

    ``mixed``: so many right greedy solutions go among the traces, shuffled; 0 is the naive form.
    """

    seeds: AnswerBenchmark
    steps: int = 8
    size: int = 48
    attempts: int = 4
    target: int | None = 100
    mixed: int = 0
    shuffle: int = 42
    greedy_sampling: Sampling = Sampling(600)
    attempt_sampling: Sampling = Sampling(600, temperature=0.8)
    format: str = "math"
    name: str = "self-correction"

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch of problems."""
        form, tasks = answer_format(self.format), batch(self.seeds.tasks, self.size, index)
        tried = greedy_then_sampled(
            tasks,
            lambda some: answer(ctx, some, form, self.greedy_sampling, "greedy", index),
            lambda some, wrong: self._continued(ctx, index, some, wrong),
        )
        return {"tasks": [task.task_id for task in tasks], "tried": tried}

    def finished(self, records: Sequence[Record]) -> bool:
        enough = self.target is not None and len(self.found(records)) >= self.target
        return enough and len(self._right(records)) >= self.mixed

    def items(self, records: Sequence[Record]) -> list[Item]:
        traces, right = self.found(records)[: self.target], self._right(records)[: self.mixed]
        items = [*traces, *right]
        if right:
            random.Random(derive(self.shuffle, "mix")).shuffle(items)
        return items

    def found(self, records: Sequence[Record]) -> list[Item]:
        """The traces."""
        items: list[Item] = []
        for step, task, (greedy, more) in by_task(records, self.seeds.tasks):
            fixed = first((Answer(*row) for row in more), passed=True)
            if fixed is not None:
                items.append(self._trace(task, Answer(*greedy), fixed, step))
        return items

    def _right(self, records: Sequence[Record]) -> list[Item]:
        """The right greedy solutions, as plain answers."""
        items: list[Item] = []
        for step, task, (greedy, _) in by_task(records, self.seeds.tasks):
            items += plain(task, first([Answer(*greedy)], passed=True), self.format, step=step)
        return items

    def _continued(
        self, ctx: MiningContext, index: int, tasks: Sequence[AnswerTask], wrong: Sequence[Answer]
    ) -> list[list[Answer]]:
        """For each wrong attempt its continuations behind the line of doubt."""
        form, sampling = answer_format(self.format), replace(self.attempt_sampling, n=self.attempts)
        prompts = [form.prompt(task, ctx.chat) + reconsider(one.text) for task, one in zip(tasks, wrong, strict=True)]
        return judged(ctx, tasks, prompts, form, sampling, "continue", index)

    def _trace(self, task: AnswerTask, wrong: Answer, right: Answer, step: int) -> Solution:
        meta = {"step": str(step)}
        return Solution(task.problem, right.text, task.answer, wrong.text, "trace", self.format, meta)
