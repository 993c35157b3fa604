"""What every miner shares: steps that are checkpointed one by one, so a killed run resumes to the very same items.

A miner is a pure description: ``step`` does one unit of work from its index and the records of the steps before it, and
returns a JSON record. Its randomness comes from ``ctx.seed``, the step and nothing else. Training in between is pure as
well: ``stages`` says what the model of the next step has been trained on, and ``run_miner`` puts it in place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.errors import SelfbootError
from selfboot.formats.base import Chat
from selfboot.pairs import pairs_sha256
from selfboot.progress import Progress
from selfboot.records import CodeJob, Completion, Item, Outcome, Sampling
from selfboot.storage.files import read_sealed, write_sealed

if TYPE_CHECKING:
    from selfboot.grading.reading import Style

Record = dict[str, Any]
Stages = Sequence[Sequence[Item]]
"""Trainings one after the other: each stage's items train the adapter of the stage before, the first a fresh one."""


class Grader(Protocol):
    """The part of a code grader that miners use."""

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]: ...


class Judged(Protocol):
    """The part of an answer's verdict that miners use; ``extracted`` is the answer as read, None when there is none."""

    @property
    def strict(self) -> bool: ...

    @property
    def lenient(self) -> bool: ...

    @property
    def extracted(self) -> str | None: ...


class AnswerJudge(Protocol):
    """The part of an answer grader that miners use: (text, gold answer) of one style, judged in order."""

    def grade(self, items: Sequence[tuple[str, str]], style: Style) -> Sequence[Judged]: ...


class Generator(Protocol):
    """The part of a sampler that miners use."""

    def generate(
        self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int]
    ) -> list[tuple[Completion, ...]]: ...


@dataclass(frozen=True)
class MiningContext:
    """The model (behind a sampler), the interpreter (behind a grader) and the seed that a miner works with.

    ``answers`` judges answers, ``trained`` gives the model after some trainings; miners that need neither have neither.
    """

    sampler: Generator
    grader: Grader
    chat: Chat
    seed: int
    answers: AnswerJudge | None = None
    trained: Callable[[Stages], Generator] | None = None

    def sample(self, prompts: Sequence[str], sampling: Sampling, *label: object) -> list[tuple[Completion, ...]]:
        """Completions whose seeds depend on the run's seed, the label and the prompt's place."""
        return self.sampler.generate(prompts, sampling, [derive(self.seed, *label, i) for i in range(len(prompts))])

    def judge(self, answers: Sequence[tuple[str, str]], style: Style) -> Sequence[Judged]:
        """The verdicts on (text, gold answer). Raises SelfbootError without an answer grader."""
        if self.answers is None:
            raise SelfbootError("this miner judges answers: give the mining context an answer grader")
        return self.answers.grade(answers, style)

    def after(self, stages: Stages) -> MiningContext:
        """The same with the model as it is after the stages. Raises SelfbootError where nothing can train it."""
        if not stages:
            return self
        if self.trained is None:
            raise SelfbootError("this miner trains in between: give `mine` a recipe")
        return replace(self, sampler=self.trained(stages))


class Miner(Protocol):
    """A way to get training items out of a model."""

    @property
    def name(self) -> str: ...

    @property
    def steps(self) -> int:
        """The most steps a run takes."""
        ...

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        """Do unit ``index`` of the work."""
        ...

    def finished(self, records: Sequence[Record]) -> bool:
        """True when no further step is wanted."""
        ...

    def items(self, records: Sequence[Record]) -> list[Item]:
        """The training items that the records amount to."""
        ...

    def stages(self, records: Sequence[Record]) -> Stages:
        """What the model of the next step has been trained on; nothing: the model that mining began with."""
        ...


class Capped:
    """The usual end of a run: as soon as ``target`` items are there (None: never early). Trains nothing in between."""

    target: int | None

    def found(self, records: Sequence[Record]) -> list[Item]:
        """All the items that the records amount to."""
        raise NotImplementedError

    def finished(self, records: Sequence[Record]) -> bool:
        return self.target is not None and len(self.found(records)) >= self.target

    def items(self, records: Sequence[Record]) -> list[Item]:
        return self.found(records)[: self.target]

    def stages(self, records: Sequence[Record]) -> Stages:
        return ()


def periodic_stages(miner: Miner, records: Sequence[Record], every: int, needed: int) -> Stages:
    """Training after every ``every`` steps on all items so far, if ``needed`` or more; each continues the adapter."""
    ends = range(every, len(records) + 1, every)
    stages = [tuple(miner.items(records[:end])) for end in ends]
    return tuple(stage for stage in stages if len(stage) >= needed)


def derive(seed: int, *label: object) -> int:
    """A 63-bit seed from a seed and a label; different labels give independent streams."""
    text = json.dumps([seed, *map(str, label)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def run_miner(miner: Miner, ctx: MiningContext, work: Path, progress: Progress) -> list[Record]:
    """All records of a run; those found in ``work`` from a killed run are not made again."""
    records: list[Record] = []
    while len(records) < miner.steps and not miner.finished(records):
        file = work / f"step-{len(records):04}.json"
        kept = read_sealed(file)
        if kept is None:
            record = miner.step(ctx.after(miner.stages(records)), len(records), records)
            kept = json.dumps(record, ensure_ascii=False).encode()
            write_sealed(file, kept)
        records.append(json.loads(kept))
        progress.update(f"mining ({miner.name}): {len(miner.items(records))} found", len(records), miner.steps)
    return records


def describe(miner: Any) -> Record:
    """A miner's settings for a key; benchmarks by name and hash, items by hash."""
    return {field.name: _short(getattr(miner, field.name)) for field in fields(miner)}


def _short(value: Any) -> Any:
    if isinstance(value, Benchmark | AnswerBenchmark):
        return [value.name, value.sha256]
    if isinstance(value, tuple) and value and all(isinstance(item, Item) for item in value):
        return pairs_sha256(value)
    return value
