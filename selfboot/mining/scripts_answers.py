"""Mining of solved problems as the paper's scripts do it, by their facts (data/protocols_paper.toml).

``WordProblems``: math_bootstrap (vanilla). ``WordCurriculum``: curriculum_math. ``SeededAnswers``: STaR and
math500_seeded. ``Traces``: self_correction_math_naive. ``Positives``: self_correction_math_fixed. No run is cut at its
target: it ends after the round that reaches it, and everything found is kept.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.formats.word_problems import WordProblem
from selfboot.mining.base import MiningContext, Record, derive
from selfboot.mining.by_facts import answer_form, ask, drawn, judging, read_words, sorted_out
from selfboot.mining.scripts_code import ByFacts
from selfboot.mining.steps import Answer, answer, batch, batches, by_task, first, greedy_then_sampled, judged
from selfboot.paper.texts import say
from selfboot.records import AnswerTask, Item, Sampling, Solution

MATH_TRAIN = 7500  # how many problems the scripts shuffle before they shuffle the examples with the same stream
SEED = 42


@dataclass(frozen=True)
class Answers(ByFacts):
    """What these miners share: nothing is cut at the target, and right answers are learned stripped."""

    def items(self, records: Sequence[Record]) -> list[Item]:
        return self.found(records)

    def words(
        self, ctx: MiningContext, prompts: Sequence[str], sampling: Sampling, *label: object
    ) -> tuple[list[WordProblem], list[str]]:
        """The word problems that a script's rule reads in the replies, and why it reads none in the others."""
        replies = ctx.sample(prompts, sampling, *label) if prompts else []
        return sorted_out([read_words(one.text, self.facts) for (one,) in replies])

    def invented_words(self, ctx: MiningContext, index: int) -> tuple[list[WordProblem], list[str]]:
        """A round's new word problems."""
        facts = self.facts
        sampling = drawn(facts, facts.problem_tokens, facts.problem_temperature)
        return self.words(ctx, [ask(ctx, facts, facts.problem)] * facts.size, sampling, "problem", index)

    def sampled(self, ctx: MiningContext, tasks: Sequence[AnswerTask], index: int) -> list[list[Answer]]:
        """``facts.attempts`` solutions of each problem."""
        facts = self.facts
        sampling = drawn(facts, facts.attempt_tokens, facts.attempt_temperature, facts.attempts)
        return answer(ctx, tasks, answer_form(facts), sampling, "attempt", index)

    def greedy(self, ctx: MiningContext, tasks: Sequence[AnswerTask], index: int) -> list[list[Answer]]:
        """The greedy solution of each problem."""
        return answer(ctx, tasks, answer_form(self.facts), drawn(self.facts, self.facts.greedy_tokens), "greedy", index)

    def solved(self, task: AnswerTask, right: Answer, step: int) -> Solution:
        """A right answer as a plain one."""
        meta = {"step": str(step)}
        return Solution(task.problem, right.text.strip(), task.answer, format=self.facts.format, meta=meta)


@dataclass(frozen=True)
class WordProblems(Answers):
    """Vanilla: the first wrong and the first right of a problem's attempts; the wrong one is shown in the question."""

    @property
    def steps(self) -> int:
        return self.facts.rounds

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One round: problems, attempts."""
        ctx = judging(ctx, self.facts)
        problems, refused = self.invented_words(ctx, index)
        tried = self.sampled(ctx, [p.task("") for p in problems], index)
        found = {"asked": self.facts.size, "well_formed": len(problems), "refused": refused}
        return {**found, "valid": [asdict(p) for p in problems], "tried": tried}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, record in enumerate(records):
            for row, rows in zip(record["valid"], record["tried"], strict=True):
                answers = [Answer(*one) for one in rows]
                wrong, right = first(answers, passed=False), first(answers, passed=True)
                if wrong is not None and right is not None:
                    items.append(self._repair(WordProblem(**row), wrong, right, step))
        return items

    def _repair(self, problem: WordProblem, wrong: Answer, right: Answer, step: int) -> Solution:
        meta, form = {"step": str(step)}, self.facts.format
        return Solution(problem.text, right.text, problem.answer, wrong.text, "repair", form, meta)


@dataclass(frozen=True)
class WordCurriculum(Answers):
    """A pool of word problems at the edge of what the model solves; problems may repeat."""

    @property
    def steps(self) -> int:
        return self.facts.rounds

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One round: fill the pool if it is empty, try it, ask for harder and easier versions."""
        facts, ctx = self.facts, judging(ctx, self.facts)
        waiting = [WordProblem(**row) for row in before[-1]["waiting"]] if before else []
        asked = {}
        if not waiting:
            waiting, refused = self.invented_words(ctx, index)
            asked = {"asked": facts.size, "well_formed": len(waiting), "refused": refused}
        random.Random(derive(ctx.seed, "pool", index)).shuffle(waiting)
        now = waiting[: facts.size]
        tried = greedy_then_sampled(
            [p.task("") for p in now],
            lambda some: self.greedy(ctx, some, index),
            lambda some, _: self.sampled(ctx, some, index),
        )
        waiting = [*waiting[facts.size :], *self._versions(ctx, index, now, tried)]
        return {**asked, "valid": [asdict(p) for p in now], "tried": tried, "waiting": [asdict(p) for p in waiting]}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, record in enumerate(records):
            for row, (_, more) in zip(record["valid"], record["tried"], strict=True):
                right = first((Answer(*one) for one in more), passed=True)
                items += [self.solved(WordProblem(**row).task(""), right, step)] if right else []
        return items

    def _versions(
        self,
        ctx: MiningContext,
        index: int,
        now: Sequence[WordProblem],
        tried: Sequence[tuple[Answer, list[Answer]]],
    ) -> list[WordProblem]:
        """Harder versions of what was solved greedily, easier ones of what nothing solved, for half a pool at most."""
        solved = [p for p, (greedy, _) in zip(now, tried, strict=True) if greedy.passed]
        lost = [
            p
            for p, (greedy, more) in zip(now, tried, strict=True)
            if not greedy.passed and first(more, passed=True) is None
        ]
        harder = self._vary(ctx, index, solved, self.facts.harder, "harder")
        return harder + self._vary(ctx, index, lost[: self.facts.size // 2], self.facts.easier, "easier")

    def _vary(
        self, ctx: MiningContext, index: int, some: Sequence[WordProblem], text: str, label: str
    ) -> list[WordProblem]:
        prompts = [ask(ctx, self.facts, text, problem=p.text, answer=p.answer) for p in some]
        sampling = drawn(self.facts, self.facts.problem_tokens, self.facts.version_temperature)
        return self.words(ctx, prompts, sampling, label, index)[0]


@dataclass(frozen=True)
class Seeded(Answers):
    """Problems at hand, in batches of ``facts.size``, ``facts.rounds`` of them at most where more than one is named."""

    seeds: AnswerBenchmark = field(kw_only=True)

    @property
    def steps(self) -> int:
        every = batches(self.seeds.tasks, self.facts.size)
        return min(every, self.facts.rounds) if self.facts.rounds > 1 else every

    def tasks(self, index: int) -> Sequence[AnswerTask]:
        """A round's problems."""
        return batch(self.seeds.tasks, self.facts.size, index)


@dataclass(frozen=True)
class SeededAnswers(Seeded):
    """The greedy answer where it is right (``facts.greedy_tokens`` 0: none is drawn), else the first right sample."""

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch of problems."""
        ctx, tasks = judging(ctx, self.facts), self.tasks(index)
        tried = (
            greedy_then_sampled(
                tasks, lambda some: self.greedy(ctx, some, index), lambda some, _: self.sampled(ctx, some, index)
            )
            if self.facts.greedy_tokens
            else [(None, rows) for rows in self.sampled(ctx, tasks, index)]
        )
        return {"tasks": [task.task_id for task in tasks], "tried": tried}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, task, (greedy, more) in by_task(records, self.seeds.tasks):
            right = first((Answer(*row) for row in (greedy, *more) if row), passed=True)
            items += [self.solved(task, right, step)] if right else []
        return items


@dataclass(frozen=True)
class Traces(Seeded):
    """Naive self-correction: a wrong greedy answer, the line of doubt, the first continuation right by itself."""

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch of problems."""
        ctx, tasks = judging(ctx, self.facts), self.tasks(index)
        tried = greedy_then_sampled(
            tasks,
            lambda some: self.greedy(ctx, some, index),
            lambda some, wrong: self._continued(ctx, some, wrong, index),
        )
        return {"tasks": [task.task_id for task in tasks], "tried": tried}

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, task, (greedy, more) in by_task(records, self.seeds.tasks):
            right = first((Answer(*row) for row in more), passed=True)
            if right is not None:
                wrong = Answer(*greedy).text.strip()
                items.append(replace(self.solved(task, right, step), wrong=wrong, target="trace"))
        return items

    def _continued(
        self, ctx: MiningContext, tasks: Sequence[AnswerTask], wrong: Sequence[Answer], index: int
    ) -> list[list[Answer]]:
        facts, form = self.facts, answer_form(self.facts)
        prompts = [
            form.prompt(task, ctx.chat) + one.text.strip() + say(facts.prefill)
            for task, one in zip(tasks, wrong, strict=True)
        ]
        sampling = drawn(facts, facts.attempt_tokens, facts.attempt_temperature, facts.attempts)
        return judged(ctx, tasks, prompts, form, sampling, "continue", index)


@dataclass(frozen=True)
class Positives(Seeded):
    """Mixed self-correction: the naive run's traces among as many right greedy answers, all in this format.

    The traces are ``traces``, or those of ``naive``, whose run comes first.
    """

    traces: tuple[Item, ...] = ()
    naive: Traces | None = None

    @property
    def steps(self) -> int:
        return super().steps + (self.naive.steps if self.naive else 0)

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """One batch of problems: of the naive run until that is over, then greedy."""
        first, rest = _parts(before)
        if self.naive and not self._traced(first):
            return {"naive": True, **self.naive.step(ctx, len(first), first)}
        ctx, tasks = judging(ctx, self.facts), self.tasks(len(rest))
        tried = [row[0] for row in self.greedy(ctx, tasks, len(rest))]
        return {"tasks": [task.task_id for task in tasks], "tried": tried}

    def finished(self, records: Sequence[Record]) -> bool:
        first, rest = _parts(records)
        return self._traced(first) and (len(rest) == super().steps or super().finished(records))

    def found(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for step, task, row in by_task(_parts(records)[1], self.seeds.tasks):
            items += [self.solved(task, Answer(*row), step)] if Answer(*row).passed else []
        return items[: self.target]

    def items(self, records: Sequence[Record]) -> list[Item]:
        """Traces and right answers, shuffled by what is left of seed 42's stream after the problems were."""
        mined = self.naive.items(_parts(records)[0]) if self.naive else ()
        traces = [replace(one, format=self.facts.format) for one in (*self.traces, *mined) if isinstance(one, Solution)]
        mixed: list[Item] = [*traces, *self.found(records)]
        stream = random.Random(SEED)
        stream.shuffle(list(range(MATH_TRAIN)))
        stream.shuffle(mixed)
        return mixed

    def _traced(self, first: Sequence[Record]) -> bool:
        """Is the naive run over, if there is one?"""
        return self.naive is None or len(first) == self.naive.steps or self.naive.finished(first)


def _parts(records: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
    """The records of the naive run, and those behind it."""
    count = sum("naive" in record for record in records)
    return records[:count], records[count:]


__all__ = ["Positives", "SeededAnswers", "Traces", "WordCurriculum", "WordProblems"]
