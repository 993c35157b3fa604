"""What do the paper's reading and recipe change on our mini model, and how much of each lift needs no training?

    selfboot arms organism-0          # data/measured/arms/organism-0.json and the README's tables

The claims of the recipe, the sweep and the control are run for every seed in four ways: trained by our recipe or by the
paper's (``PAPERS``), read and graded by our arm or by the paper's (protocols/arms.py). Both arms read the very same
completions. The training-free claim gives the untrained model's answers, asked and read in other ways. What is kept is
a bit a task, so that every share can be computed again from the file; nothing in it is a summary.

Trainings and completions lie in the run store: an interrupted call goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfboot import keys
from selfboot.decomposition.files import bits, flags_of
from selfboot.errors import DataError
from selfboot.judging.calibration import fingerprint as of_claim
from selfboot.keys import code_hash
from selfboot.lab import Lab, machine
from selfboot.paths import MEASURED
from selfboot.progress import counter
from selfboot.protocols.base import Run
from selfboot.protocols.catalogue import run_protocol
from selfboot.registry import ArmName, Settings, recipes, registry
from selfboot.store import digest

TRAINED, FREE = ("recipe-7b", "pair-count-sweep", "control"), "training-free"
SEEDS = (7, 13, 42, 1000)
READINGS: tuple[ArmName, ...] = ("ours", "paper")
PAPERS = {"mini": "mini-confirm"}  # our recipe: the paper's, for the same model
Flags = tuple[bool, ...]


@dataclass(frozen=True)
class Trained:
    """One trained score of a claim: by which recipe, and per seed and reading the outcome of every task."""

    claim: str
    figure: str
    recipe: str
    seeds: dict[int, dict[ArmName, Flags]]

    def solved(self, reading: ArmName) -> list[int]:
        """Tasks solved, a seed."""
        return [sum(flags[reading]) for flags in self.seeds.values()]


@dataclass(frozen=True)
class Measured:
    """One file. ``base``: the untrained model's usual answers in both readings; ``free``: other ways to ask and read
    it, as our arm has them."""

    model: str
    base: dict[ArmName, Flags]
    free: dict[str, Flags]
    trained: tuple[Trained, ...]
    settings: str
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Gained:
    """Tasks that a training gains, by what the untrained model needs to solve them; means over the seeds.

    ``reading``: its own answers, read as ours; ``tolerant``: the same, read tolerantly; ``asking``: one of the other
    training-free ways; ``new``: none of these. They add up to ``gained``.
    """

    gained: float
    lost: float
    reading: float
    tolerant: float
    asking: float
    new: float


def gains(found: Measured, one: Trained, reading: ArmName) -> Gained:
    """Of the tasks that ``one`` gains in a reading, how many the untrained model solves without any training."""
    rows = [_gained(found, flags[reading], found.base[reading]) for flags in one.seeds.values()]
    return Gained(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))


def _gained(found: Measured, after: Flags, before: Flags) -> tuple[int, int, int, int, int, int]:
    ways = [found.base["ours"], found.free["base, tolerant"]]
    others = [flags for name, flags in found.free.items() if name not in ("base", "base, tolerant")]
    gained = [task for task, now in enumerate(after) if now and not before[task]]
    first = [next((at for at, way in enumerate((*ways, *others)) if way[task]), -1) for task in gained]
    lost = sum(was and not now for was, now in zip(before, after, strict=True))
    asking = sum(at >= len(ways) for at in first)
    return len(gained), lost, first.count(0), first.count(1), asking, first.count(-1)


def settings_of(model: str) -> dict[str, Settings]:
    """The settings of the claims at the mini scale, with ``model`` put in."""
    return {name: replace(registry()[name].scales["mini"], model=model) for name in (*TRAINED, FREE)}


def measure(lab: Lab, model: str, seeds: Sequence[int] = SEEDS, command: str = "") -> dict[str, Any]:
    """Run every claim in every way; the file's content."""
    claims = settings_of(model)
    plan = [(name, recipe, seed) for name in TRAINED for recipe in _recipes(claims[name]) for seed in seeds]
    told, rows = counter(lab.progress, f"arms of {model}", len(plan)), dict[tuple[str, str, str], dict[str, Any]]()
    free = {reading: _run(lab, claims[FREE], reading, seed=0) for reading in READINGS}
    for done, (name, recipe, seed) in enumerate(plan, 1):
        runs = {reading: _run(lab, replace(claims[name], recipe=recipe), reading, seed) for reading in READINGS}
        for figure in runs["ours"].outcomes:
            if not runs["ours"].arms[figure].fixed:
                found = {reading: bits(run.outcomes[figure]) for reading, run in runs.items()}
                rows.setdefault((name, figure, recipe), {})[str(seed)] = found
        told(done)
    named = [{"claim": c, "figure": f, "recipe": r, "seeds": found} for (c, f, r), found in rows.items()]
    return {
        "model": model,
        "weights": lab.weights,
        "base": {reading: bits(run.outcomes["base"]) for reading, run in free.items()},
        "free": {name: bits(flags) for name, flags in free["ours"].outcomes.items()},
        "trained": named,
        "settings": fingerprint(model),
        "provenance": _provenance(command),
    }


def _recipes(settings: Settings) -> tuple[str, str]:
    if settings.recipe not in PAPERS:
        raise DataError(f"recipe {settings.recipe!r}: no recipe of the paper's beside it; known: {', '.join(PAPERS)}")
    return settings.recipe, PAPERS[settings.recipe]


def _run(lab: Lab, settings: Settings, reading: ArmName, seed: int) -> Run:
    return run_protocol(lab, replace(settings, arm=reading), seed)


def fingerprint(model: str) -> str:
    """Hash of what the figures depend on but for the code: the claims' settings and the recipes."""
    marks = [of_claim(settings) for settings in settings_of(model).values()]
    return digest([marks, [recipes()[name] for pair in PAPERS.items() for name in pair]])[:16]


def _provenance(command: str) -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
        "code": code_hash(*keys.DECOMPOSITION, *keys.SCRIPTED, *keys.SCRIPT_VERDICT),
    }


def path_of(model: str) -> Path:
    """Where a model's figures are kept."""
    return MEASURED / "arms" / f"{model}.json"


def read(path: Path) -> Measured:
    """A file that ``write`` wrote. Raises DataError when it is not there, or damaged."""
    remedy = f"run `selfboot arms {path.stem}`"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        base: dict[ArmName, Flags] = {reading: flags_of(table["base"][reading]) for reading in READINGS}
        free = {name: flags_of(said) for name, said in table["free"].items()}
        marks = (table["settings"], table["provenance"])
        return Measured(table["model"], base, free, tuple(_trained(table)), *marks)
    except FileNotFoundError:
        raise DataError(f"{path}: not measured yet; {remedy}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error}); {remedy}") from None


def _trained(table: dict[str, Any]) -> Iterator[Trained]:
    for row in table["trained"]:
        seeds = {int(seed): {name: flags_of(one[name]) for name in READINGS} for seed, one in row["seeds"].items()}
        yield Trained(row["claim"], row["figure"], row["recipe"], seeds)
