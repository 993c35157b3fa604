"""The automatic difficulty curriculum (§2.3, §3.8), for word problems and for code.

A pool of invented problems moves to where the model sometimes succeeds: what it solves greedily comes back harder, what
no attempt solves comes back easier, and what only sampling solves is what is learned. Every few rounds the adapter is
continued on everything found so far, and the next rounds are the trained model's.
Deviation from the paper: a problem that the run has seen before does not enter the pool again.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, TypeVar

from selfboot.formats.base import answer_format, code_format
from selfboot.formats.problems import Problem, problem_prompt
from selfboot.formats.word_problems import WordProblem, word_problem_prompt
from selfboot.mining.base import Capped, MiningContext, Record, Stages, derive, periodic_stages
from selfboot.mining.steps import (
    Answer,
    Attempt,
    Tried,
    answer,
    attempt,
    code_pair,
    first,
    greedy_then_sampled,
    invent,
    invent_math,
    plain,
    unseen,
    valid,
)
from selfboot.records import Item, Sampling

P = TypeVar("P", Problem, WordProblem)


@dataclass(frozen=True)
class Curriculum(Capped, ABC, Generic[P]):
    """What both curricula share: ``steps`` rounds, ``pool`` problems a round, ``attempts`` samples where greedy fails.

    Trains after every ``train_every`` rounds if there are ``needed`` items. New problems are invented when none is left
    (``refill``: whenever less than a pool is left); easier versions are asked for half a pool at most.
    """

    steps: int = 16
    pool: int = 8
    attempts: int = 4
    train_every: int = 4
    needed: int = 5
    refill: bool = False
    target: int | None = None
    problem_sampling: Sampling = Sampling(300, temperature=0.9)
    version_sampling: Sampling = Sampling(300, temperature=0.7)
    greedy_sampling: Sampling = Sampling(300)
    attempt_sampling: Sampling = Sampling(300, temperature=0.8)
    format: str = ""
    name: str = "curriculum"

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One round: fill the pool, try it, ask for harder and easier versions."""
        seen = {self._key(self._read(row)) for record in before for row in record["problems"]}
        waiting: list[P] = [self._read(row) for row in before[-1]["waiting"]] if before else []
        if len(waiting) < (self.pool if self.refill else 1):
            waiting += unseen(self._invent(ctx, index), self._key, seen | {self._key(p) for p in waiting})
        random.Random(derive(ctx.seed, "pool", index)).shuffle(waiting)
        now: list[P] = waiting[: self.pool]
        tried = self._try(ctx, index, now)
        versions = self._versions(ctx, index, now, tried)
        fresh: list[P] = unseen(versions, self._key, seen | {self._key(p) for p in waiting})
        return {
            "problems": [asdict(p) for p in now],
            "tried": tried,
            "versions": len(versions),
            "waiting": [asdict(p) for p in [*waiting[self.pool :], *fresh]],
        }

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, record in enumerate(records):
            for row, (_, more) in zip(record["problems"], record["tried"], strict=True):
                items += self._items(self._read(row), more, step)
        return items

    def stages(self, records: Sequence[Record]) -> Stages:
        return periodic_stages(self, records, self.train_every, self.needed)

    def _versions(
        self, ctx: MiningContext, index: int, problems: Sequence[P], tried: Sequence[tuple[Tried, Sequence[Tried]]]
    ) -> list[P]:
        """Harder versions of what was solved greedily, easier ones of what nothing solved."""
        solved = [p for p, (greedy, _) in zip(problems, tried, strict=True) if greedy.passed]
        lost = [
            p
            for p, (greedy, more) in zip(problems, tried, strict=True)
            if not greedy.passed and not any(one.passed for one in more)
        ]
        harder = self._vary(ctx, index, solved, "harder")
        return harder + self._vary(ctx, index, lost[: self.pool // 2], "easier")

    @abstractmethod
    def _key(self, problem: P) -> str:
        """What makes two problems the same."""

    @abstractmethod
    def _read(self, row: Record) -> P:
        """A problem from a record."""

    @abstractmethod
    def _invent(self, ctx: MiningContext, index: int) -> list[P]:
        """New valid problems."""

    @abstractmethod
    def _vary(self, ctx: MiningContext, index: int, problems: Sequence[P], request: str) -> list[P]:
        """Valid ``"harder"`` or ``"easier"`` versions of problems."""

    @abstractmethod
    def _try(self, ctx: MiningContext, index: int, problems: Sequence[P]) -> Sequence[tuple[Tried, Sequence[Tried]]]:
        """Every problem's greedy attempt, and the sampled ones where it failed."""

    @abstractmethod
    def _items(self, problem: P, more: Sequence[Any], step: int) -> list[Item]:
        """What a problem yields whose greedy attempt failed; ``more``: its sampled attempts as in a record."""


@dataclass(frozen=True)
class MathCurriculum(Curriculum[WordProblem]):
    """Word problems; the first right sampled solution is learned as a plain answer.

    ``agree``: a problem's expression must give the answer that the model claims; if not, the expression alone decides.
    """

    agree: bool = True
    format: str = "gsm8k"
    name: str = "curriculum-math"

    def _key(self, problem: WordProblem) -> str:
        return problem.text

    def _read(self, row: Record) -> WordProblem:
        return WordProblem(**row)

    def _invent(self, ctx: MiningContext, index: int) -> list[WordProblem]:
        prompts = [word_problem_prompt(ctx.chat)] * self.pool
        return invent_math(ctx, prompts, self.problem_sampling, "problem", index, agree=self.agree)

    def _vary(self, ctx: MiningContext, index: int, problems: Sequence[WordProblem], request: str) -> list[WordProblem]:
        prompts = [word_problem_prompt(ctx.chat, request, p) for p in problems]
        return invent_math(ctx, prompts, self.version_sampling, request, index, agree=self.agree)

    def _try(
        self, ctx: MiningContext, index: int, problems: Sequence[WordProblem]
    ) -> list[tuple[Answer, list[Answer]]]:
        form, sampling = answer_format(self.format), replace(self.attempt_sampling, n=self.attempts)
        return greedy_then_sampled(
            [p.task("") for p in problems],
            lambda some: answer(ctx, some, form, self.greedy_sampling, "greedy", index),
            lambda some, _: answer(ctx, some, form, sampling, "attempt", index),
        )

    def _items(self, problem: WordProblem, more: Sequence[Any], step: int) -> list[Item]:
        return plain(problem.task(""), first((Answer(*row) for row in more), passed=True), self.format, step=step)


@dataclass(frozen=True)
class CodeCurriculum(Curriculum[Problem]):
    """Functions with ``min_tests`` asserts or more; the first failing and the first passing sample make a pair."""

    needed: int = 10
    min_tests: int = 3
    problem_sampling: Sampling = Sampling(400, temperature=0.9)
    version_sampling: Sampling = Sampling(400, temperature=0.7)
    attempt_sampling: Sampling = Sampling(300, temperature=0.7)
    format: str = "chat"
    name: str = "curriculum-code"

    def _key(self, problem: Problem) -> str:
        return problem.signature

    def _read(self, row: Record) -> Problem:
        return Problem(**{**row, "tests": tuple(row["tests"])})

    def _invent(self, ctx: MiningContext, index: int) -> list[Problem]:
        prompts = [problem_prompt(ctx.chat)] * self.pool
        return valid(ctx, invent(ctx, prompts, self.problem_sampling, "problem", index, min_tests=self.min_tests))

    def _vary(self, ctx: MiningContext, index: int, problems: Sequence[Problem], request: str) -> list[Problem]:
        prompts = [problem_prompt(ctx.chat, "problem_versions", request, p) for p in problems]
        return valid(ctx, invent(ctx, prompts, self.version_sampling, request, index, min_tests=self.min_tests))

    def _try(self, ctx: MiningContext, index: int, problems: Sequence[Problem]) -> list[tuple[Attempt, list[Attempt]]]:
        form, sampling = code_format(self.format), replace(self.attempt_sampling, n=self.attempts)
        return greedy_then_sampled(
            [p.task("") for p in problems],
            lambda some: attempt(ctx, some, form, self.greedy_sampling, "greedy", index, trusted=False),
            lambda some, _: attempt(ctx, some, form, sampling, "attempt", index, trusted=False),
        )

    def _items(self, problem: Problem, more: Sequence[Any], step: int) -> list[Item]:
        tried = [Attempt(*row) for row in more]
        broken, fixed = first(tried, passed=False), first(tried, passed=True)
        return code_pair(problem.signature, problem.tests, broken, fixed, step=step)
