"""Vanilla bootstrap on word problems (§3.8): what the curriculum is compared with.

The model invents problems and attempts them; the first wrong and the first right attempt make a repair, whose prompt
shows the wrong attempt and says so. Every few rounds the adapter is continued on all of them so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from selfboot.formats.base import answer_format
from selfboot.formats.word_problems import word_problem_prompt
from selfboot.mining.base import Capped, MiningContext, Record, Stages, periodic_stages
from selfboot.mining.steps import Answer, answer, first, invent_math, unseen
from selfboot.records import Item, Sampling, Solution


@dataclass(frozen=True)
class VanillaMathMiner(Capped):
    """``steps`` rounds of ``problems`` problems, ``attempts`` attempts each; trains every ``train_every`` rounds.

    ``agree``: as in the curriculum.
    """

    steps: int = 20
    problems: int = 16
    attempts: int = 4
    target: int | None = None
    train_every: int = 8
    needed: int = 10
    agree: bool = True
    problem_sampling: Sampling = Sampling(300, temperature=0.9)
    attempt_sampling: Sampling = Sampling(400, temperature=0.7)
    format: str = "gsm8k"
    name: str = "vanilla-math"

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One round: problems, attempts."""
        prompts = [word_problem_prompt(ctx.chat)] * self.problems
        parsed = invent_math(ctx, prompts, self.problem_sampling, "problem", index, agree=self.agree)
        good = unseen(parsed, lambda p: p.text, (row["text"] for record in before for row in record["valid"]))
        form, sampling = answer_format(self.format), replace(self.attempt_sampling, n=self.attempts)
        tried = answer(ctx, [p.task("") for p in good], form, sampling, "attempt", index)
        return {"asked": self.problems, "valid": [asdict(p) for p in good], "tried": tried}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, record in enumerate(records):
            for problem, rows in zip(record["valid"], record["tried"], strict=True):
                items += self._repair(problem, [Answer(*row) for row in rows], step)
        return items

    def stages(self, records: Sequence[Record]) -> Stages:
        return periodic_stages(self, records, self.train_every, self.needed)

    def _repair(self, problem: Record, answers: Sequence[Answer], step: int) -> list[Item]:
        wrong, right = first(answers, passed=False), first(answers, passed=True)
        if wrong is None or right is None:
            return []
        meta = {"step": str(step)}
        return [Solution(problem["text"], right.text, problem["answer"], wrong.text, "repair", self.format, meta)]
