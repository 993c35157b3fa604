"""What a protocol gives back, and what several protocols share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from selfboot.benchmarks.base import AnswerBenchmark
from selfboot.lab import Adapter, AnswerScore, Drawn, Score
from selfboot.protocols.arms import Phase, asking, recipe_of
from selfboot.protocols.lab_like import LabLike
from selfboot.records import Item, Sampling
from selfboot.registry import Settings
from selfboot.store import Artifact

Role = Literal[
    "base", "trained",  # a model's score, before and after training
    "seeds",  # task seeds that gave a pair
    "asked", "valid", "items",  # problems asked for, those that are valid, training items
    "contrast",  # trained minus base, both sampled
    "identical",  # of two runs with one seed
    "adapter", "pairs", "samples",  # artifacts without a score
]  # fmt: skip
Judged = Literal["first", "any", "vote", "estimate"]  # of several draws; "estimate": unbiased pass@draws


class HasArtifact(Protocol):
    """Anything the Lab gives back: it rests on an artifact."""

    @property
    def artifact(self) -> Artifact: ...


@dataclass(frozen=True)
class Arm:
    """What a figure or an artifact is of, as fields: reports make words of them, and nothing reads the words back.

    ``benchmark``, ``model``: "" is the claim's own. ``pairs``, ``count``: what was trained on; for the role
    ``seeds`` the way of mining. ``draws``: samples a task, and how they are ``judged``. ``seed``: of training, mining
    or sampling; 0 where the arm is ``fixed``. ``shots``: solved tasks shown before each question. ``reading``: how a
    completion was asked for and read, "" as usual.
    """

    role: Role
    benchmark: str = ""
    model: str = ""
    pairs: str = ""
    count: int = 0
    round: int = 0
    seed: int = 0
    greedy: bool = True
    draws: int = 1
    judged: Judged = "first"
    reading: str = ""
    shots: int = 0

    @property
    def fixed(self) -> bool:
        """Has it no seed? An untrained model's greedy score has none."""
        return self.role == "base" and self.greedy

    def beside(self, other: Arm) -> bool:
        """Is it a score of the same model on the same benchmark?"""
        return (self.model, self.benchmark) == (other.model, other.benchmark)

    @property
    def sampled(self) -> bool:
        """Is it a score of completions drawn at a temperature?"""
        return not self.greedy


@dataclass(frozen=True)
class Made:
    """An artifact that a run rests on, and what it is."""

    arm: Arm
    artifact: Artifact


@dataclass(frozen=True)
class Run:
    """One seed's measurement, by the names that the registry uses.

    ``figures``: what is calibrated, in tasks or items; ``arms``: what each figure is of; ``outcomes``: of those that
    are scores the outcome of every task; ``evidence``: what they rest on; ``drawn``: of scores, which weights drew
    which tokens. ``flips``: the share of tasks whose greedy outcome another batch size changed, where it was measured.
    """

    figures: Mapping[str, float]
    arms: Mapping[str, Arm]
    outcomes: Mapping[str, Sequence[bool]]
    evidence: tuple[Made, ...] = ()
    drawn: Mapping[str, Drawn] = field(default_factory=dict)
    flips: float | None = None

    @property
    def seed(self) -> int:
        """Its seed; 0 where nothing in it has one."""
        return max((arm.seed for arm in self.arms.values()), default=0)

    @property
    def fixed(self) -> frozenset[str]:
        """The figures that have no seed."""
        return frozenset(name for name, arm in self.arms.items() if arm.fixed)


@dataclass
class Notes:
    """Collects a Run of one ``seed``."""

    seed: int
    figures: dict[str, float] = field(default_factory=dict)
    arms: dict[str, Arm] = field(default_factory=dict)
    outcomes: dict[str, Sequence[bool]] = field(default_factory=dict)
    evidence: list[Made] = field(default_factory=list)
    drawn: dict[str, Drawn] = field(default_factory=dict)

    def score(self, name: str, arm: Arm, score: Score | AnswerScore, flags: Sequence[bool] | None = None) -> None:
        """An arm's outcomes (by default of each task's first completion); its figure is their number."""
        self.outcomes[name] = score.flags if flags is None else flags
        self.drawn[name] = score.drawn
        self.figure(name, arm, sum(self.outcomes[name]))
        self.made(arm, score)

    def figure(self, name: str, arm: Arm, value: float) -> None:
        """A number that is no score: a count, an estimate, a difference."""
        self.figures[name], self.arms[name] = float(value), self._seeded(arm)

    def made(self, arm: Arm, thing: HasArtifact) -> None:
        """What the run rests on."""
        self.evidence.append(Made(self._seeded(arm), thing.artifact))

    def _seeded(self, arm: Arm) -> Arm:
        return arm if arm.fixed else replace(arm, seed=self.seed)

    def run(self) -> Run:
        return Run(self.figures, self.arms, self.outcomes, tuple(self.evidence), self.drawn)


def evaluate(
    lab: LabLike,
    settings: Settings,
    phase: Phase,
    benchmark: str = "",
    *,
    adapter: Adapter | None = None,
    sampling: Sampling | None = None,
    seed: int = 0,
) -> Score | AnswerScore:
    """A score of the claim's model as the claim's arm asks and judges (arms.py), on the claim's benchmark if none is
    named; greedy without ``sampling``."""
    name = benchmark or settings.benchmark
    bench = lab.benchmark(name)
    how = asking(settings, bench, phase, sampling)
    drawn: dict[str, Any] = {"adapter": adapter, "format": how.format, "sampling": how.sampling, "seed": seed}
    if isinstance(bench, AnswerBenchmark):
        return lab.evaluate_answers(settings.model, name, **drawn)
    return lab.evaluate(settings.model, name, **drawn, timeout_s=how.timeout_s)


def trained_or_base(
    lab: LabLike, settings: Settings, items: Sequence[Item], seed: int, start_from: Adapter | None = None
) -> Adapter | None:
    """An adapter trained on ``items`` by the arm's recipe; without items the model stays as it was."""
    if not items:
        return start_from
    return lab.train(settings.model, items, recipe_of(settings), seed, start_from=start_from)
