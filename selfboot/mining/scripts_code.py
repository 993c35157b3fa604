"""Mining of code pairs as the paper's scripts do it, by their facts (data/protocols_paper.toml).

``InventedPairs``: bootstrap, harvest, multi-pair. ``CurriculumByFacts``: curriculum_code. ``SeededByFacts``:
cross_arch, recursive, synergy, diversity, code-to-math. Where the model is trained in between, so it is here, with
LoRA's dropout left on in the rounds after it where a script leaves it on (sampling/dropout.py).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from selfboot.benchmarks.base import Benchmark
from selfboot.formats import code_format
from selfboot.formats.paper.problems import PaperProblem
from selfboot.formats.problems import Problem
from selfboot.keys import BY_FACTS, code_hash
from selfboot.mining.base import Capped, MiningContext, Record, Stages, derive, periodic_stages
from selfboot.mining.by_facts import ask, code_form, drawn, judging, read_code, sorted_out
from selfboot.mining.steps import (
    Attempt,
    attempt,
    batch,
    batches,
    by_task,
    code_pair,
    first,
    greedy_then_sampled,
    valid,
)
from selfboot.paper.protocols import MiningFacts, TrainingFacts
from selfboot.paper.texts import places
from selfboot.records import CodeJob, CodeTask, Item, Pair, Sampling

PLAIN_MBPP = "paper-mbpp-raw3"  # the greedy attempt beside the lens hints


@dataclass(frozen=True)
class ByFacts(Capped):
    """What the miners share: the facts, and the training in between (none: the model stays as it is)."""

    facts: MiningFacts
    training: TrainingFacts | None = None
    target: int | None = None
    name: str = "script"

    def stages(self, records: Sequence[Record]) -> Stages:
        if self.training is None or not self.training.every:
            return ()
        return periodic_stages(self, records, self.training.every, self.training.needed)  # type: ignore[arg-type]

    @property
    def key(self) -> dict[str, object]:
        """What else determines the items: the paper's texts, and the code that reads and judges."""
        return {"texts": {name: one.sha256 for name, one in places().items()}, "by facts": code_hash(*BY_FACTS)}

    def invented(
        self, ctx: MiningContext, prompts: Sequence[str], sampling: Sampling, *label: object
    ) -> tuple[list[Problem], list[str]]:
        """The problems that a script's rule reads in the replies, and why it reads none in the others."""
        replies = ctx.sample(prompts, sampling, *label) if prompts else []
        return sorted_out([read_code(one.text, self.facts) for (one,) in replies])


@dataclass(frozen=True)
class InventedPairs(ByFacts):
    """``facts.rounds`` rounds of ``facts.size`` invented problems, ``facts.attempts`` attempts at each valid one."""

    @property
    def steps(self) -> int:
        return self.facts.rounds

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One round: problems, validity, attempts, and the repair where every attempt failed."""
        facts, ctx = self.facts, judging(ctx, self.facts)
        sampling = drawn(facts, facts.problem_tokens, facts.problem_temperature)
        problems, refused = self.invented(
            ctx, [ask(ctx, facts, facts.problem)] * facts.size, sampling, "problem", index
        )
        good = valid(ctx, problems)
        sampling = drawn(facts, facts.attempt_tokens, facts.attempt_temperature, facts.attempts)
        tasks = [p.task("") for p in good]
        tried = attempt(ctx, tasks, code_form(facts), sampling, "attempt", index, trusted=False)
        found = {"asked": facts.size, "well_formed": len(problems), "refused": refused}
        rows = [_row(problem) for problem in good]
        return {**found, "valid": rows, "attempts": tried, "repaired": self._repaired(ctx, index, good, tried)}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        kept: set[str] = set()
        for step, record in enumerate(records):
            for place, (problem, rows) in enumerate(zip(record["valid"], record["attempts"], strict=True)):
                tried = [Attempt(*row) for row in rows]
                repair = record["repaired"].get(str(place))
                if self.facts.pairing == "each-failing":
                    items += _each_failing(problem, tried, self.facts.cap, kept, step)
                else:
                    items += _first_pair(problem, tried, repair, self.facts.pairing == "not-empty", step)
        return items

    def _repaired(
        self, ctx: MiningContext, index: int, problems: Sequence[Problem], tried: Sequence[list[Attempt]]
    ) -> dict[str, str]:
        """One repair of the first attempt for each problem whose attempts all failed; those that pass, by place."""
        lost = [at for at, rows in enumerate(tried) if first(rows, passed=True) is None] if self.facts.repair else []
        prompts = [self._repair_prompt(ctx, problems[at], tried[at][0]) for at in lost]
        sampling = drawn(self.facts, self.facts.attempt_tokens, self.facts.attempt_temperature)
        replies = ctx.sample(prompts, sampling, "repair", index) if prompts else []
        form = code_form(self.facts)
        codes = [form.program(problems[at].task(""), one.text) for at, (one,) in zip(lost, replies, strict=True)]
        jobs = [
            CodeJob(code, problems[at].entry_point, "\n".join(problems[at].tests), trusted_tests=False)
            for at, code in zip(lost, codes, strict=True)
        ]
        outcomes = ctx.grader.grade(jobs)
        return {str(at): code for at, code, o in zip(lost, codes, outcomes, strict=True) if o.passed}

    def _repair_prompt(self, ctx: MiningContext, problem: Problem, broken: Attempt) -> str:
        values = {"signature": problem.signature, "tests": "\n".join(problem.tests)}
        return ask(ctx, self.facts, self.facts.repair, **values, broken=broken.program, error=broken.detail)


def _row(problem: Problem) -> Record:
    return {"raw": "", **asdict(problem)}


def _first_pair(
    problem: Record, tried: Sequence[Attempt], repair: str | None, not_empty: bool, step: int
) -> list[Item]:
    """The first failing and the first passing attempt, or else the repair."""
    broken, fixed = first(tried, passed=False), first(tried, passed=True)
    if broken is not None and not broken.program and not_empty:
        return []
    if fixed is None and repair is not None:
        fixed = Attempt(repair, "passed", "")
    return code_pair(problem["signature"], problem["tests"], broken, fixed, step=step)


def _each_failing(problem: Record, tried: Sequence[Attempt], cap: int, kept: set[str], step: int) -> list[Item]:
    """Every failing attempt with the first passing one; code that differs only in spaces and case counts once a run."""
    fixed = first(tried, passed=True)
    items: list[Item] = []
    for broken in tried:
        same = re.sub(r"\s+", " ", broken.program).strip().lower()
        if fixed is None or broken.passed or same in kept:
            continue
        if len(items) == cap:
            break
        kept.add(same)
        items += code_pair(problem["signature"], problem["tests"], broken, fixed, step=step)
    return items


@dataclass(frozen=True)
class CurriculumByFacts(ByFacts):
    """curriculum_code: a pool that moves to where some attempts pass and some fail; problems may repeat."""

    @property
    def steps(self) -> int:
        return self.facts.rounds

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One round: fill the pool if it is empty, try it, ask for harder and easier versions."""
        facts, ctx = self.facts, judging(ctx, self.facts)
        waiting: list[Problem] = [_problem(row) for row in before[-1]["waiting"]] if before else []
        asked, refused = 0, list[str]()
        if not waiting:
            asked, prompts = facts.size, [ask(ctx, facts, facts.problem)] * facts.size
            sampling = drawn(facts, facts.problem_tokens, facts.problem_temperature)
            new, refused = self.invented(ctx, prompts, sampling, "problem", index)
            waiting = valid(ctx, new)
        random.Random(derive(ctx.seed, "pool", index)).shuffle(waiting)
        now = waiting[: facts.size]
        tried = self._tried(ctx, index, now)
        versions = self._versions(ctx, index, now, tried)
        return {
            **({"asked": asked, "well_formed": asked - len(refused), "refused": refused} if asked else {}),
            "valid": [_row(p) for p in now],
            "tried": tried,
            "waiting": [_row(p) for p in [*waiting[facts.size :], *versions]],
        }

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, record in enumerate(records):
            for problem, (_, more) in zip(record["valid"], record["tried"], strict=True):
                tried = [Attempt(*row) for row in more]
                items += _first_pair(problem, tried, None, self.facts.pairing == "not-empty", step)
        return items

    def _tried(self, ctx: MiningContext, index: int, now: Sequence[Problem]) -> list[tuple[Attempt, list[Attempt]]]:
        facts, form = self.facts, code_form(self.facts)
        greedy, more = drawn(facts, facts.greedy_tokens), drawn(facts, facts.attempt_tokens, facts.attempt_temperature)
        return greedy_then_sampled(
            [p.task("") for p in now],
            lambda some: attempt(ctx, some, form, greedy, "greedy", index, trusted=False),
            lambda some, _: attempt(ctx, some, form, replace(more, n=facts.attempts), "attempt", index, trusted=False),
        )

    def _versions(
        self, ctx: MiningContext, index: int, now: Sequence[Problem], tried: Sequence[tuple[Attempt, list[Attempt]]]
    ) -> list[Problem]:
        """Harder versions of what was solved greedily, easier ones of what gave no pair, all passing included."""
        solved = [p for p, (greedy, _) in zip(now, tried, strict=True) if greedy.passed]
        lost = [p for p, (greedy, more) in zip(now, tried, strict=True) if not greedy.passed and _alike(more)]
        easier = lost[: self.facts.size // 2]
        return [
            *self._vary(ctx, index, solved, self.facts.harder, "harder"),
            *self._vary(ctx, index, easier, self.facts.easier, "easier"),
        ]

    def _vary(self, ctx: MiningContext, index: int, some: Sequence[Problem], text: str, label: str) -> list[Problem]:
        prompts = [ask(ctx, self.facts, text, original=_raw(problem)) for problem in some]
        sampling = drawn(self.facts, self.facts.problem_tokens, self.facts.version_temperature)
        return valid(ctx, self.invented(ctx, prompts, sampling, label, index)[0])


def _alike(tried: Sequence[Attempt]) -> bool:
    """Whether no pair can be made: all pass, all fail, or the first failing one is empty."""
    broken, fixed = first(tried, passed=False), first(tried, passed=True)
    return broken is None or fixed is None or not broken.program


def _problem(row: Record) -> Problem:
    return PaperProblem(**{**row, "tests": tuple(row["tests"])})


def _raw(problem: Problem) -> str:
    """All the code that a problem stood in; of a problem that our rule read, its solution and tests."""
    raw = getattr(problem, "raw", "")
    return raw or "\n".join([problem.solution, *problem.tests])


@dataclass(frozen=True)
class SeededByFacts(ByFacts):
    """Seeds at hand: greedy, then samples where it fails; the failure and the first passing sample, both stripped.

    ``facts.rounds`` > 1: so many rounds of ``facts.size`` seeds, the last ones short or empty where the seeds run out,
    each by a fresh adapter on all pairs before. ``facts.lenses``: hints in place of samples, each passing one a pair.
    """

    seeds: Benchmark = field(kw_only=True)

    @property
    def steps(self) -> int:
        return self.facts.rounds if self.facts.rounds > 1 else batches(self.seeds.tasks, self.facts.size)

    def stages(self, records: Sequence[Record]) -> Stages:
        items, needed = self.items(records), self.training.needed if self.training else 1
        return (tuple(items),) if self.facts.rounds > 1 and len(items) >= max(1, needed) else ()

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch of seeds."""
        facts, ctx = self.facts, judging(ctx, self.facts)
        tasks = batch(self.seeds.tasks, facts.size, index)
        plain = code_format(PLAIN_MBPP) if facts.lenses else code_form(facts)
        greedy = drawn(facts, facts.greedy_tokens)
        tried = greedy_then_sampled(
            tasks,
            lambda some: attempt(ctx, some, plain, greedy, "greedy", index),
            lambda some, _: self._sampled(ctx, index, some),
        )
        return {"tasks": [task.task_id for task in tasks], "tried": tried}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, task, (greedy, more) in by_task(records, self.seeds.tasks):
            passing = [Attempt(*row) for row in more if Attempt(*row).passed]
            for fixed in passing if self.facts.lenses else passing[:1]:
                items.append(_stripped(task, Attempt(*greedy), fixed, step))
        return items

    def _sampled(self, ctx: MiningContext, index: int, tasks: Sequence[CodeTask]) -> list[list[Attempt]]:
        facts = self.facts
        sampling = drawn(facts, facts.attempt_tokens, facts.attempt_temperature, facts.attempts)
        names = facts.lenses or (facts.format,)
        by_form = [attempt(ctx, tasks, code_format(name), sampling, name, index) for name in names]
        return [[one for row in rows for one in row] for rows in zip(*by_form, strict=True)]


def _stripped(task: CodeTask, greedy: Attempt, fixed: Attempt, step: int) -> Pair:
    meta = {"step": str(step), "task_id": task.task_id}
    tests = tuple(test for test in task.tests if not test.startswith(("import ", "from ")))
    return Pair(task.prompt, tests, greedy.program.strip(), greedy.detail, fixed.program.strip(), meta)
