"""Calibrated bands at mini scale: what OUR organism does over many seeds, and the interval for a fresh one (bands.md).

data/measured/bands/<model>.json holds the raw figure of every seed; each claim's settings as a hash, so that a band
never
outlives a change of what it measures; and for every call that added seeds its versions, machine, date and the hash of
the code. Bands are computed from those figures when asked for; none is typed in.
"""

from __future__ import annotations

import functools
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy import stats

from selfboot import keys
from selfboot.analysis.bands import CALIBRATION_SEEDS, Band, baseline_band, calibrated_band
from selfboot.analysis.synergy import four_names
from selfboot.errors import DataError
from selfboot.keys import code_hash
from selfboot.pairs import check_pairs, pairs_path
from selfboot.paths import MEASURED
from selfboot.registry import Direction, Settings, recipes, registry
from selfboot.store import digest

LEVEL = 0.99  # of a prediction interval
SHOWN_ALPHA, SHOWN_SHARE = 0.01, 1 / 20  # a direction: this clear over the seeds, and more than this share of the tasks


@dataclass(frozen=True)
class Calibration:
    """The figures of one model: ``measures["claim/figure"]`` maps a seed (as text) to its value, in tasks or items;
    ``settings``: each claim's fingerprint when it was measured."""

    model: str
    measures: dict[str, dict[str, float]]
    settings: dict[str, str]
    provenance: list[dict[str, Any]]

    @property
    def outdated(self) -> set[str]:
        """Hashes of the code that measured some of the seeds behind the model's bands and is no longer this code."""
        claims = {one.id for one in registry().values() if self.model in (s.model for s in one.scales.values())}
        return {str(call["code"]) for call in self.provenance if claims & set(call["seeds"])} - {
            code_hash(*keys.CALIBRATION)
        }

    def values(self, measure: str) -> list[float]:
        """The figures of one measure, in seed order."""
        if measure not in self.measures:
            claim = measure.split("/")[0]
            raise DataError(
                f"{path_of(self.model)}: no measure {measure!r}; run `selfboot calibrate {self.model} --only {claim}`"
            )
        return [value for _, value in sorted(self.measures[measure].items(), key=lambda item: int(item[0]))]

    def by_device(self, measure: str) -> dict[str, list[float]]:
        """The figures of one measure by the device that they were measured on, the device with most seeds first."""
        found = {device: list(figures.values()) for device, figures in self.seeds_by_device(measure).items()}
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    def seeds_by_device(self, measure: str) -> dict[str, dict[str, float]]:
        """The figures of one measure by device, and there by seed; no device without one."""
        claim, known = measure.split("/")[0], self.measures[measure]
        found: dict[str, dict[str, float]] = {}
        for call in self.provenance:
            seeds = [str(seed) for seed in call["seeds"].get(claim, []) if str(seed) in known]
            found.setdefault(str(call["device"]), {}).update({seed: known[seed] for seed in seeds})
        return {device: figures for device, figures in found.items() if figures}

    def band(self, measure: str, fresh: int = 1, tasks: int | None = None, level: float = LEVEL) -> Band:
        """Prediction interval for the mean of ``fresh`` seeds; ``tasks``: what a score cannot exceed."""
        return calibrated_band(self.values(measure), fresh, level, limits=(0, tasks) if tasks else None)

    def level(self, claim: str, contrasts: int = 1) -> float:
        """The level of each of a claim's bands at which all of them together hold with 99 % (Bonferroni)."""
        seeded = [
            name for name, values in self.measures.items() if name.startswith(f"{claim}/") and set(values) != {"0"}
        ]
        return 1 - (1 - LEVEL) / (len(seeded) + contrasts)

    def differences(self, before: str, after: str) -> list[float]:
        """The difference of two figures of one seed, in seed order; a greedy one is the same for every seed."""
        first, last = self.values(before), self.values(after)
        first = first * len(last) if len(first) == 1 else first
        return [b - a for a, b in zip(first, last, strict=True)]

    def interactions(self, claim: str) -> list[float]:
        """(recipe+TTS − recipe) − (raw+TTS − raw) of each seed of a synergy claim, in seed order (§3.5)."""
        own = [name.removeprefix(f"{claim}/") for name in self.measures if name.startswith(f"{claim}/")]
        raw, raw_tts, recipe, recipe_tts = (f"{claim}/{name}" for name in four_names(own))
        pairs = zip(self.differences(raw, recipe), self.differences(raw_tts, recipe_tts), strict=True)
        return [sampled - greedy for greedy, sampled in pairs]

    def difference_band(self, before: str, after: str, fresh: int = 1, level: float = LEVEL) -> Band:
        """Prediction interval of such a difference."""
        return calibrated_band(self.differences(before, after), fresh, level)

    def interaction_band(self, claim: str, fresh: int = 1, level: float = LEVEL) -> Band:
        """Prediction interval of the difference of differences."""
        return calibrated_band(self.interactions(claim), fresh, level)

    def shows(self, before: str, after: str, tasks: int) -> Direction:
        """Where the difference goes: up or down where its mean differs from 0 (t-test over the seeds, two-sided 1 %) by
        more than one task in twenty; else nowhere. No seed, no test: the size alone."""
        found = self.differences(before, after)
        mean = statistics.fmean(found)
        clear = len(set(found)) == 1 or float(stats.ttest_1samp(found, 0.0).pvalue) < SHOWN_ALPHA
        if not clear or abs(mean) <= SHOWN_SHARE * tasks:
            return "none"
        return "up" if mean > 0 else "down"

    def greedy_band(self, measure: str, tasks: int) -> Band:
        """Band of a greedy score, which has no seed: the tasks that flipped across batch sizes decide its width."""
        band = baseline_band(self.fixed(measure), self.fixed("flips"), tasks)
        return Band(band.lower, band.upper, "calibrated", band.note)

    def fixed(self, measure: str) -> float:
        """The figure of a measure that has no seed (a greedy baseline)."""
        (value,) = self.values(measure)
        return value


def lacking(claim: str, settings: Settings) -> str | None:
    """Why a claim has no band at mini scale yet, with the remedy; None when it has one.

    DataError where its pairs are missing or damaged: that is no reason to measure anything anew.
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
    known = {name: v for name, v in table.measures.items() if name.startswith(f"{claim}/")}
    seeds = [len(values) for values in known.values() if set(values) != {"0"}]
    if not known or min(seeds, default=CALIBRATION_SEEDS) < CALIBRATION_SEEDS:
        return f"calibrated over {min(seeds, default=0)} seeds, {CALIBRATION_SEEDS} are needed; {remedy}"
    return None


DETERMINING = ("model", "benchmark", "protocol", "options", "format", "count", "counts", "arms", "wrong_stop")


def fingerprint(settings: Settings) -> str:
    """Hash of what a claim's figures depend on: its settings, its recipe's values, its pairs' content."""
    parts: dict[str, Any] = {name: getattr(settings, name) for name in DETERMINING}
    parts["options"] = dict(settings.options)
    parts["recipe"] = recipes().get(settings.recipe)
    files = [pairs_path(settings.model, name) for name in _pair_names(settings)]
    parts["pairs"] = [digest(path.read_text(encoding="utf-8")) if path.exists() else None for path in files]
    return digest(parts)[:16]


def _pair_names(settings: Settings) -> list[str]:
    names = settings.arms if settings.protocol == "train_on_each" and settings.arms else (settings.pairs,)
    return [name for name in names if name]


def path_of(model: str) -> Path:
    """Where a model's calibration is kept."""
    return MEASURED / "bands" / f"{model}.json"


@functools.cache
def calibration(model: str) -> Calibration:
    """The calibration of ``model``."""
    return read(model, path_of(model))


def read(model: str, path: Path) -> Calibration:
    """The calibration of ``model`` in a file. DataError where there is none, or it is damaged."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return Calibration(model, table["measures"], table["settings"], table["provenance"])
    except FileNotFoundError:
        raise DataError(f"{path}: {model} is not calibrated; run `selfboot calibrate {model}`") from None
    except (ValueError, KeyError) as error:
        raise DataError(f"{path}: damaged ({error}); restore it or run `selfboot calibrate {model}`") from None
