"""What the paper-scale claims would make, in which order, and how long each part takes: from measured phase times.

    selfboot plan --gpus 1 8 64

Each claim's protocol is run with a ``Recorder`` in the Lab's place. It makes nothing; it notes each call as a step,
with the steps that it needs, and answers with a promise. What two claims share is one step, as in the store. No model,
no data set and no GPU is needed: benchmarks and pairs are stood in for by as many empty ones (data/measured/gpu).

Seconds come from data/measured/gpu/phases.toml, measured on one H100 with a 7B model, and in 4 bits, which transformers
draws from, on an H200 with a 72B one. They scale with parameters and memory bandwidth. Completions count at full length
and miners run to their last round, so it is rather too long than too short.
Not covered: grading (on CPU cores, beside the GPU), fetching weights, second strikes of tests, `determinism`, which has
no protocol.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast
from unittest.mock import patch

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, split_name
from selfboot.cluster.graph import Job, Promise, jobs
from selfboot.errors import DataError
from selfboot.lab import GREEDY, Lab
from selfboot.mining.catalogue import make_miner
from selfboot.models.spec import Quantization
from selfboot.paths import MEASURED, require
from selfboot.planning.cost import REFERENCE_GPU, Gpu, gpu
from selfboot.planning.scaling import Step, Timetable, schedule
from selfboot.protocols.catalogue import run_protocol
from selfboot.records import AnswerTask, CodeTask, Pair, Sampling
from selfboot.registry import ModelEntry, model_entry, recipes
from selfboot.store import digest

ANSWERS = {"gsm8k": "gsm8k", "gsm8k-train": "gsm8k", "math500": "math", "math-train": "math", "aime": "math"}
TYPICAL = 40  # items that a miner without a target is taken to find


# What was measured


@functools.cache
def phases() -> dict[str, dict[str, Any]]:
    """data/measured/gpu/phases.toml."""
    path = require(MEASURED / "gpu" / "phases.toml", "measured phase times")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def size(entry: ModelEntry) -> float:
    """How many times longer this model takes than the one measured in as many bits, on its number of GPUs: parameters,
    shared out."""
    measured = model_entry(phases()["in-4-bits" if entry.quantization else "engine"]["model"]).shape
    if entry.shape is None or measured is None:
        raise DataError(f"model {entry.name!r} has no shape in data/models.toml; add it to plan with it")
    return entry.shape.parameters / measured.parameters / entry.tensor_parallel


def drawing(rows: int, tokens: int, quantization: Quantization = "") -> float:
    """Seconds for so many rows of so many tokens with the measured model; few rows take as long as many."""
    known = phases()["in-4-bits" if quantization else "drawing"]
    slower = gpu(known["gpu"]).bandwidth / gpu(REFERENCE_GPU).bandwidth
    return float(slower * known["seconds"] * tokens / known["tokens"] * max(1.0, rows / known["rows"]))


def starting(entry: ModelEntry) -> float:
    """Seconds until a model can be drawn from: an engine's start; in 4 bits the reading of its weights, in full."""
    if not entry.quantization:
        return float(phases()["engine"]["start_seconds"])
    return float(phases()["assumed"]["load_seconds"] * size(replace(entry, quantization="")))


def training(items: int, epochs: float) -> float:
    """Seconds to train the measured model on so many items, reading its weights included."""
    known = phases()["training"]
    worked = known["seconds"] * items * epochs / (known["pairs"] * known["epochs"])
    return float(worked + phases()["assumed"]["load_seconds"])


def mining(miner: Any, recipe: str, quantization: Quantization = "") -> float:
    """Seconds for all rounds of a miner: each of its samplings on a whole round's problems or seeds, and, where it
    trains in between, the trainings with the starts of an engine after them."""
    rows = next(getattr(miner, name) for name in ("problems", "pool", "size") if hasattr(miner, name))
    total = 0.0
    for one in fields(miner):
        sampling = getattr(miner, one.name)
        if isinstance(sampling, Sampling):
            attempts = miner.attempts if one.name == "attempt_sampling" else 1
            total += drawing(rows * attempts, sampling.max_new_tokens, quantization)
            if one.name == "attempt_sampling" and getattr(miner, "repairs", False):
                total += drawing(rows, sampling.max_new_tokens, quantization)
    trainings = math.ceil(miner.steps / getattr(miner, "train_every", 1)) if recipe else 0
    epochs = recipes()[recipe]["epochs"] if recipe else 0
    between = training(miner.target or TYPICAL, epochs) + phases()["engine"]["start_seconds"]
    return float(miner.steps * total + trainings * between)


# The claims on promises


class Planned(Promise):
    """The promise of a step: whoever uses it, or an item of it, needs the step. ``count`` items, ``rounds`` records."""

    def __init__(self, step: str, count: int = 0, rounds: int = 0) -> None:
        super().__init__()
        self.step, self.count = step, count
        self.records = ({"step": step, "asked": 0, "valid": ()},) * rounds

    @property
    def items(self) -> tuple[Pair, ...]:
        return promised(self.step, self.count)

    pairs = items


def promised(step: str, count: int) -> tuple[Pair, ...]:
    """Items that a step will find."""
    return (Pair("", (), "", "", "", {"step": step}),) * count


@dataclass
class StandInMiner:
    """A miner as the protocols use it: its task seeds, and what of its records are items."""

    miner: Any

    @property
    def seeds(self) -> Any:
        return self.miner.seeds

    def items(self, records: Sequence[Mapping[str, Any]]) -> tuple[Pair, ...]:
        found = -(-(self.miner.target or TYPICAL) * len(records) // self.miner.steps)
        return promised(records[0]["step"], found) if records else ()


@dataclass
class Recorder:
    """Takes the Lab's calls and notes them as steps, by address. ``speed``: of the GPU, against the measured one."""

    speed: float = 1.0
    steps: dict[str, Step] = field(default_factory=dict)

    def evaluate(
        self,
        model: str,
        benchmark: str,
        *,
        adapter: Planned | None = None,
        format: str = "",
        stop: tuple[str, ...] | None = None,
        sampling: Sampling = GREEDY,
        seed: int = 0,
    ) -> Planned:
        drawn = seed if sampling.temperature > 0 else 0
        key = [model, benchmark, adapter and adapter.step, format, stop, sampling, drawn]
        rows = len(tasks_called(benchmark).tasks) * sampling.n
        seconds = drawing(rows, sampling.max_new_tokens, model_entry(model).quantization)
        return Planned(self._note("score", model, key, seconds, [adapter.step] if adapter else []))

    evaluate_answers = evaluate

    def mine(self, model: str, miner: Any, seed: int, adapter: Planned | None = None, recipe: str = "") -> Planned:
        made = miner.miner
        needs = [adapter.step] if adapter else []
        key = [model, type(made).__name__, repr(made), seed, recipe, *needs]
        seconds = mining(made, recipe, model_entry(model).quantization)
        name = self._note("pairs", model, key, seconds, needs)
        return Planned(name, made.target or TYPICAL, made.steps)

    def train(
        self, model: str, items: Sequence[Pair], recipe: str, seed: int, start_from: Planned | None = None
    ) -> Planned:
        needs = sorted({item.meta["step"] for item in items} - {""} | ({start_from.step} if start_from else set()))
        key = [model, [[item.meta["step"], item.error] for item in items], recipe, seed, *needs]
        seconds = training(len(items), recipes()[recipe]["epochs"])
        return Planned(self._note("adapter", model, key, seconds, needs))

    def _note(self, kind: str, model: str, key: list[Any], seconds: float, needs: Sequence[str]) -> str:
        entry, name = model_entry(model), f"{kind}-{digest(key)[:12]}"
        seconds *= size(entry) / self.speed
        draws = kind != "adapter"
        start = starting(entry) if draws else 0.0
        self.steps[name] = Step(name, model, seconds, entry.tensor_parallel, tuple(needs), draws, start)
        return name


# The data that need not be here


@functools.cache
def tasks_called(name: str) -> Benchmark | AnswerBenchmark:
    """As many empty tasks as the benchmark has, of its kind. DataError for one whose size is not known."""
    whole, part = split_name(name)
    if whole not in phases()["tasks"]:
        raise DataError(f"benchmark {name!r}: data/measured/gpu/phases.toml does not know its number of tasks; add it")
    ids = [str(i) for i in range(phases()["tasks"][whole])][part]
    if whole in ANSWERS:
        return AnswerBenchmark(whole, tuple(AnswerTask(i, "", "") for i in ids), ANSWERS[whole])
    return Benchmark(whole, tuple(CodeTask(i, "", "f", (), "") for i in ids))


def pairs_called(model: str, name: str) -> tuple[Pair, ...]:
    """As many empty pairs as the file has; of files that nobody has released, as many as a claim may want."""
    return tuple(replace(one, error=f"{model} {name}") for one in promised("", phases()["pairs"].get(name, 100)))


@contextmanager
def _without_data() -> Iterator[None]:
    """Inside, protocols find empty tasks and pairs of the right kind and number where they look at data."""
    protocols = "selfboot.protocols"
    with ExitStack() as stack:
        for place in ("selfboot.benchmarks.base.load_any", f"{protocols}.base.load_any"):
            stack.enter_context(patch(place, tasks_called))
        stack.enter_context(patch(f"{protocols}.sampling.load_answers", tasks_called))
        for module in ("training", "synergy", "mining"):
            stack.enter_context(patch(f"{protocols}.{module}.pairs_at_hand", pairs_called))
        for module in ("mining", "boundary"):
            stack.enter_context(patch(f"{protocols}.{module}.make_miner", lambda *a: StandInMiner(make_miner(*a))))
        yield


def steps(marks: str, only: str, kind: Gpu) -> list[Step]:
    """The steps of the chosen paper-scale claims on a kind of GPU, each once. DataError where one cannot be planned."""
    recorder = Recorder(kind.bandwidth / gpu(REFERENCE_GPU).bandwidth)
    with _without_data():
        for job in jobs(marks, only, ["paper"]):
            _record(recorder, job)
    return list(recorder.steps.values())


def _record(recorder: Recorder, job: Job) -> None:
    try:
        run_protocol(cast(Lab, recorder), job.settings, job.seed)
    except DataError as error:
        raise DataError(f"{job.name}: {error}") from None


# On so many GPUs


def fitting(wanted: Sequence[Step], gpus: int) -> list[Step]:
    """The steps that so many GPUs can do: none that needs more at once, nor what waits for such a one."""
    left = {step.name: step for step in wanted if step.gpus <= gpus}
    while gone := [name for name, step in left.items() if not set(step.after) <= set(left)]:
        for name in gone:
            del left[name]
    return list(left.values())


def table(wanted: Sequence[Step], kind: Gpu, counts: Sequence[int]) -> str:
    """Hours and dollars of the steps on each number of GPUs, as text."""
    kinds = {name: sum(step.name.startswith(name) for step in wanted) for name in ("score", "pairs", "adapter")}
    lines = [
        f"{len(wanted)} steps: {kinds['score']} scores, {kinds['pairs']} harvests, {kinds['adapter']} trainings",
        f"{kind.name:<6}  hours  GPU hours  of them starting engines  busy  $ if paid while busy  $ if all are kept",
    ]
    for count in counts:
        chosen = fitting(wanted, count)
        line = _line(schedule(chosen, count), kind)
        lines.append(f"{line}   {len(wanted) - len(chosen)} steps left out" if len(chosen) < len(wanted) else line)
    longest = max(wanted, key=lambda step: step.seconds)
    rest = [step for step in wanted if step is not longest and longest.name not in step.after]
    without = ", ".join(f"{schedule(fitting(rest, n), n).seconds / 3600:.2f} h on {n}" for n in counts)
    lines.append(f"longest step: {longest.name}, {longest.model}, {longest.seconds / 3600:.2f} h; without it {without}")
    return "\n".join(lines)


def _line(made: Timetable, kind: Gpu) -> str:
    hours, busy = made.seconds / 3600, made.busy / 3600
    share = busy / (hours * made.gpus) if hours else 0.0
    prices = f"{busy * kind.usd_per_hour:>20.0f}  {hours * made.gpus * kind.usd_per_hour:>16.0f}"
    return f"{made.gpus:>6}  {hours:>5.2f}  {busy:>9.2f}  {made.starts / 3600:>24.2f}  {share:>4.0%}  {prices}"
