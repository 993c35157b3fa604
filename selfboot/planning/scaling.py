"""Steps that wait for each other, put on so many GPUs: how long does all of it take? Pure arithmetic.

    mine = TimedStep("mine", "qwen2.5-7b", 300)
    schedule([mine, TimedStep("train", "qwen2.5-7b", 60, after=("mine",), draws=False)], gpus=8)

List scheduling: whenever GPUs are free, a ready step starts, one whose engine is running there first, then a training,
then the one with the longest chain behind it. An engine is started where another model's, or none, is running; training
ends it, and reads its base once for all trainings in a row. No order can be shorter than ``least``; this one takes at
most twice as long for steps that need one GPU each (Graham 1966; starts aside).

``sitting`` is the other order, that of ``pytest -n``: all of a model's steps on one worker.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from selfboot.errors import DataError


@dataclass(frozen=True)
class TimedStep:
    """One artifact in the making: ``seconds`` on ``gpus`` GPUs at once, when all of ``after`` are done.

    ``draws``: it needs an engine of ``model`` (or else it trains); ``start``: seconds that its engine takes to start,
    or the base to be read for training.
    """

    name: str
    model: str
    seconds: float
    gpus: int = 1
    after: tuple[str, ...] = ()
    draws: bool = True
    start: float = 0.0

    @property
    def loads(self) -> str:
        """What has to be on its GPUs: the model's engine, or its base for training."""
        return f"{self.model} {'engine' if self.draws else 'training'}"


@dataclass(frozen=True)
class Run:
    """A step as it was scheduled: on which GPUs, from when to when (seconds); ``fresh``: its start is in it."""

    step: TimedStep
    gpus: tuple[int, ...]
    begin: float
    end: float
    fresh: bool


@dataclass(frozen=True)
class Timetable:
    """All runs on ``gpus`` GPUs."""

    gpus: int
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float:
        """Until the last one ends."""
        return max((run.end for run in self.runs), default=0.0)

    @property
    def busy(self) -> float:
        """GPU seconds in use, starts of engines included."""
        return sum((run.end - run.begin) * len(run.gpus) for run in self.runs)

    @property
    def starts(self) -> float:
        """Those of them that starting engines, and reading bases for training, took."""
        return self.busy - sum(run.step.seconds * len(run.gpus) for run in self.runs)

    @property
    def engines(self) -> int:
        """How many engines are started."""
        return sum(run.fresh and run.step.draws for run in self.runs)


def schedule(steps: Sequence[TimedStep], gpus: int) -> Timetable:
    """The timetable of the steps on ``gpus`` GPUs.

    DataError for a step that needs more GPUs than there are, waits for one that is not there, or for itself.
    """
    ranks = chains(steps)
    if wide := [step for step in steps if step.gpus > gpus]:
        raise DataError(f"{wide[0].name}: needs {wide[0].gpus} GPUs, there are {gpus}")
    made = _Machine(gpus)
    waiting, done = {step.name: step for step in steps}, set[str]()
    while waiting or made.running:
        while ready := [step for step in waiting.values() if made.fits(step) and done.issuperset(step.after)]:
            best = max(ready, key=lambda step: (made.serves(step), not step.draws, ranks[step.name], step.name))
            made.begin(waiting.pop(best.name))
        done.add(made.next_end())
    return Timetable(gpus, tuple(made.runs))


def sitting(steps: Sequence[TimedStep], gpus: int) -> float:
    """Seconds through ``pytest -n``: as many workers as the widest step leaves GPUs for, each with all steps of a model
    at a time, the longest model first."""
    widest = max((step.gpus for step in steps), default=1)
    own: dict[str, list[TimedStep]] = {}
    for step in steps:
        own.setdefault(step.model, []).append(step)
    inside = {model: {step.name for step in mine} for model, mine in own.items()}
    alone = [
        schedule([replace(step, after=tuple(set(step.after) & inside[model])) for step in mine], widest).seconds
        for model, mine in own.items()
    ]
    ends = [0.0] * max(1, gpus // widest)
    for seconds in sorted(alone, reverse=True):
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


@dataclass
class _Machine:
    """GPUs, what is loaded on each ("": nothing), and the steps that run now by their end."""

    count: int
    now: float = 0.0
    loaded: list[str] = field(default_factory=list)
    free: set[int] = field(default_factory=set)
    running: list[tuple[float, int]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loaded, self.free = [""] * self.count, set(range(self.count))

    def fits(self, step: TimedStep) -> bool:
        return step.gpus <= len(self.free)

    def serves(self, step: TimedStep) -> bool:
        """Does it find what it needs on as many GPUs as it takes?"""
        return sum(self.loaded[gpu] == step.loads for gpu in self.free) >= step.gpus

    def begin(self, step: TimedStep) -> None:
        """Where what it needs is loaded; else where nothing is, so that what others need stays."""
        order = sorted(self.free, key=lambda gpu: (self.loaded[gpu] != step.loads, self.loaded[gpu] != "", gpu))
        chosen = tuple(order[: step.gpus])
        fresh = any(self.loaded[gpu] != step.loads for gpu in chosen)
        self.free -= set(chosen)
        for gpu in chosen:
            self.loaded[gpu] = step.loads
        run = Run(step, chosen, self.now, self.now + step.seconds + (step.start if fresh else 0.0), fresh)
        heapq.heappush(self.running, (run.end, len(self.runs)))
        self.runs.append(run)

    def next_end(self) -> str:
        """Let time pass until a step ends; its name."""
        self.now, index = heapq.heappop(self.running)
        self.free |= set(self.runs[index].gpus)
        return self.runs[index].step.name


def chains(steps: Sequence[TimedStep]) -> dict[str, float]:
    """Of every step the seconds of the longest chain that begins with it, without starts of engines."""
    by_name, followers = {step.name: step for step in steps}, _followers(steps)
    known: dict[str, float] = {}
    left = {name: len(followers[name]) for name in by_name}
    ends = [name for name in by_name if not left[name]]
    while ends:
        name = ends.pop()
        known[name] = by_name[name].seconds + max((known[after] for after in followers[name]), default=0.0)
        for before in by_name[name].after:
            left[before] -= 1
            if not left[before]:
                ends.append(before)
    if len(known) < len(by_name):
        raise DataError(f"steps wait for each other in a circle: {', '.join(sorted(set(by_name) - set(known)))}")
    return known


def _followers(steps: Sequence[TimedStep]) -> Mapping[str, list[str]]:
    followers: dict[str, list[str]] = {step.name: [] for step in steps}
    for step in steps:
        for before in step.after:
            if before not in followers:
                raise DataError(f"{step.name} waits for {before}, which is not among the steps")
            followers[before].append(step.name)
    return followers


def least(steps: Sequence[TimedStep], gpus: int) -> float:
    """Seconds that no order can beat: the longest chain, or all work shared out evenly."""
    work = sum(step.seconds * step.gpus for step in steps) / gpus
    return max(work, max(chains(steps).values(), default=0.0))
