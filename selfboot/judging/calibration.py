"""Calibrated bands at mini scale: what OUR model does over many seeds, and the interval for a new one.

data/measured/bands/<model>.json holds the raw figure of every seed, by claim and figure; each claim's settings as a
hash, so that a band never outlives a change of what it measures; and for every call that added seeds its versions,
machine, date and the hash of the code. Bands are computed from those figures when asked for; none is typed in.
"""

from __future__ import annotations

import functools
import json
import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from scipy import stats

from selfboot import keys
from selfboot.analysis.bands import CALIBRATION_SEEDS, Band, calibrated_band
from selfboot.benchmarks.base import load_any, split_name
from selfboot.errors import DataError
from selfboot.keys import code_hash
from selfboot.pairs import check_pairs, pairs_path
from selfboot.paths import MEASURED
from selfboot.protocols.base import Arm
from selfboot.registry import Direction, Settings, recipes, registry
from selfboot.store import digest, write_atomic

LEVEL = 0.99  # of a prediction interval that is shown
FLIPPED_OF = 164  # tasks of the benchmark on which flips are measured
BUDGET = 0.0015  # the chance that a claim fails although nothing has changed, shared out evenly among its figures; a
# figure with a retry spends √share a try (judging/README.md); 34 claims make 5 %
WIDEST = 0.4  # of the tasks; a wider interval is no band
SHAPE_ALPHA, LEAST_SD = 0.01, 2.0  # a figure is skewed where a normal shape is this unlikely, and it spreads at all
Shape = Literal["normal", "skewed", "wide"]
SHOWN_ALPHA, SHOWN_SHARE = 0.01, 1 / 20  # a direction: this clear over the seeds, and more than this share of the tasks


@dataclass(frozen=True)
class Measure:
    """One figure of a claim over the calibration's seeds, in tasks or items; a fixed one has one value and no seed."""

    arm: Arm
    seeds: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def fixed(self) -> bool:
        return not self.seeds

    @property
    def by_seed(self) -> dict[int, float]:
        """The values by seed; a fixed one under 0."""
        return dict(zip(self.seeds or (0,), self.values, strict=True))

    def with_seed(self, seed: int, value: float) -> Measure:
        """The measure with one more seed, or another value of it."""
        if self.arm.fixed:
            return Measure(self.arm, (), (value,))
        known = {**dict(zip(self.seeds, self.values, strict=True)), seed: value}
        seeds = tuple(sorted(known))
        return Measure(self.arm, seeds, tuple(known[seed] for seed in seeds))


@dataclass(frozen=True)
class Calibration:
    """The figures of one model, by claim and figure; ``flips``: the greedy outcomes that differed between batch sizes;
    ``settings``: each claim's fingerprint when it was measured."""

    model: str
    measures: dict[str, dict[str, Measure]]
    settings: dict[str, str]
    provenance: list[dict[str, Any]]
    flips: float | None = None

    @property
    def outdated(self) -> set[str]:
        """Hashes of the code that measured some of the seeds behind the model's bands and is no longer this code."""
        claims = {one.id for one in registry().values() if self.model in (s.model for s in one.scales.values())}
        return {str(call["code"]) for call in self.provenance if claims & set(call["seeds"])} - {
            code_hash(*keys.CALIBRATION)
        }

    def figures(self, claim: str) -> dict[str, Measure]:
        """Every figure of a claim; none where it is not calibrated."""
        return self.measures.get(claim, {})

    def measure(self, claim: str, figure: str) -> Measure:
        """One figure of a claim. DataError where it was not measured."""
        if figure not in self.figures(claim):
            raise DataError(
                f"{path_of(self.model)}: {claim} has no figure {figure!r};"
                f" run `selfboot calibrate {self.model} --only {claim}`"
            )
        return self.measures[claim][figure]

    def flipped(self, tasks: int) -> float:
        """``flips``, which were measured on ``FLIPPED_OF`` tasks, of so many; DataError without them."""
        if self.flips is None:
            raise DataError(f"{path_of(self.model)}: no flips; run `selfboot calibrate {self.model}`")
        return self.flips * tasks / FLIPPED_OF

    def by_device(self, claim: str, figure: str) -> dict[str, dict[int, float]]:
        """One figure by seed, by the device that it was measured on: the device with most seeds first."""
        known = self.measure(claim, figure).by_seed
        found: dict[str, dict[int, float]] = {}
        for call in self.provenance:
            seeds = [seed for seed in call["seeds"].get(claim, []) if seed in known]
            found.setdefault(str(call["device"]), {}).update({seed: known[seed] for seed in seeds})
        return dict(sorted(((d, f) for d, f in found.items() if f), key=lambda item: -len(item[1])))

    def band(self, claim: str, figure: str, fresh: int = 1, tasks: int | None = None, level: float = LEVEL) -> Band:
        """Prediction interval for the mean of ``fresh`` seeds; ``tasks``: what a score cannot exceed."""
        return calibrated_band(self.measure(claim, figure).values, fresh, level, limits=(0, tasks) if tasks else None)

    def seeds(self, claim: str) -> int:
        """The fewest seeds that a figure of the claim has; ``CALIBRATION_SEEDS`` where none has any."""
        seeded = (len(measure.seeds) for measure in self.figures(claim).values() if not measure.fixed)
        return min(seeded, default=CALIBRATION_SEEDS)

    def shape(self, claim: str, figure: str, tasks: int, level: float, fresh: int = 1) -> Shape:
        """How a figure spreads over seeds. Wide: the band that ``fresh`` seeds are held against would be more than
        ``WIDEST`` of the tasks."""
        values = self.measure(claim, figure).values
        skewed = statistics.stdev(values) >= LEAST_SD and float(stats.shapiro(values).pvalue) < SHAPE_ALPHA
        band = (self.range_band if skewed else self.band)(claim, figure, fresh, tasks or None, level)
        if tasks and band.upper - band.lower > WIDEST * tasks:
            return "wide"
        return "skewed" if skewed else "normal"

    def range_band(self, claim: str, figure: str, fresh: int, tasks: int | None, level: float) -> Band:
        """Band of a skewed figure: the calibration's range joined with the prediction interval."""
        values = self.measure(claim, figure).values
        return self.band(claim, figure, fresh, tasks, level).union(min(values), max(values))

    def rising(self, claim: str, base: str, figure: str) -> tuple[int, int]:
        """In how many seeds, of how many, a figure lies above the base's."""
        found = self.differences(claim, base, figure)
        return sum(difference > 0 for difference in found), len(found)

    def differences(self, claim: str, before: str, after: str) -> list[float]:
        """The difference of two figures of one seed, in seed order; a fixed one is the same for every seed."""
        first, last = self.measure(claim, before).values, self.measure(claim, after).values
        first = first * len(last) if len(first) == 1 else first
        return [b - a for a, b in zip(first, last, strict=True)]

    def interactions(self, claim: str) -> list[float]:
        """(recipe+TTS − recipe) − (raw+TTS − raw) of each seed of a synergy claim, in seed order (§3.5)."""
        raw, raw_tts, recipe, recipe_tts = four({name: m.arm for name, m in self.figures(claim).items()})
        pairs = zip(self.differences(claim, raw, recipe), self.differences(claim, raw_tts, recipe_tts), strict=True)
        return [sampled - greedy for greedy, sampled in pairs]

    def difference_band(self, claim: str, before: str, after: str, fresh: int = 1, level: float = LEVEL) -> Band:
        """Prediction interval of such a difference."""
        return calibrated_band(self.differences(claim, before, after), fresh, level)

    def interaction_band(self, claim: str, fresh: int = 1, level: float = LEVEL) -> Band:
        """Prediction interval of the difference of differences."""
        return calibrated_band(self.interactions(claim), fresh, level)

    def shows(self, claim: str, before: str, after: str, tasks: int) -> Direction:
        """Where the difference goes: up or down where its mean differs from 0 (t-test over the seeds, two-sided 1 %) by
        more than one task in twenty; else nowhere. No seed, no test: the size alone."""
        found = self.differences(claim, before, after)
        mean = statistics.fmean(found)
        clear = len(set(found)) == 1 or float(stats.ttest_1samp(found, 0.0).pvalue) < SHOWN_ALPHA
        if not clear or abs(mean) <= SHOWN_SHARE * tasks:
            return "none"
        return "up" if mean > 0 else "down"

    def fixed_band(self, claim: str, figure: str, tasks: int, chance: float = BUDGET) -> Band:
        """Band of a score without a seed, left by ``chance``: the tasks that flipped across batch sizes decide it."""
        score, flips = self.fixed(claim, figure), self.flipped(tasks)
        half = flips_half(flips, chance)
        note = f"{score:g} ± {half} ({flips:.2g} flips)"
        return Band(score - half, score + half, "calibrated", note).clipped(tasks)

    def fixed(self, claim: str, figure: str) -> float:
        """The value of a figure that has no seed (a greedy baseline)."""
        (value,) = self.measure(claim, figure).values
        return value


def flips_half(flips: float, chance: float = BUDGET) -> int:
    """How far a greedy score moves at most when ``flips`` outcomes change between machines, but in ``chance`` of all
    runs: it has no seed, and so no retry."""
    walk = stats.skellam(max(flips, 1e-9) / 2, max(flips, 1e-9) / 2)
    return next(half for half in range(1000) if 2 * float(walk.sf(half)) <= chance)


def four(arms: Mapping[str, Arm]) -> list[str]:
    """The names of a synergy claim's arms: raw, raw sampled, recipe, recipe sampled."""
    wanted = [(role, greedy) for role in ("base", "trained") for greedy in (True, False)]
    return [next(name for name, arm in arms.items() if (arm.role, arm.greedy) == one) for one in wanted]


def lacking(claim: str, settings: Settings) -> str | None:
    """Why a claim has no band at mini scale yet, with the remedy; None when it has one.

    DataError where its pairs are missing or damaged: that is no reason to measure anything again.
    """
    if not settings.protocol:
        return None
    remedy = f"`selfboot calibrate {settings.model} --only {claim}`"
    if not path_of(settings.model).exists():
        return f"{settings.model} is not calibrated; {remedy}"
    table = calibration(settings.model)
    if claim in table.settings and table.settings[claim] != fingerprint(settings):
        for name in _pair_names(settings):
            check_pairs(settings.model, name)
        return f"calibrated with other settings than claims/*.toml has now; {remedy}"
    known = table.figures(claim)
    seeds = [len(measure.seeds) for measure in known.values() if not measure.fixed]
    if not known or min(seeds, default=CALIBRATION_SEEDS) < CALIBRATION_SEEDS:
        return f"calibrated over {min(seeds, default=0)} seeds, {CALIBRATION_SEEDS} are needed; {remedy}"
    return None


DETERMINING = ("model", "benchmark", "protocol", "options", "format", "count", "counts", "arms", "wrong_stop")


def fingerprint(settings: Settings) -> str:
    """Hash of what a claim's figures depend on: its settings, its recipe's values, its pairs' content, its tasks."""
    parts: dict[str, Any] = {name: getattr(settings, name) for name in DETERMINING}
    parts["options"] = dict(settings.options)
    parts["recipe"] = recipes().get(settings.recipe)
    files = [pairs_path(settings.model, name) for name in _pair_names(settings)]
    parts["pairs"] = [digest(path.read_text(encoding="utf-8")) if path.exists() else None for path in files]
    parts["tasks"] = {name: _tasks(split_name(name)[0]) for name in _benchmarks(settings)}
    return digest(parts)[:16]


def _benchmarks(settings: Settings) -> list[str]:
    """What a claim is scored on, and what it is mined from."""
    named = [settings.options.get(name, "") for name in ("tasks", "shots")]
    return [name for name in (settings.benchmark, *settings.options.get("also", ()), *named) if name]


@functools.cache
def _tasks(benchmark: str) -> str:
    """Hash of all tasks of a benchmark."""
    return load_any(benchmark).sha256


def _pair_names(settings: Settings) -> list[str]:
    names = settings.arms if settings.protocol == "train_on_each" and settings.arms else (settings.pairs,)
    return [name for name in names if name]


def path_of(model: str) -> Path:
    """Where a model's calibration is kept."""
    return MEASURED / "bands" / f"{model}.json"


def own_path(store: Path, model: str, measure: str) -> Path:
    """Where the bands of any one model are kept, in a run store; ``measure``: part and tokens, "" the whole."""
    name = "-".join(one for one in (re.sub(r"[^A-Za-z0-9.]+", "-", model).strip("-."), measure) if one)
    return store / "bands" / f"{name}.json"


def own_mark(settings: Settings, weights: str) -> str:
    """What the figures of any one model's claim depend on, as ``fingerprint``; ``weights``: a hash of the model."""
    return digest([fingerprint(replace(settings, model="", counts=())), weights])[:16]


def own_bands(path: Path, claim: str, mark: str) -> Calibration | None:
    """The calibration in ``path``, where it has bands for the claim; None where the claim was not calibrated, or over
    fewer seeds than a band needs. DataError where the model or the claim's settings were others."""
    if not path.exists():
        return None
    known = read("", path)
    if known.settings.get(claim, mark) != mark:
        raise DataError(
            f"{path}: {claim} was calibrated with another model or other settings; calibrate again, or delete the file"
        )
    enough = known.flips is not None and known.seeds(claim) >= CALIBRATION_SEEDS
    return known if enough and known.figures(claim) else None


@functools.cache
def calibration(model: str) -> Calibration:
    """The calibration of ``model``."""
    return read(model, path_of(model))


def read(model: str, path: Path) -> Calibration:
    """The calibration of ``model`` in a file. DataError where there is none, or it is damaged."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        measures = {c: {n: _measure(m) for n, m in known.items()} for c, known in table["measures"].items()}
        return Calibration(model, measures, table["settings"], table["provenance"], table.get("flips"))
    except FileNotFoundError:
        raise DataError(f"{path}: {model} is not calibrated; run `selfboot calibrate {model}`") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: damaged ({error}); restore it or run `selfboot calibrate {model}`") from None


def _measure(table: Mapping[str, Any]) -> Measure:
    return Measure(Arm(**table["arm"]), tuple(table.get("seeds", ())), tuple(table["values"]))


def write(path: Path, known: Calibration) -> None:
    """Write a calibration: a line for the seeds of a figure and one for its values."""
    table = {
        "model": known.model,
        "flips": known.flips,
        "settings": dict(sorted(known.settings.items())),
        "measures": {c: {n: _row(known.measures[c][n]) for n in known.measures[c]} for c in sorted(known.measures)},
        "provenance": known.provenance,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, _lines(table) + "\n")


def _row(measure: Measure) -> dict[str, Any]:
    arm = {f.name: v for f in fields(Arm) if (v := getattr(measure.arm, f.name)) != f.default and f.name != "seed"}
    return {"arm": arm, **({"seeds": measure.seeds} if measure.seeds else {}), "values": measure.values}


def _lines(value: Any, margin: str = "") -> str:
    """JSON in which what holds no list or table stands on one line."""
    parts = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(value, dict | list) or not any(isinstance(part, dict | list | tuple) for part in parts):
        return json.dumps(value, ensure_ascii=False)
    inner = margin + " "
    rows = [_lines(part, inner) for part in parts]
    if isinstance(value, dict):
        rows = [f"{json.dumps(name, ensure_ascii=False)}: {row}" for name, row in zip(value, rows, strict=True)]
    start, end = "{}" if isinstance(value, dict) else "[]"
    body = f",\n{inner}".join(rows)
    return f"{start}\n{inner}{body}\n{margin}{end}"
