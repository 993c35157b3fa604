"""Everything that is measured of a model before anything is trained. Each part is an artifact of the run store.

    with OpenLab(RunStore(Path("store"))) as lab:
        found = diagnose(lab, "organism-0", Plan(tasks=40))
        found.verdict, found.lift.value

Scores are of the whole benchmark, or of tasks drawn at random with intervals that say so. Not covered: answers in
mathematics (the recipe's code side only), models without a chat template.
"""

from __future__ import annotations

import functools
import json
import random
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from selfboot import published
from selfboot.analysis import prediction
from selfboot.analysis.failures import classify, side, tally
from selfboot.analysis.pass_at_k import pass_at_k
from selfboot.analysis.prediction import Boundary, Estimate, LeftOut, Point, Row, Verdict, wilson
from selfboot.benchmarks.base import Benchmark, load_benchmark
from selfboot.engines.gpu import REFERENCE_GPU, Gpu, gpu
from selfboot.errors import DataError
from selfboot.formats.base import code_format
from selfboot.lab import Mined, Score, machine
from selfboot.mining.base import derive
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.models.find import find_model, is_organism
from selfboot.models.memory import need
from selfboot.newmodel.models import OpenLab
from selfboot.paths import MEASURED, require
from selfboot.records import Sampling
from selfboot.registry import ModelEntry, registry

READINGS = ("chat", "chat-tolerant", "raw", "raw-tolerant")
PROBE = 4  # tasks that a time budget is reckoned from
LEAST = 8  # tasks that are scored whatever the budget
SAMPLED = Sampling(temperature=0.8)
REFERENCE_CLAIM = "recipe-7b-full"  # whose minutes on the reference GPU the cost is scaled from


@dataclass(frozen=True)
class Plan:
    """How much is measured. ``benchmark`` empty: MiniEval for a mini model, else HumanEval. ``tasks`` 0: all.

    ``samples`` a task for pass@8 (fewer than 8: pass@that many), on ``sampled`` of the tasks (0: on all that are
    scored); ``rounds`` of ``problems`` problems make the mining run.
    ``seconds``: so many tasks as fit into that time (0: as ``tasks`` says), reckoned from the first few.
    """

    benchmark: str = ""
    tasks: int = 0
    samples: int = 8
    sampled: int = 0
    rounds: int = 2
    problems: int = 16
    seed: int = 7
    seconds: float = 0.0
    gpus: tuple[str, ...] = (REFERENCE_GPU, "rtx-6000-ada")


@dataclass(frozen=True)
class Reading:
    """A greedy score: tasks solved of those scored, and the share of the whole benchmark with its interval."""

    format: str
    solved: int
    n: int
    share: Estimate


@dataclass(frozen=True)
class Harvest:
    """A small run of the bootstrap miner: problems asked for, well-formed, new, valid; pairs; pairs of a full run."""

    asked: int
    well_formed: int
    fresh: int
    valid: int
    pairs: int
    full: Estimate


@dataclass(frozen=True)
class Price:
    """The real thing (mine, train, score) on one kind of GPU. ``missing``: why it does not fit."""

    gpu: str
    gpus: int
    hours: float
    usd: float
    gb: float
    missing: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All of it. Estimates are shares of the benchmark, but for ``harvest.full`` (pairs)."""

    model: str
    benchmark: str
    whole: int
    readings: tuple[Reading, ...]
    samples: int
    passk: Estimate
    headroom: Estimate
    failures: dict[str, int]
    form: Estimate | None
    harvest: Harvest
    chat: Boundary
    best: Boundary
    lift: Estimate
    lift_published: Estimate
    family_error: float
    published_error: float
    verdict: Verdict
    costs: tuple[Price, ...]
    seconds: dict[str, float]
    provenance: dict[str, Any]

    def reading(self, format: str) -> Reading:
        return next(one for one in self.readings if one.format == format)

    def table(self) -> dict[str, Any]:
        """Everything as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Measured:
    """What was run: the part ``bench`` of the ``whole`` benchmark, four greedy readings, the draws, the mining run."""

    whole: Benchmark
    bench: Benchmark
    scores: dict[str, Score]
    drawn: Score | None
    mined: Mined

    @property
    def passk(self) -> list[float]:
        """Of each sampled task unbiased pass@8, or pass@n where fewer than eight were drawn (none: greedy)."""
        if self.drawn is None:
            return [float(flag) for flag in self.scores["chat"].flags]
        return [pass_at_k(len(row), sum(o.passed for o in row), min(8, len(row))) for row in self.drawn.outcomes]

    @property
    def headroom(self) -> list[float]:
        """Of each sampled task pass@8 - greedy, in the chat format."""
        greedy = dict(zip(self.scores["chat"].tasks, self.scores["chat"].flags, strict=True))
        tasks = self.drawn.tasks if self.drawn else self.scores["chat"].tasks
        return [p - greedy[task] for p, task in zip(self.passk, tasks, strict=True)]


def diagnose(lab: OpenLab, model: str, plan: Plan) -> Diagnosis:
    """Measure the model and judge what to expect. What was measured before is read from the store."""
    began = time.perf_counter()
    found = _put_together(find_model(model), plan, measure(lab, model, plan))
    return replace(found, seconds={**found.seconds, "this run": round(time.perf_counter() - began, 1)})


def measure(lab: OpenLab, model: str, plan: Plan, harvest: BootstrapMiner | None = None) -> Measured:
    """Run all that a diagnosis needs. ``harvest``: a longer run, of which the plan's rounds are the beginning."""
    whole = load_benchmark(plan.benchmark or default_benchmark(find_model(model)))
    bench = part(whole, plan.tasks or _affordable(lab, model, whole, plan), plan.seed)
    scores = {format: lab.score(model, bench, format) for format in READINGS}
    sampling, some = replace(SAMPLED, n=plan.samples), part(bench, plan.sampled, plan.seed)
    drawn = lab.score(model, some, "chat", sampling, plan.seed) if plan.samples else None
    miner = harvest or BootstrapMiner(steps=plan.rounds, problems=plan.problems)
    return Measured(whole, bench, scores, drawn, lab.mine(model, miner, plan.seed))


def measured(found: Measured, plan: Plan) -> dict[str, Any]:
    """What of a diagnosis belongs beside a measured lift, before there is anything to predict from."""
    failures = _failures(found)
    form = _form(failures)
    return {
        "n": len(found.bench.tasks),
        "solved": {name: score.solved for name, score in found.scores.items()},
        "sampled": len(found.passk),
        "passk": sum(found.passk) / len(found.passk),
        "headroom": sum(found.headroom) / len(found.headroom),
        "form": form.value if form else None,
        "harvest": asdict(_harvest(found.mined, plan)),
    }


def default_benchmark(entry: ModelEntry) -> str:
    """MiniEval for what was trained on the mini model's corpus, else HumanEval."""
    return "minieval" if is_organism(entry) else "humaneval"


def part(bench: Benchmark, tasks: int, seed: int) -> Benchmark:
    """So many tasks drawn at random (all: the benchmark itself), in the benchmark's order."""
    if not tasks or tasks >= len(bench.tasks):
        return bench
    chosen = sorted(random.Random(derive(seed, "tasks")).sample(range(len(bench.tasks)), tasks))
    return replace(bench, tasks=tuple(bench.tasks[i] for i in chosen))


def _affordable(lab: OpenLab, model: str, bench: Benchmark, plan: Plan) -> int:
    """The number of tasks that fit into the plan's seconds (0: no limit)."""
    if not plan.seconds:
        return 0
    probe = lab.score(model, part(bench, PROBE, plan.seed)).samples.artifact.seconds / PROBE
    harvest = probe * plan.rounds * plan.problems * 3  # a problem, and on average about half of the attempts at it
    left = plan.seconds - probe * PROBE - harvest
    return max(LEAST, min(len(bench.tasks), int(left / (probe * (2 + plan.samples)))))


# What follows from the measurements


def _put_together(entry: ModelEntry, plan: Plan, run: Measured) -> Diagnosis:
    n, of, table = len(run.bench.tasks), len(run.whole.tasks), boundary_table()
    readings = tuple(Reading(name, one.solved, n, wilson(one.solved, n, of)) for name, one in run.scores.items())
    headroom = prediction.mean_estimate(run.headroom, of)
    failures, harvest, share = _failures(run), _harvest(run.mined, plan), readings[0].share.value
    best = max([*(reading.solved for reading in readings), round(sum(run.passk) * n / len(run.passk))])
    chat, other = prediction.boundary(readings[0].solved, n, table), prediction.boundary(best, n, table)
    lift, published = (one.clipped(-share, 1 - share) for one in _predict(headroom, share))
    return Diagnosis(
        model=entry.name,
        benchmark=run.whole.name,
        whole=of,
        readings=readings,
        samples=plan.samples,
        passk=prediction.mean_estimate(run.passk, of).clipped(0, 1),
        headroom=headroom,
        failures=failures,
        form=_form(failures),
        harvest=harvest,
        chat=chat,
        best=other,
        lift=lift,
        lift_published=published,
        family_error=prediction.error(prediction.leave_one_out(family())),
        published_error=prediction.error(prediction.leave_one_out(prediction.boundary_points(table))),
        verdict=prediction.judge(chat, other, headroom, harvest.full, lift),
        costs=tuple(price(entry, gpu(name)) for name in plan.gpus) if entry.shape else (),
        seconds=_seconds(run),
        provenance={"plan": asdict(plan), "machine": machine(), **_artifacts(run)},
    )


def _failures(run: Measured) -> dict[str, int]:
    """The greedy chat attempts by class of failure (analysis/failures.py)."""
    form, names, chat = code_format("chat"), [], run.scores["chat"]
    tolerant = run.scores["chat-tolerant"].outcomes
    for task, (said,), (outcome,), (kind,) in zip(
        run.bench.tasks, chat.samples.completions, chat.outcomes, tolerant, strict=True
    ):
        names.append(classify(task, said.text, form.program(task, said.text), outcome, kind))
    return tally(names)


def _form(failures: dict[str, int]) -> Estimate | None:
    """The share of the failing attempts that fail on form; None when none fails."""
    sides = {name: sum(count for c, count in failures.items() if side(c) == name) for name in ("form", "skill")}
    failed = sum(sides.values())
    return wilson(sides["form"], failed) if failed else None


def _harvest(mined: Mined, plan: Plan) -> Harvest:
    records = mined.records[: plan.rounds]
    counts = {name: sum(record[name] for record in records) for name in ("asked", "well_formed", "fresh")}
    valid = sum(len(record["valid"]) for record in records)
    pairs = sum(int(pair.meta["step"]) < plan.rounds for pair in mined.pairs)
    return Harvest(**counts, valid=valid, pairs=pairs, full=prediction.expected_pairs(pairs, counts["asked"]))


def _predict(headroom: Estimate, chat: float) -> tuple[Estimate, Estimate]:
    """Predicted lift from the family of mini models (by headroom) and from the published table (by base score)."""
    published = prediction.fit(prediction.boundary_points(boundary_table()))
    return prediction.fit(family()).predict((headroom.value,)), published.predict((chat,))


def _seconds(run: Measured) -> dict[str, float]:
    """What building the artifacts took, whenever that was."""
    built = {a.id: a.seconds for one in run.scores.values() for a in (one.samples.artifact, one.artifact)}
    sampled = run.drawn.samples.artifact.seconds + run.drawn.artifact.seconds if run.drawn else 0.0
    parts = {"greedy": sum(built.values()), "samples": sampled, "mining run": run.mined.artifact.seconds}
    return {name: round(value, 1) for name, value in parts.items()}


def _artifacts(run: Measured) -> dict[str, Any]:
    known = {name: score.artifact.id for name, score in run.scores.items()}
    return {"scores": known, "sampled": run.drawn.artifact.id if run.drawn else "", "harvest": run.mined.artifact.id}


# Reference data


@functools.cache
def boundary_table() -> tuple[Row, ...]:
    """The paper's rows, as far as its reproduction guide gives figures (data/paper.toml, chart "boundary")."""
    return tuple(_row(entry) for entry in published.chart("boundary"))


def _row(entry: published.Published) -> Row:
    """A model without a score after training is below the floor: there was too little to mine from."""
    after = tuple(round(score) for score in entry.figures.get("trained", ()))
    return Row(entry.model.lower().removesuffix("-base"), round(entry.mean("base")), after, floor=not after)


@functools.cache
def family() -> tuple[Point, ...]:
    """The family of mini models as measured (data/measured/diagnosis/family.json): headroom -> lift, as shares of
    MiniEval. Where too little was mined to train on, the recipe's lift is none."""
    path = require(MEASURED / "diagnosis" / "family.json", "the family of mini models's measured lifts")
    try:
        members = json.loads(path.read_text(encoding="utf-8"))["members"]
        return tuple(Point(name, (row["headroom"],), row["lift"]) for name, row in members.items())
    except (ValueError, KeyError) as error:
        raise DataError(f"{path}: damaged ({error}); restore it, or run `selfboot diagnose --family`") from None


def left_out() -> tuple[list[LeftOut], list[LeftOut]]:
    """Leave-one-out predictions: of the family, and of the published table."""
    rows = prediction.boundary_points(boundary_table())
    return prediction.leave_one_out(family()), prediction.leave_one_out(rows)


def price(entry: ModelEntry, kind: Gpu) -> Price:
    """Hours and dollars of a full run on a GPU: the registry's minutes for the whole path of a 7B model, scaled by the
    number of parameters and by memory bandwidth (decoding is bound by reading the weights). An estimate."""
    if entry.shape is None:
        raise DataError(f"model {entry.name!r}: its shape is not known, so its cost cannot be reckoned")
    settings = registry()[REFERENCE_CLAIM].scales["paper"]
    reference = find_model(settings.model).shape
    wanted = need(entry, 16, kind.memory_gb)
    ratio = entry.shape.parameters / reference.parameters if reference else 1.0
    hours = settings.minutes / 60 * ratio * gpu(REFERENCE_GPU).bandwidth / kind.bandwidth / wanted.gpus
    missing = f"needs {wanted.gb:g} GB" if wanted.gb > kind.memory_gb else ""
    return Price(kind.name, wanted.gpus, hours, hours * wanted.gpus * kind.usd_per_hour, wanted.gb, missing)
