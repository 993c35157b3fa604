"""Where does the lift come from? Every arm of the recipe, the sweep and the control, scored twice and taken apart.

    selfboot decompose organism-0                    # data/measured/decomposition/organism-0.json and the README's
    table

Each arm trains on the first so many pairs of a file, as its claim does, for every seed; the same completions are then
graded as the benchmark scores them and once more with their form forgiven. The untrained model is also read by raw
completion. Every completion gets a failure class (analysis/failures.py). What is kept is a letter and a bit a task, so
that every share can be computed again from the file; nothing in it is a summary.

Trainings and completions lie in the run store: an interrupted call goes on where it was. Arms are read off the
registry, at the model's own scale; the form-only control, which no claim of the paper has, is added where its pairs
are. Not covered: benchmarks of answers, whose form is one line.
"""

from __future__ import annotations

import json
import string
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from selfboot import keys
from selfboot.analysis.decomposition import Decomposition, decompose, mean_tally, transitions
from selfboot.analysis.failures import CLASSES, PASSED, classify, tally
from selfboot.benchmarks.base import Benchmark, load_any
from selfboot.decomposition.files import bits, flags_of
from selfboot.errors import DataError
from selfboot.formats import code_format
from selfboot.keys import code_hash
from selfboot.lab import Adapter, Lab, Score, machine
from selfboot.pairs import load_pairs, pairs_path, pairs_sha256
from selfboot.paths import MEASURED
from selfboot.progress import counter
from selfboot.protocols.base import HasArtifact
from selfboot.registry import Settings, registry
from selfboot.store import file_sha256

RECIPE, CLAIMS = "recipe-7b", ("recipe-7b", "pair-count-sweep", "control")
FORM_ONLY, FORM_COUNTS = "form-only", (21, 40)
SEEDS = (7, 13, 42)
STRICT, TOLERANT, RAW, RAW_TOLERANT = "chat", "chat-tolerant", "raw", "raw-tolerant"
LETTERS = dict(zip(CLASSES, string.ascii_letters, strict=False))
NAMES = {letter: name for name, letter in LETTERS.items()}

E = TypeVar("E", bound=HasArtifact)


@dataclass(frozen=True)
class Arm:
    """The first ``count`` pairs of a file (all of it, if it has fewer), and the claims that train on just those."""

    pairs: str
    count: int
    claims: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.pairs} {self.count}"


@dataclass(frozen=True)
class Reading:
    """A score as the file keeps it: class and tolerant outcome of every task; ``ended``: completions that ended."""

    classes: tuple[str, ...]
    tolerant: tuple[bool, ...]
    ended: int

    @property
    def flags(self) -> list[bool]:
        """Per task: solved, as the benchmark scores it."""
        return [name == PASSED for name in self.classes]

    @property
    def tally(self) -> dict[str, int]:
        """Tasks a class."""
        return tally(self.classes)

    def row(self) -> dict[str, Any]:
        return {"classes": "".join(LETTERS[name] for name in self.classes), "tolerant": bits(self.tolerant),
                "ended": self.ended}  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """One file: the untrained model read in four ways, and every arm by seed."""

    model: str
    benchmark: str
    recipe: str
    base: Reading
    raw: dict[str, tuple[bool, ...]]  # "raw" and "raw-tolerant"
    arms: dict[Arm, dict[int, Reading]]
    settings: str
    provenance: dict[str, Any]

    def decomposition(self, arm: Arm) -> Decomposition:
        """The lift of one arm over its seeds, taken apart."""
        seeds = self.arms[arm].values()
        return decompose(
            self.base.flags,
            self.base.tolerant,
            [seed.flags for seed in seeds],
            self.raw[RAW_TOLERANT],
            [seed.tolerant for seed in seeds],
        )

    def failures(self, arm: Arm) -> dict[str, float]:
        """Mean number of tasks a class after training."""
        return mean_tally([seed.tally for seed in self.arms[arm].values()])

    def moves(self, arm: Arm) -> dict[tuple[str, str], float]:
        """Mean number of tasks that went from one class to another."""
        return transitions(self.base.classes, [seed.classes for seed in self.arms[arm].values()])

    @property
    def outdated(self) -> bool:
        """Was it measured by another version of the code than this one?"""
        return bool(self.provenance["code"] != code_hash(*keys.DECOMPOSITION))


def settings_of(model: str) -> dict[str, Settings]:
    """The settings of the three claims for ``model``: its own scale's, else the mini scale's with it put in."""
    known = registry()
    for name in known[RECIPE].scales:
        if known[RECIPE].scales[name].model == model:
            return {claim: known[claim].scales[name] for claim in CLAIMS}
    return {claim: replace(known[claim].scales["mini"], model=model) for claim in CLAIMS}


def arms_of(model: str) -> list[Arm]:
    """Every arm of the three claims once, then the form-only control's. Raises DataError where pairs are missing."""
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    for claim, settings in settings_of(model).items():
        for pairs in settings.arms or (settings.pairs,):
            for count in settings.counts or (settings.count,):
                found[pairs, count] = (*found.get((pairs, count), ()), claim)
    if pairs_path(model, FORM_ONLY).exists():
        found |= {(FORM_ONLY, count): () for count in FORM_COUNTS}
    order = list(dict.fromkeys(pairs for pairs, _ in found))
    known = {pairs: len(load_pairs(model, pairs)) for pairs in order}
    return [
        Arm(pairs, min(count, known[pairs]), claims)
        for (pairs, count), claims in sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]


def measure(lab: Lab, model: str, seeds: Sequence[int] = SEEDS, command: str = "") -> dict[str, Any]:
    """Train and score every arm for every seed; the file's content."""
    settings, arms = settings_of(model)[RECIPE], arms_of(model)
    work = _Work(lab, model, settings.benchmark)
    base = work.reading().row() | {form: bits(work.score(form).flags) for form in (RAW, RAW_TOLERANT)}
    told = counter(lab.progress, f"decomposing {model}", len(arms) * len(seeds))
    rows = []
    for arm in arms:
        pairs = load_pairs(model, arm.pairs)[: arm.count]
        rows.append({"pairs": arm.pairs, "count": arm.count, "claims": arm.claims, "sha256": pairs_sha256(pairs)})
        scores = rows[-1]["seeds"] = {}
        for seed in seeds:
            adapter = work.kept(lab.train(model, pairs, settings.recipe, seed))
            scores[str(seed)] = work.reading(adapter).row()
            told(len(seeds) * (len(rows) - 1) + len(scores))
    named = {"model": model, "weights": lab.weights, "benchmark": settings.benchmark, "recipe": settings.recipe}
    kept = {"legend": NAMES, "base": base, "arms": rows, "settings": fingerprint(model)}
    return {**named, **kept, "provenance": _provenance(command, work)}


class _Work:
    """Scores of one model on one benchmark; remembers how long making each artifact took, whenever that was."""

    def __init__(self, lab: Lab, model: str, benchmark: str) -> None:
        bench = load_any(benchmark)
        if not isinstance(bench, Benchmark):
            raise DataError(f"{benchmark}: a benchmark of answers; only code has a form to take apart")
        self.lab, self.model, self.benchmark, self.tasks = lab, model, benchmark, bench.tasks
        self.seconds: dict[str, float] = {}
        self.engine: dict[str, Any] = {}

    def kept(self, made: E) -> E:
        self.seconds[made.artifact.id] = made.artifact.seconds
        return made

    def score(self, form: str, adapter: Adapter | None = None) -> Score:
        score = self.lab.evaluate(self.model, self.benchmark, adapter=adapter, format=form)
        self.kept(score.samples)
        self.engine = score.samples.artifact.manifest["provenance"]["engine"]
        return self.kept(score)

    def reading(self, adapter: Adapter | None = None) -> Reading:
        """A score, with the same completions read tolerantly."""
        strict, tolerant = (self.score(form, adapter) for form in (STRICT, TOLERANT))
        if strict.samples.artifact.id != tolerant.samples.artifact.id:
            raise DataError(
                f"{self.model}: {STRICT} and {TOLERANT} have other prompts or stop strings; make them equal"
            )
        form, classes = code_format(STRICT), []
        for place, task in enumerate(self.tasks):
            text = strict.samples.completions[place][0].text
            outcome, forgiven = strict.outcomes[place][0], tolerant.outcomes[place][0]
            classes.append(classify(task, text, form.program(task, text), outcome, forgiven))
        ended = sum(row[0].finish in ("eos", "stop") for row in strict.samples.completions)
        return Reading(tuple(classes), tuple(tolerant.flags), ended)


def fingerprint(model: str) -> str:
    """Hash of what the figures depend on but for the code: the claims' settings, their pairs and recipe."""
    from selfboot.judging.calibration import fingerprint as of_claim
    from selfboot.store import digest

    own = pairs_path(model, FORM_ONLY)
    marks = [of_claim(settings) for settings in settings_of(model).values()]
    return digest([marks, file_sha256(own) if own.exists() else None, FORM_COUNTS])[:16]


def _provenance(command: str, work: _Work) -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(sum(work.seconds.values())),
        "engine": work.engine,
        "machine": machine(),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
        "code": code_hash(*keys.DECOMPOSITION),
    }


def path_of(model: str) -> Path:
    """Where a model's decomposition is kept."""
    return MEASURED / "decomposition" / f"{model}.json"


def recorded() -> list[Recorded]:
    """Every decomposition that the checkout has, by model."""
    return [read(path) for path in sorted((MEASURED / "decomposition").glob("*.json"))]


def read(path: Path) -> Recorded:
    """A file that ``write`` wrote. Raises DataError when it is not there, or damaged."""
    remedy = f"run `selfboot decompose {path.stem}`"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        base = table["base"]
        return Recorded(
            table["model"],
            table["benchmark"],
            table["recipe"],
            _read(base, table["legend"]),
            {form: flags_of(base[form]) for form in (RAW, RAW_TOLERANT)},
            dict(_arms(table)),
            table["settings"],
            table["provenance"],
        )
    except FileNotFoundError:
        raise DataError(f"{path}: no decomposition yet; {remedy}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error}); {remedy}") from None


def _arms(table: dict[str, Any]) -> Iterator[tuple[Arm, dict[int, Reading]]]:
    for row in table["arms"]:
        seeds = {int(seed): _read(one, table["legend"]) for seed, one in row["seeds"].items()}
        yield Arm(row["pairs"], row["count"], tuple(row["claims"])), seeds


def _read(row: dict[str, Any], legend: dict[str, str]) -> Reading:
    return Reading(tuple(legend[letter] for letter in row["classes"]), flags_of(row["tolerant"]), row["ended"])
