"""Self-bootstrap mining (§2.1): the model invents problems with tests, attempts them, and its own failures and
successes become (broken, fixed) pairs; when every attempt at a problem fails, one repair with the error is tried.

Deviations from the paper: problems are mined from the given model only (no training in between), a problem whose
signature was seen before in the run is skipped, and the run ends when ``target`` pairs are there.
``shuffle_tests`` is the control: each problem gets another one's tests, so nothing should survive.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from selfboot.formats.base import CodeFormat, code_format
from selfboot.formats.chat import fenced
from selfboot.formats.problems import Problem, parse_problem, problem_prompt
from selfboot.formats.repair import repair_messages
from selfboot.mining.base import MiningContext, Record, derive
from selfboot.records import CodeJob, Outcome, Pair, Sampling


@dataclass(frozen=True)
class BootstrapMiner:
    """``steps`` rounds of ``problems`` problems with ``attempts`` attempts each, until ``target`` pairs are mined."""

    steps: int = 20
    problems: int = 16
    attempts: int = 4
    target: int | None = None
    problem_sampling: Sampling = Sampling(400, temperature=0.9)
    attempt_sampling: Sampling = Sampling(400, temperature=0.8)
    format: str = "chat"
    shuffle_tests: bool = False
    name: str = "bootstrap"

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One round: problems, validity, attempts, repairs."""
        parsed = self._invent(ctx, index)
        seen = {item["signature"] for record in before for item in record["valid"]}
        fresh = list({p.signature: p for p in parsed if p.signature not in seen}.values())
        if self.shuffle_tests:
            fresh = _with_shuffled_tests(fresh, derive(ctx.seed, "shuffle", index))
        valid = [p for p, outcome in zip(fresh, self._own_solutions(ctx, fresh), strict=True) if outcome.passed]
        tried = self._attempt(ctx, index, valid)
        repaired = self._repair(ctx, index, valid, tried)
        return {
            "asked": self.problems,
            "well_formed": len(parsed),
            "fresh": len(fresh),
            "valid": [{"signature": p.signature, "tests": p.tests, "solution": p.solution} for p in valid],
            "attempts": [[[program, o.status, o.detail] for program, o in attempts] for attempts in tried],
            "repaired": repaired,
        }

    def finished(self, records: Sequence[Record]) -> bool:
        return self.target is not None and len(self._all_pairs(records)) >= self.target

    def pairs(self, records: Sequence[Record]) -> list[Pair]:
        return self._all_pairs(records)[: self.target]

    def _invent(self, ctx: MiningContext, index: int) -> list[Problem]:
        prompts = [problem_prompt(ctx.chat)] * self.problems
        drawn = ctx.sample(prompts, self.problem_sampling, "problem", index)
        return [p for (completion,) in drawn if (p := parse_problem(completion.text)) is not None]

    def _own_solutions(self, ctx: MiningContext, problems: Sequence[Problem]) -> list[Outcome]:
        return ctx.grader.grade([_job(p, p.solution) for p in problems])

    def _attempt(self, ctx: MiningContext, index: int, problems: Sequence[Problem]) -> list[list[tuple[str, Outcome]]]:
        """For each problem its attempts as (program, outcome)."""
        form = code_format(self.format)
        prompts = [form.prompt(p.task(""), ctx.chat) for p in problems]
        sampling = _with(self.attempt_sampling, form, self.attempts)
        drawn = ctx.sample(prompts, sampling, "attempt", index) if problems else []
        programs = [[form.program(p.task(""), c.text) for c in cs] for p, cs in zip(problems, drawn, strict=True)]
        jobs = [_job(p, code) for p, codes in zip(problems, programs, strict=True) for code in codes]
        outcomes = iter(ctx.grader.grade(jobs))
        return [[(code, next(outcomes)) for code in codes] for codes in programs]

    def _repair(
        self, ctx: MiningContext, index: int, problems: Sequence[Problem], tried: Sequence[list[tuple[str, Outcome]]]
    ) -> dict[str, str]:
        """One repair attempt for each problem whose attempts all failed; the successful ones by the problem's place."""
        lost = [i for i, attempts in enumerate(tried) if not any(o.passed for _, o in attempts)]
        if not lost:
            return {}
        prompts = [_repair_prompt(ctx, problems[i], *tried[i][0]) for i in lost]
        drawn = ctx.sample(prompts, _with(self.attempt_sampling, code_format(self.format), 1), "repair", index)
        programs = [fenced(completion.text) for (completion,) in drawn]
        outcomes = ctx.grader.grade([_job(problems[i], code) for i, code in zip(lost, programs, strict=True)])
        return {str(i): code for i, code, o in zip(lost, programs, outcomes, strict=True) if o.passed}

    def _all_pairs(self, records: Sequence[Record]) -> list[Pair]:
        pairs = []
        for step, record in enumerate(records):
            for i, (problem, attempts) in enumerate(zip(record["valid"], record["attempts"], strict=True)):
                pair = _pair(problem, attempts, record["repaired"].get(str(i)), step)
                if pair is not None:
                    pairs.append(pair)
        return pairs


def _with(sampling: Sampling, form: CodeFormat, n: int) -> Sampling:
    return Sampling(sampling.max_new_tokens, sampling.temperature, sampling.top_p, n, form.stop)


def _job(problem: Problem, program: str) -> CodeJob:
    return CodeJob(program, problem.entry_point, "\n".join(problem.tests), trusted_tests=False)


def _repair_prompt(ctx: MiningContext, problem: Problem, broken: str, outcome: Outcome) -> str:
    return ctx.chat(repair_messages(problem.signature, problem.tests, broken, outcome.detail))


def _pair(problem: Record, attempts: list[tuple[str, str, str]], repaired: str | None, step: int) -> Pair | None:
    """First failing with first passing attempt; if all failed, the first failing one with its repair."""
    failing = next(((code, detail) for code, status, detail in attempts if status != "passed"), None)
    passing = next((code for code, status, _ in attempts if status == "passed"), repaired)
    if failing is None or passing is None:
        return None
    meta = {"step": str(step), "source": "attempt" if passing is not repaired else "repair"}
    return Pair(problem["signature"], tuple(problem["tests"]), failing[0], failing[1], passing, meta)


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
