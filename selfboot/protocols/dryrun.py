"""What a protocol would do, without doing it: its calls of the Lab as steps, in order.

    run = DryRun(lab)
    run_protocol(run, settings, seed=7)
    [step.verb for step in run.steps]          # ["evaluate", "train", "evaluate"]

A dry run answers each call with a promise, and the protocol goes on. A promise, or a training item of one, among the
arguments of a later call makes that call need the earlier step. Two things use it: filling a run store, ahead of all
scoring or on many machines (cluster/), and the forecast of hours and dollars (planning/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.mining.catalogue import make_miner
from selfboot.mining.scripts import script_miner
from selfboot.protocols.lab_like import Data
from selfboot.records import Item, Pair, Sampling

Verb = Literal["evaluate", "evaluate_answers", "mine", "train"]
TYPICAL = 40  # items that a miner without a target is taken to find


@dataclass(frozen=True, eq=False)
class Step:
    """One call of the Lab: ``getattr(lab, verb)(*args, **options)``."""

    verb: Verb
    args: tuple[Any, ...]
    options: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.args[0])

    @property
    def needs(self) -> list[Step]:
        """The steps whose results are among the arguments, each once."""
        found: dict[int, Step] = {}
        for value in (*self.args, *self.options.values()):
            for step in _promised(value):
                found[id(step)] = step
        return list(found.values())


@dataclass(frozen=True)
class PromisedItem(Pair):
    """Stands for a training item that a step will find."""

    step: Step | None = field(default=None, compare=False)


class Promise:
    """Stands for the record that a step will give: empty where results are looked at, never real."""

    artifact: Any = None
    outcomes: tuple[Any, ...] = ()
    completions: tuple[Any, ...] = ()
    flags: tuple[bool, ...] = ()
    passes: tuple[int, ...] = ()
    oracle: tuple[bool, ...] = ()
    tasks: tuple[str, ...] = ()
    token_hashes: tuple[str, ...] = ()
    drawn: Any = None
    stages: tuple[Any, ...] = ()
    solved = 0

    def __init__(self, step: Step, count: int = 0, rounds: int = 0) -> None:
        self.step, self.count, self.samples = step, count, self
        self.records = ({"step": step, "asked": 0, "valid": ()},) * rounds

    @property
    def items(self) -> tuple[Item, ...]:
        """As many promised items as the step is taken to find."""
        return _items(self.step, self.count)

    pairs = items


@dataclass(frozen=True)
class DryMiner:
    """A miner as protocols look at it: its task seeds, and what of its (promised) records are items."""

    miner: Any

    @property
    def seeds(self) -> Any:
        return self.miner.seeds

    @property
    def found(self) -> int:
        """How many items it is taken to find."""
        return int(self.miner.target or TYPICAL)

    def items(self, records: Sequence[Mapping[str, Any]]) -> Sequence[Item]:
        if not records or not isinstance(records[0].get("step"), Step):
            return list(self.miner.items(records))
        return _items(records[0]["step"], -(-self.found * len(records) // self.miner.steps))


def _items(step: Step, count: int) -> tuple[Item, ...]:
    return (PromisedItem("", (), "", "", "", step=step),) * count


def _promised(value: Any) -> list[Step]:
    """The steps that a value, or an item in it, is promised by."""
    if isinstance(value, Promise | PromisedItem):
        return [value.step] if value.step else []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [step for one in value for step in _promised(one)]
    return []


class DryRun:
    """A ``LabLike`` that makes nothing. ``data``: where tasks and pairs come from (a Lab, or sizes alone).

    ``known(step)`` may give the step's real result, where there is one; only steps that need no other are asked for.
    """

    def __init__(self, data: Data, known: Callable[[Step], Any] | None = None) -> None:
        self.data, self.known = data, known
        self.steps: list[Step] = []

    def benchmark(self, name: str) -> Benchmark | AnswerBenchmark:
        return self.data.benchmark(name)

    def pairs(self, model: str, name: str) -> list[Pair]:
        return self.data.pairs(model, name)

    def miner(self, method: str, seeds: str = "", settings: Mapping[str, Any] | None = None) -> DryMiner:
        return DryMiner(make_miner(method, seeds, settings, self.benchmark))

    def script_miner(self, file: str) -> DryMiner:
        return DryMiner(script_miner(file, load=self.benchmark))

    def evaluate(self, model: str, benchmark: str, *, sampling: Sampling | None = None, **options: Any) -> Any:
        return self._ask("evaluate", (model, benchmark), {"sampling": self._drawn(benchmark, sampling), **options})

    def evaluate_answers(self, model: str, benchmark: str, *, sampling: Sampling | None = None, **options: Any) -> Any:
        options = {"sampling": self._drawn(benchmark, sampling), **options}
        return self._ask("evaluate_answers", (model, benchmark), options)

    def _drawn(self, benchmark: str, sampling: Sampling | None) -> Sampling:
        """The Lab's default: greedy, as long as the benchmark's completions may get."""
        return sampling or Sampling(self.benchmark(benchmark).tokens)

    def mine(self, model: str, miner: DryMiner, seed: int, adapter: Any = None, recipe: str = "") -> Any:
        options = {"adapter": adapter, "recipe": recipe}
        return self._ask("mine", (model, miner.miner, seed), options, miner.found, miner.miner.steps)

    def train(self, model: str, items: Sequence[Item], recipe: str, seed: int, start_from: Any = None) -> Any:
        return self._ask("train", (model, items, recipe, seed), {"start_from": start_from})

    def train_stages(self, model: str, stages: Any, recipe: str, seed: int, start_from: Any = None) -> Any:
        for items in stages:
            start_from = self.train(model, items, recipe, seed, start_from)
        return start_from

    def _ask(self, verb: Verb, args: tuple[Any, ...], options: dict[str, Any], count: int = 0, rounds: int = 0) -> Any:
        step = Step(verb, args, options)
        found = self.known(step) if self.known and not step.needs else None
        if found is not None:
            return found
        self.steps.append(step)
        return Promise(step, count, rounds)
