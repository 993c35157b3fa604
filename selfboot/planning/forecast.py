"""What the paper-scale claims would make, in which order, and how long each part takes: from measured phase times.

    selfboot plan --gpus 1 8 64

Each claim's protocol is run dry (protocols/dryrun.py), on empty tasks and pairs of the right number. So no model, no
data set and no GPU is needed. What two claims share is one step, as in the store.

Seconds come from data/measured/gpu/phases.toml, measured on one H100 with a 7B model, and in 4 bits, which transformers
draws from, on an H200 with a 72B one. They scale with parameters, with memory bandwidth, and with the cache that a step
reads (``drawing``). Completions count at full length and miners run to their last round, so it is rather too long than
too short.
Not covered: grading (on CPU cores, beside the GPU), fetching weights, retries of tests.
"""

from __future__ import annotations

import functools
import itertools
import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, split_name
from selfboot.engines.gpu import REFERENCE_GPU, Gpu, gpu
from selfboot.errors import DataError
from selfboot.judging.flips import OTHER_ROWS, has_baseline
from selfboot.models.memory import rows_in_cache, widened
from selfboot.models.shape import Shape
from selfboot.paths import MEASURED, require
from selfboot.planning.scaling import TimedStep, Timetable, schedule, sitting
from selfboot.planning.selection import chosen
from selfboot.protocols.arms import arms_of
from selfboot.protocols.dryrun import TYPICAL, DryRun, Promise, PromisedItem
from selfboot.protocols.dryrun import Step as Call
from selfboot.protocols.repeated import run_once, times
from selfboot.records import AnswerTask, CodeTask, Pair, Sampling
from selfboot.registry import Claim, ModelEntry, Settings, model_entry, recipes
from selfboot.store import digest

ANSWERS = {
    "gsm8k": "gsm8k",
    "gsm8k-train": "gsm8k",
    "math500": "math",
    "math-train": "math",
    "math-train-shuffled": "math",
    "aime": "math",
}


# What was measured


@functools.cache
def phases() -> dict[str, dict[str, Any]]:
    """data/measured/gpu/phases.toml."""
    path = require(MEASURED / "gpu" / "phases.toml", "measured phase times")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def size(entry: ModelEntry) -> float:
    """How many times longer this model takes than the one measured in as many bits, on its number of GPUs: parameters,
    shared out."""
    measured = model_entry(phases()["in-4-bits" if entry.quantization else "engine"]["model"])
    return shape_of(entry).parameters / shape_of(measured).parameters / entry.tensor_parallel


def shape_of(entry: ModelEntry) -> Shape:
    """The model's shape; DataError where the registry has none."""
    if entry.shape is None:
        raise DataError(f"model {entry.name!r} has no shape in data/models.toml; add it to plan with it")
    return entry.shape


def step_seconds(rows: float) -> float:
    """Seconds in which vLLM draws a token for each of so many rows of the measured model on the measured GPU. Tokens a
    second are linear between the measured numbers of rows, and beyond the most as there; fewer rows than the least take
    as long as the least."""
    known = {int(count): float(rate) for count, rate in phases()["drawing"]["tokens_per_second"].items()}
    counts = sorted(known)
    return max(rows, counts[0]) / float(np.interp(rows, counts, [known[count] for count in counts]))


def drawing(
    entry: ModelEntry, rows: int, tokens: int, kind: Gpu, adapted: bool = False, sampled: bool = False
) -> float:
    """Seconds for so many rows of so many new tokens, with an adapter or without, greedy or sampled (a seed a row).

    As many rows are drawn together as fit into the cache, in which a row has its prompt and half its new tokens on
    average. A step takes as long as the measured model's for as many rows, times the ratio of sizes, and the time to
    read what of the cache is more than the measured model's.
    """
    if entry.quantization:
        return _in_4_bits(entry, rows, tokens, kind)
    known, shape = phases()["drawing"], shape_of(entry)
    length = known["prompt_tokens"] + tokens / 2
    together = min(rows, rows_in_cache(shape, length, kind.memory_gb, entry.tensor_parallel))
    step = step_seconds(together) * (known["with_adapter"] if adapted else 1.0) * (known["sampled"] if sampled else 1.0)
    cache = together * (shape.kv_bytes(1) * length / entry.tensor_parallel - size(entry) * _measured_cache())
    scaled = size(entry) * step * gpu(known["gpu"]).bandwidth / kind.bandwidth
    return float(tokens * rows / together * (scaled + max(0.0, cache) / (kind.bandwidth * 1e9)))


def _measured_cache() -> float:
    """Bytes of the cache that a row of the measured run had on average."""
    known, shape = phases()["drawing"], shape_of(model_entry(phases()["engine"]["model"]))
    return float(shape.kv_bytes(1) * (known["prompt_tokens"] + known["tokens"] / 2))


def _in_4_bits(entry: ModelEntry, rows: int, tokens: int, kind: Gpu) -> float:
    known = phases()["in-4-bits"]
    slower = gpu(known["gpu"]).bandwidth / kind.bandwidth
    return float(size(entry) * slower * known["seconds"] * tokens / known["tokens"] * max(1.0, rows / known["rows"]))


def in_process(entry: ModelEntry, rows: int, tokens: int) -> float:
    """Seconds for rows that transformers draws, as it does where a script mines on with dropout left on. Its steps
    wait for Python and not for the GPU: they take as long on every kind of GPU, however many rows there are."""
    known = phases()["in-process"]
    return float(size(entry) * known["step_seconds"] * tokens * math.ceil(rows / known["rows"]))


def starting(entry: ModelEntry) -> float:
    """Seconds until a model can be drawn from: an engine's start; in 4 bits the reading of its weights, in full."""
    return loading(entry) if entry.quantization else float(phases()["engine"]["start_seconds"])


def training(items: int, epochs: float) -> float:
    """Seconds to train the measured model, once it is read, on so many items."""
    known = phases()["training"]
    return float(known["seconds"] * items * epochs / (known["pairs"] * known["epochs"]))


def loading(entry: ModelEntry) -> float:
    """Seconds to read a model's weights in full, for trainings in a row or to draw in 4 bits."""
    return float(phases()["assumed"]["load_seconds"] * size(replace(entry, quantization="")))


def mining(entry: ModelEntry, miner: Any, recipe: str, kind: Gpu) -> float:
    """Seconds for all rounds of a miner: each of its samplings on a whole round's problems or seeds, and, where it
    trains in between, the trainings, each of which reads the base and is followed by an engine's start. The rounds
    after the first training are transformers' where the script leaves dropout on."""
    scripted = hasattr(miner, "facts")
    draws = (_scripted if scripted else _ours)(miner)
    plan = miner.training if scripted else None
    every = (plan.every if plan else getattr(miner, "train_every", 1)) or miner.steps
    trainings = math.ceil(miner.steps / every) if recipe else 0
    noisy = miner.steps - every if recipe and plan and plan.dropout_in_mining else 0
    usual = sum(drawing(entry, rows, tokens, kind, sampled=True) for rows, tokens in draws)
    slow = sum(in_process(entry, rows, tokens) for rows, tokens in draws)
    epochs = recipes()[recipe]["epochs"] if recipe else 0
    between = _scaled(training(miner.target or TYPICAL, epochs), entry, kind) + loading(entry) + starting(entry)
    return float((miner.steps - noisy) * usual + noisy * slow + trainings * between)


def _scaled(seconds: float, entry: ModelEntry, kind: Gpu) -> float:
    """The measured model's seconds on the measured GPU as another model's on another GPU."""
    return seconds * size(entry) * gpu(REFERENCE_GPU).bandwidth / kind.bandwidth


def _scripted(miner: Any) -> list[tuple[int, int]]:
    """Rows and tokens of each draw in a round of a script's miner (mining/scripts.py)."""
    facts = miner.facts
    draws = [
        (facts.size, facts.problem_tokens),
        (facts.size, facts.greedy_tokens),
        (facts.size * facts.attempts, facts.attempt_tokens),
        (facts.size if facts.repair else 0, facts.attempt_tokens),
        (facts.size if facts.harder else 0, facts.problem_tokens),
    ]
    return [(rows, tokens) for rows, tokens in draws if rows and tokens]


def _ours(miner: Any) -> list[tuple[int, int]]:
    """Rows and tokens of each draw in a round of one of our miners."""
    size = next(getattr(miner, name) for name in ("problems", "pool", "size") if hasattr(miner, name))
    draws = []
    for one in fields(miner):
        sampling, attempts = getattr(miner, one.name), one.name == "attempt_sampling"
        if isinstance(sampling, Sampling):
            draws.append((size * (miner.attempts if attempts else 1), sampling.max_new_tokens))
            if attempts and getattr(miner, "repairs", False):
                draws.append((size, sampling.max_new_tokens))
    return draws


# The claims, dry


@dataclass(frozen=True)
class Sizes:
    """Tasks and pairs of the right kind and number, all empty: a forecast needs no data set."""

    def benchmark(self, name: str) -> Benchmark | AnswerBenchmark:
        """As many empty tasks as the benchmark has. DataError for one whose size is not known."""
        whole, part = split_name(name)
        if whole not in phases()["tasks"]:
            raise DataError(f"benchmark {name!r}: data/measured/gpu/phases.toml does not know its size; add it")
        ids = [str(i) for i in range(phases()["tasks"][whole])][part]
        if whole in ANSWERS:
            return AnswerBenchmark(whole, tuple(AnswerTask(i, "", "") for i in ids), ANSWERS[whole])
        return Benchmark(whole, tuple(CodeTask(i, "", "f", (), "") for i in ids))

    def pairs(self, model: str, name: str) -> list[Pair]:
        """As many empty pairs as the file has; of files that nobody has released, as many as a claim may want."""
        return [Pair("", (), "", f"{model} {name}", "")] * phases()["pairs"].get(name, 100)


@dataclass
class Forecast:
    """The steps of claims, each once, by a name that two claims which share a step both give it.

    ``kind``: of GPU.
    """

    kind: Gpu = field(default_factory=lambda: gpu(REFERENCE_GPU))
    steps: dict[str, TimedStep] = field(default_factory=dict)

    def add(self, call: Call, store: int = 0) -> str:
        """Note a call of the Lab, and before it what it needs; its name. ``store``: which run store it is for."""
        needs = [self.add(one) for one in call.needs]
        kind, again = KINDS[call.verb], [store] if store else []
        name = f"{kind}-{digest([call.verb, *map(_told, call.args), *_options(call), *needs, *again])[:12]}"
        entry = widened(model_entry(call.model), self.kind.memory_gb)
        seconds = _seconds(call, entry, self.kind)
        draws = kind != "adapter"
        start = starting(entry) if draws else loading(entry)
        self.steps[name] = TimedStep(name, call.model, seconds, entry.tensor_parallel, tuple(needs), draws, start)
        return name

    def again(self, call: Call) -> None:
        """Note a score once more, by an engine of its own that decodes ``OTHER_ROWS`` rows together."""
        usual, entry = self.steps[self.add(call)], widened(model_entry(call.model), self.kind.memory_gb)
        rows, tokens = len(Sizes().benchmark(call.args[1]).tasks), call.options["sampling"].max_new_tokens
        seconds = math.ceil(rows / OTHER_ROWS) * drawing(entry, OTHER_ROWS, tokens, self.kind)
        name, engine = f"{usual.name}, batches of {OTHER_ROWS}", f"{usual.model}, batches of {OTHER_ROWS}"
        self.steps[name] = replace(usual, name=name, model=engine, seconds=seconds)


KINDS = {"evaluate": "score", "evaluate_answers": "score", "mine": "pairs", "train": "adapter"}


def _seconds(call: Call, entry: ModelEntry, kind: Gpu) -> float:
    """Seconds that a call takes, without the start of an engine or a training process."""
    if call.verb == "mine":
        return mining(entry, call.args[1], call.options["recipe"], kind)
    if call.verb == "train":
        return _scaled(training(len(call.args[1]), recipes()[call.args[2]]["epochs"]), entry, kind)
    drawn = call.options["sampling"]
    rows = len(Sizes().benchmark(call.args[1]).tasks) * (drawn.n if drawn.temperature else 1)
    adapted, sampled = call.options.get("adapter") is not None, drawn.temperature > 0
    return drawing(entry, rows, drawn.max_new_tokens, kind, adapted, sampled)


def _options(call: Call) -> list[Any]:
    """What of a call's options tells it from others: a greedy score has no seed."""
    greedy = call.verb.startswith("evaluate") and not call.options["sampling"].temperature
    dropped = {"seed"} if greedy else set[str]()
    return [[name, _told(value)] for name, value in sorted(call.options.items()) if name not in dropped and value]


def _told(value: Any) -> Any:
    """An argument as part of a name: items by their origin, miners by their settings; promises are in the needs."""
    if isinstance(value, Promise | PromisedItem):
        return None
    if isinstance(value, Pair):
        return value.error
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    return value if isinstance(value, str | int | float | Sampling) else repr(value)


def steps(marks: str, only: str, kind: Gpu, seeds: str = "", flips: bool = False) -> list[TimedStep]:
    """The steps of the chosen paper-scale claims on a kind of GPU, each once. DataError where one cannot be planned."""
    return steps_of(chosen(marks, only, seeds), kind, flips)


def steps_of(claims: Iterable[Claim], kind: Gpu, flips: bool = False) -> list[TimedStep]:
    """The steps of these claims at paper scale, in every arm that is run; as ``steps``. ``flips``: with the base scores
    at a second batch size (judging/flips.py)."""
    forecast = Forecast(kind)
    for claim in claims:
        for settings in arms_of(claim.scales["paper"]):
            for seed in settings.seeds or (0,):
                calls = _calls(claim.id, settings, seed)
                for store, call in itertools.product(range(times(settings)), calls):
                    forecast.add(call, store)
                if flips and has_baseline(settings):
                    forecast.again(next(call for call in calls if KINDS[call.verb] == "score" and not call.needs))
    return list(forecast.steps.values())


def _calls(claim: str, settings: Settings, seed: int) -> list[Call]:
    """What a claim asks of the Lab."""
    run = DryRun(Sizes())
    try:
        run_once(run, settings, seed)
    except DataError as error:
        raise DataError(f"{claim}[{seed}]: {error}") from None
    return run.steps


# On so many GPUs


def fitting(wanted: Sequence[TimedStep], gpus: int) -> list[TimedStep]:
    """The steps that so many GPUs can do: none that needs more at once, nor what waits for such a one."""
    left = {step.name: step for step in wanted if step.gpus <= gpus}
    while gone := [name for name, step in left.items() if not set(step.after) <= set(left)]:
        for name in gone:
            del left[name]
    return list(left.values())


def table(wanted: Sequence[TimedStep], kind: Gpu, counts: Sequence[int]) -> str:
    """Hours and dollars of the steps on each number of GPUs, as text."""
    kinds = {name: sum(step.name.startswith(name) for step in wanted) for name in ("score", "pairs", "adapter")}
    lines = [
        f"{len(wanted)} steps: {kinds['score']} scores, {kinds['pairs']} mining runs, {kinds['adapter']} trainings",
        f"{kind.name:<6}  hours  GPU hours  of them starting  engines  busy  $ if paid while busy  $ if all are kept"
        "  hours by pytest -n",
    ]
    for count in counts:
        chosen = fitting(wanted, count)
        line = f"{_line(schedule(chosen, count), kind)}  {sitting(chosen, count) / 3600:>17.2f}"
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
    starts = f"{made.starts / 3600:>16.2f}  {made.engines:>7}"
    return f"{made.gpus:>6}  {hours:>5.2f}  {busy:>9.2f}  {starts}  {share:>4.0%}  {prices}"
