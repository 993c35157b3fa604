"""Steps that wait for each other, put on so many GPUs: how long does all of it take? Pure arithmetic.

    mine = TimedStep("mine", "qwen2.5-7b", 300)
    schedule([mine, TimedStep("train", "qwen2.5-7b", 60, after=("mine",), draws=False)], gpus=8)

List scheduling: whenever GPUs are free, a ready step starts, one whose engine is running there first, then the one with
the longest chain behind it. An engine is started where another model's, or none, is running; training ends it. No order
can be shorter than ``least``; this one takes at most twice as long for steps that need one GPU each (Graham 1966;
starts of engines aside).
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfboot.errors import DataError


@dataclass(frozen=True)
class TimedStep:
    """One artifact in the making: ``seconds`` on ``gpus`` GPUs at once, when all of ``after`` are done.

    ``draws``: it needs an engine of ``model`` (or else it trains); ``start``: seconds that its engine takes to start.
    """

    name: str
    model: str
    seconds: float
    gpus: int = 1
    after: tuple[str, ...] = ()
    draws: bool = True
    start: float = 0.0


@dataclass(frozen=True)
class Run:
    """A step as it was scheduled: on which GPUs, from when to when (seconds)."""

    step: TimedStep
    gpus: tuple[int, ...]
    begin: float
    end: float


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
        """Those of them that starting engines took."""
        return self.busy - sum(run.step.seconds * len(run.gpus) for run in self.runs)


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
            best = max(ready, key=lambda step: (made.serves(step), ranks[step.name], step.name))
            made.begin(waiting.pop(best.name))
        done.add(made.next_end())
    return Timetable(gpus, tuple(made.runs))


@dataclass
class _Machine:
    """GPUs, the model whose engine runs on each ("": none), and the steps that run now by their end."""

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
        """Does it find its engine running?"""
        return step.draws and sum(self.loaded[gpu] == step.model for gpu in self.free) >= step.gpus

    def begin(self, step: TimedStep) -> None:
        """Where its engine runs; else where none runs, so that those of others live on."""
        order = sorted(self.free, key=lambda gpu: (self.loaded[gpu] != step.model, self.loaded[gpu] != "", gpu))
        if not step.draws:
            order = sorted(self.free, key=lambda gpu: (self.loaded[gpu] != "", gpu))
        chosen = tuple(order[: step.gpus])
        fresh = step.draws and any(self.loaded[gpu] != step.model for gpu in chosen)
        self.free -= set(chosen)
        for gpu in chosen:
            self.loaded[gpu] = step.model if step.draws else ""
        run = Run(step, chosen, self.now, self.now + step.seconds + (step.start if fresh else 0.0))
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
