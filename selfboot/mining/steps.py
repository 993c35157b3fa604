"""The steps that miners are put together from: invent, attempt, answer, first greedily then by sampling, pair up.

Attempts and answers are named tuples, so a record holds them as plain lists: ``Attempt(*row)`` reads one back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar

from selfboot.formats.base import AnswerFormat, CodeFormat
from selfboot.formats.problems import MIN_TESTS, Problem, parse_problem
from selfboot.formats.word_problems import WordProblem, parse_word_problem
from selfboot.mining.base import Judged, MiningContext, Record
from selfboot.records import AnswerTask, CodeJob, CodeTask, Item, Pair, Sampling, Solution


class Attempt(NamedTuple):
    """A program that was tried, and what came of it."""

    program: str
    status: str
    detail: str

    @property
    def passed(self) -> bool:
        return self.status == "passed"


class Answer(NamedTuple):
    """A solution that was tried, whether its answer is right, and the answer as read."""

    text: str
    passed: bool
    extracted: str | None


class Tried(Protocol):
    """An attempt or an answer."""

    @property
    def passed(self) -> bool: ...


T = TypeVar("T")
A = TypeVar("A", bound=Tried)
K = TypeVar("K", CodeTask, AnswerTask)


def attempt(
    ctx: MiningContext,
    tasks: Sequence[CodeTask],
    form: CodeFormat,
    sampling: Sampling,
    *label: object,
    trusted: bool = True,
) -> list[list[Attempt]]:
    """For each task ``sampling.n`` programs, run against its tests (``trusted``: the tests are not model-written)."""
    if not tasks:
        return []
    prompts = [form.prompt(task, ctx.chat) for task in tasks]
    drawn = ctx.sample(prompts, replace(sampling, stop=form.stop), *label)
    programs = [[form.program(task, c.text) for c in row] for task, row in zip(tasks, drawn, strict=True)]
    jobs = [job(task, code, trusted) for task, codes in zip(tasks, programs, strict=True) for code in codes]
    outcomes = iter(ctx.grader.grade(jobs))
    return [[Attempt(code, (o := next(outcomes)).status, o.detail) for code in codes] for codes in programs]


def answer(
    ctx: MiningContext, tasks: Sequence[AnswerTask], form: AnswerFormat, sampling: Sampling, *label: object
) -> list[list[Answer]]:
    """For each problem ``sampling.n`` solutions, judged against its answer."""
    prompts = [form.prompt(task, ctx.chat) for task in tasks]
    return judged(ctx, tasks, prompts, form, sampling, *label)


def judged(
    ctx: MiningContext,
    tasks: Sequence[AnswerTask],
    prompts: Sequence[str],
    form: AnswerFormat,
    sampling: Sampling,
    *label: object,
) -> list[list[Answer]]:
    """``answer`` from prompts that are rendered already."""
    if not tasks:
        return []
    drawn = ctx.sample(prompts, replace(sampling, stop=form.stop), *label)
    answers = [(c.text, task.answer) for task, row in zip(tasks, drawn, strict=True) for c in row]
    verdicts = iter(ctx.judge(answers, form.style))
    return [[_answer(c.text, next(verdicts), form.strict) for c in row] for row in drawn]


def _answer(text: str, verdict: Judged, strict: bool) -> Answer:
    return Answer(text, verdict.strict if strict else verdict.lenient, verdict.extracted)


def greedy_then_sampled(
    tasks: Sequence[T],
    greedy: Callable[[Sequence[T]], list[list[A]]],
    sampled: Callable[[Sequence[T], Sequence[A]], list[list[A]]],
) -> list[tuple[A, list[A]]]:
    """Every task's greedy attempt, and what ``sampled`` makes of the failed ones (given their tasks and attempts)."""
    firsts = [row[0] for row in greedy(tasks)]
    failed = [(task, one) for task, one in zip(tasks, firsts, strict=True) if not one.passed]
    more = iter(sampled([task for task, _ in failed], [one for _, one in failed]))
    return [(one, [] if one.passed else next(more)) for one in firsts]


def invent(
    ctx: MiningContext, prompts: Sequence[str], sampling: Sampling, *label: object, min_tests: int = MIN_TESTS
) -> list[Problem]:
    """The well-formed problems among the replies to the requests, in order."""
    drawn = ctx.sample(prompts, sampling, *label) if prompts else []
    return [p for (completion,) in drawn if (p := parse_problem(completion.text, min_tests)) is not None]


def invent_math(
    ctx: MiningContext, prompts: Sequence[str], sampling: Sampling, *label: object, agree: bool = True
) -> list[WordProblem]:
    """The word problems among the replies, in order (``agree``: only those whose expression gives their answer)."""
    drawn = ctx.sample(prompts, sampling, *label) if prompts else []
    return [p for (completion,) in drawn if (p := parse_word_problem(completion.text, agree)) is not None]


def valid(ctx: MiningContext, problems: Sequence[Problem]) -> list[Problem]:
    """The problems whose own solution passes their own tests."""
    outcomes = ctx.grader.grade([job(p.task(""), p.solution, trusted=False) for p in problems])
    return [p for p, outcome in zip(problems, outcomes, strict=True) if outcome.passed]


def unseen(problems: Iterable[T], key: Callable[[T], str], seen: Iterable[str]) -> list[T]:
    """The problems without repetition, and without those seen before."""
    known, fresh = set(seen), []
    for problem in problems:
        if key(problem) not in known:
            known.add(key(problem))
            fresh.append(problem)
    return fresh


def job(task: CodeTask, program: str, trusted: bool) -> CodeJob:
    """The judging of one program by a task's tests."""
    return CodeJob(program, task.entry_point, "\n".join(task.tests), trusted_tests=trusted)


def first(tried: Iterable[A], passed: bool) -> A | None:
    """The first that passed, or the first that failed."""
    return next((one for one in tried if one.passed == passed), None)


def code_pair(
    signature: str, tests: Sequence[str], broken: Attempt | None, fixed: Attempt | None, **meta: object
) -> list[Item]:
    """A failing and a passing attempt at a problem as a pair; nothing when one of them is missing."""
    if broken is None or fixed is None:
        return []
    return [Pair(signature, tuple(tests), broken.program, broken.detail, fixed.program, _text(meta))]


def plain(task: AnswerTask, right: Answer | None, form: str, **meta: object) -> list[Item]:
    """A right solution as a plain answer; nothing when there is none."""
    return [Solution(task.problem, right.text, task.answer, format=form, meta=_text(meta))] if right else []


def batch(tasks: Sequence[T], size: int, index: int) -> Sequence[T]:
    """The ``index``-th ``size`` of the tasks."""
    return tasks[index * size : (index + 1) * size]


def batches(tasks: Sequence[T], size: int) -> int:
    """How many batches the tasks make."""
    return -(-len(tasks) // size)


def by_task(records: Sequence[Record], tasks: Sequence[K]) -> Iterator[tuple[int, K, Any]]:
    """Step, task and what was tried, from records that hold ``tasks`` (ids) and ``tried`` side by side."""
    known = {task.task_id: task for task in tasks}
    for step, record in enumerate(records):
        for name, tried in zip(record["tasks"], record["tried"], strict=True):
            yield step, known[name], tried


def _text(meta: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in meta.items()}
