"""What every miner shares: steps that are checkpointed one by one, so a killed run resumes to the very same pairs.

A miner is a pure description: ``step`` does one unit of work from its index and the records of the steps before it, and
returns a JSON record. Its randomness comes from ``ctx.seed``, the step and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from selfboot.formats.base import Chat
from selfboot.progress import Progress
from selfboot.records import CodeJob, Completion, Outcome, Pair, Sampling
from selfboot.store import write_atomic

Record = dict[str, Any]


class Grader(Protocol):
    """The part of a code grader that miners use."""

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]: ...


class Generator(Protocol):
    """The part of a sampler that miners use."""

    def generate(
        self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int]
    ) -> list[tuple[Completion, ...]]: ...


@dataclass(frozen=True)
class MiningContext:
    """The model (behind a sampler), the interpreter (behind a grader) and the seed that a miner works with."""

    sampler: Generator
    grader: Grader
    chat: Chat
    seed: int

    def sample(self, prompts: Sequence[str], sampling: Sampling, *label: object) -> list[tuple[Completion, ...]]:
        """Completions whose seeds depend on the run's seed, the label and the prompt's place."""
        return self.sampler.generate(prompts, sampling, [derive(self.seed, *label, i) for i in range(len(prompts))])


class Miner(Protocol):
    """A way to get pairs out of a model."""

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

    def pairs(self, records: Sequence[Record]) -> list[Pair]:
        """The pairs that the records amount to."""
        ...


def derive(seed: int, *label: object) -> int:
    """A 63-bit seed from a seed and a label; different labels give independent streams."""
    text = json.dumps([seed, *map(str, label)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def run_miner(miner: Miner, ctx: MiningContext, work: Path, progress: Progress) -> list[Record]:
    """All records of a run; those found in ``work`` from a killed run are not made again."""
    records: list[Record] = []
    while len(records) < miner.steps and not miner.finished(records):
        file = work / f"step-{len(records):04}.json"
        if not file.exists():
            record = miner.step(ctx, len(records), records)
            write_atomic(file, json.dumps(record, ensure_ascii=False))
        records.append(json.loads(file.read_text(encoding="utf-8")))
        progress.update(f"mining ({miner.name}): {len(miner.pairs(records))} pairs", len(records), miner.steps)
    return records
