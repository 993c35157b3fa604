"""What the Lab gives back: small frozen records of artifacts in the run store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from selfboot.mining.base import Record, Stages
from selfboot.records import Completion, Item, Outcome, Pair
from selfboot.store import Artifact, digest

if TYPE_CHECKING:
    from selfboot.grading.answers import AnswerOutcome


class Passing(Protocol):
    """An outcome of any kind."""

    @property
    def passed(self) -> bool: ...


@dataclass(frozen=True)
class Samples:
    """``completions[i]`` are prompt i's, ``n`` of them."""

    artifact: Artifact
    completions: tuple[tuple[Completion, ...], ...]


@dataclass(frozen=True)
class Drawn:
    """Hashes of what a score's completions were drawn with, and of their tokens; ``adapter`` "": none."""

    model: str
    engine: str
    adapter: str
    tokens: str


class Tally:
    """What can be read off the outcomes of a benchmark's tasks, whatever kind they are: ``outcomes[task][sample]``."""

    samples: Samples
    outcomes: Sequence[Sequence[Passing]]

    @property
    def token_hashes(self) -> list[str]:
        """Hashes of the drawn tokens of every completion."""
        return [c.token_hash for row in self.samples.completions for c in row]

    @property
    def drawn(self) -> Drawn:
        """What the completions were drawn with, as the samples' manifest has it."""
        key = self.samples.artifact.manifest["key"]
        return Drawn(digest(key["model"]), digest(key["engine"]), key["adapter"] or "", digest(self.token_hashes))

    @property
    def flags(self) -> list[bool]:
        """Per task: did the first completion pass?"""
        return [row[0].passed for row in self.outcomes]

    @property
    def solved(self) -> int:
        """Tasks whose first completion passes (with greedy sampling: the score)."""
        return sum(self.flags)

    @property
    def passes(self) -> list[int]:
        """Per task: how many of its completions pass (for unbiased pass@k)."""
        return [sum(o.passed for o in row) for row in self.outcomes]

    @property
    def oracle(self) -> list[bool]:
        """Per task: does any completion pass? (best-of-n with an oracle, §3.3)"""
        return [passes > 0 for passes in self.passes]


@dataclass(frozen=True)
class Score(Tally):
    """The outcome of every completion on every task of a code benchmark."""

    artifact: Artifact
    samples: Samples
    tasks: tuple[str, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]


@dataclass(frozen=True)
class AnswerScore(Tally):
    """The same on an answer benchmark; ``passed`` is the reading that the format counts, strict or lenient."""

    artifact: Artifact
    samples: Samples
    tasks: tuple[str, ...]
    outcomes: tuple[tuple[AnswerOutcome, ...], ...]


@dataclass(frozen=True)
class Mined:
    """What a miner found, the records of how it came about, and the trainings that its rounds lead up to."""

    artifact: Artifact
    items: tuple[Item, ...]
    stages: Stages
    records: tuple[Record, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The items that are code pairs."""
        return tuple(item for item in self.items if isinstance(item, Pair))

    @property
    def path(self) -> Path:
        """The items as JSON Lines."""
        return self.artifact.path / "pairs.jsonl"


@dataclass(frozen=True)
class Adapter:
    """A trained adapter in peft's format; ``sha256`` is the hash of its weights."""

    artifact: Artifact
    sha256: str

    @property
    def path(self) -> Path:
        return self.artifact.path
