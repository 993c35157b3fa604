"""What a protocol gives back, and what several protocols share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.lab import Adapter, AnswerScore, Score
from selfboot.protocols.lab_like import LabLike
from selfboot.records import Item, Sampling
from selfboot.registry import Settings
from selfboot.store import Artifact


class Evident(Protocol):
    """Anything the Lab gives back: it rests on an artifact."""

    @property
    def artifact(self) -> Artifact: ...


@dataclass(frozen=True)
class Run:
    """One seed's measurement.

    ``arms``: outcome of every task, by arm; ``figures``: what is calibrated, in tasks or items; ``greedy``: figures
    that have no seed; ``evidence``: scores, adapters and pairs by what they are.
    """

    arms: Mapping[str, Sequence[bool]]
    figures: Mapping[str, float]
    greedy: frozenset[str]
    evidence: Mapping[str, Evident]


@dataclass
class Notes:
    """Collects a Run."""

    arms: dict[str, Sequence[bool]] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    greedy: set[str] = field(default_factory=set)
    evidence: dict[str, Evident] = field(default_factory=dict)

    def arm(
        self, name: str, score: Score | AnswerScore, flags: Sequence[bool] | None = None, greedy: bool = False
    ) -> None:
        """An arm's outcomes (by default of each task's first completion); its figure is their number."""
        self.arms[name] = score.flags if flags is None else flags
        self.figures[name] = float(sum(self.arms[name]))
        self.evidence.setdefault(name, score)
        if greedy:
            self.greedy.add(name)

    def run(self) -> Run:
        return Run(self.arms, self.figures, frozenset(self.greedy), self.evidence)


def evaluate(
    lab: LabLike,
    model: str,
    benchmark: str,
    *,
    adapter: Adapter | None = None,
    format: str = "",
    sampling: Sampling | None = None,
    seed: int = 0,
) -> Score | AnswerScore:
    """A score on a benchmark of either kind, in its usual format and greedy with its usual length if none is named."""
    bench = lab.benchmark(benchmark)
    drawn = sampling or Sampling(bench.tokens)
    if isinstance(bench, AnswerBenchmark):
        return lab.evaluate_answers(model, benchmark, adapter=adapter, format=format, sampling=drawn, seed=seed)
    return lab.evaluate(model, benchmark, adapter=adapter, format=format, sampling=drawn, seed=seed)


def trained_or_base(
    lab: LabLike, settings: Settings, items: Sequence[Item], seed: int, start_from: Adapter | None = None
) -> Adapter | None:
    """An adapter trained on ``items``; without items there is nothing to train on: the model as it was."""
    if not items:
        return start_from
    return lab.train(settings.model, items, settings.recipe, seed, start_from=start_from)
