"""Self-bootstrap mining (§2.1): the model invents problems with tests, attempts them, and its own failures and
successes become (broken, fixed) pairs; when every attempt at a problem fails, one repair with the error is tried.

Deviations from the paper: problems are mined from the given model only unless ``train_every`` is set, a problem whose
signature was seen before in the run is skipped, and the run ends when ``target`` pairs are there.
``shuffle_tests`` is the control: each problem gets another one's tests, so nothing should survive.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfboot.formats.base import code_format
from selfboot.formats.chat import fenced
from selfboot.formats.problems import Problem, problem_prompt
from selfboot.formats.repair import repair_messages
from selfboot.mining.base import Capped, MiningContext, Record, Stages, derive, periodic_stages
from selfboot.mining.steps import Attempt, attempt, code_pair, first, invent, job, unseen, valid
from selfboot.records import Item, Sampling


@dataclass(frozen=True)
class BootstrapMiner(Capped):
    """``steps`` rounds of ``problems`` problems with ``attempts`` attempts each, until ``target`` pairs are mined.

    ``train_every``: continue the adapter on all pairs so far after so many rounds, from ``needed`` pairs on; 0: never.
    ``repairs=False`` leaves the repairs out (the 4-bit mining run: 20 rounds of 8 problems, attempts only).
    """

    steps: int = 20
    problems: int = 16
    attempts: int = 4
    target: int | None = None
    problem_sampling: Sampling = Sampling(400, temperature=0.9)
    attempt_sampling: Sampling = Sampling(400, temperature=0.8)
    format: str = "chat"
    repairs: bool = True
    shuffle_tests: bool = False
    train_every: int = 0
    needed: int = 10
    name: str = "bootstrap"

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One round: problems, validity, attempts, repairs."""
        parsed = invent(ctx, [problem_prompt(ctx.chat)] * self.problems, self.problem_sampling, "problem", index)
        fresh = unseen(parsed, lambda p: p.signature, (row["signature"] for r in before for row in r["valid"]))
        if self.shuffle_tests:
            fresh = _with_shuffled_tests(fresh, derive(ctx.seed, "shuffle", index))
        good = valid(ctx, fresh)
        form, sampling = code_format(self.format), replace(self.attempt_sampling, n=self.attempts)
        tried = attempt(ctx, [p.task("") for p in good], form, sampling, "attempt", index, trusted=False)
        return {
            "asked": self.problems,
            "well_formed": len(parsed),
            "fresh": len(fresh),
            "valid": [{"signature": p.signature, "tests": p.tests, "solution": p.solution} for p in good],
            "attempts": tried,
            "repaired": self._repair(ctx, index, good, tried),
        }

    def found(self, records: Sequence[Record]) -> list[Item]:
        return [item for step, record in enumerate(records) for item in _pairs(record, step)]

    def stages(self, records: Sequence[Record]) -> Stages:
        return periodic_stages(self, records, self.train_every, self.needed) if self.train_every else ()

    def _repair(
        self, ctx: MiningContext, index: int, problems: Sequence[Problem], tried: Sequence[list[Attempt]]
    ) -> dict[str, str]:
        """One repair attempt for each problem whose attempts all failed; the successful ones by the problem's place."""
        lost = [i for i, attempts in enumerate(tried) if first(attempts, passed=True) is None]
        if not lost or not self.repairs:
            return {}
        prompts = [_repair_prompt(ctx, problems[i], tried[i][0]) for i in lost]
        drawn = ctx.sample(prompts, replace(self.attempt_sampling, stop=code_format(self.format).stop), "repair", index)
        programs = [fenced(completion.text) for (completion,) in drawn]
        jobs = [job(problems[i].task(""), code, trusted=False) for i, code in zip(lost, programs, strict=True)]
        outcomes = ctx.grader.grade(jobs)
        return {str(i): code for i, code, o in zip(lost, programs, outcomes, strict=True) if o.passed}


def _repair_prompt(ctx: MiningContext, problem: Problem, broken: Attempt) -> str:
    return ctx.chat(repair_messages(problem.signature, problem.tests, broken.program, broken.detail))


def _pairs(record: Record, step: int) -> list[Item]:
    """Of each problem the first failing and first passing attempt; if all failed, the first one and its repair."""
    items: list[Item] = []
    for i, (problem, rows) in enumerate(zip(record["valid"], record["attempts"], strict=True)):
        attempts = [Attempt(*row) for row in rows]
        fixed, source = first(attempts, passed=True), "attempt"
        if fixed is None and str(i) in record["repaired"]:
            fixed, source = Attempt(record["repaired"][str(i)], "passed", ""), "repair"
        broken = first(attempts, passed=False)
        items += code_pair(problem["signature"], problem["tests"], broken, fixed, step=step, source=source)
    return items


def _with_shuffled_tests(problems: Sequence[Problem], seed: int) -> list[Problem]:
    """Every problem with the tests of another one, its function's name put in: only behaviour can now be wrong."""
    if len(problems) < 2:
        return []
    order = list(range(len(problems)))
    random.Random(seed).shuffle(order)
    donor = {order[i]: problems[order[i - 1]] for i in range(len(order))}
    return [_donated(problem, donor[i]) for i, problem in enumerate(problems)]


def _donated(problem: Problem, donor: Problem) -> Problem:
    name = re.compile(rf"\b{re.escape(donor.entry_point)}\b")
    tests = tuple(name.sub(problem.entry_point, test) for test in donor.tests)
    return Problem(problem.signature, problem.entry_point, tests, problem.solution)
