"""Recipe × test-time sampling (§3.5): four arms on the same tasks, and the two contrasts one may mean by "synergy".

``tts``          recipe+TTS − raw+TTS: the quantity that the paper's +12.8 and −4.9 points name
``interaction``  (recipe+TTS − recipe) − (raw+TTS − raw): the difference of differences: does it help MORE then?

They answer different questions: a recipe that lifts greedy by 60 and best-of-8 by 20 has a tts contrast of +20 and an
interaction of −40. A claim says which one it is about; both are always computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from selfboot.analysis.bands import SeedSpread
from selfboot.errors import DataError

Contrast = Literal["tts", "interaction"]
ARMS_IN = {"tts": 2, "interaction": 4}
SeedOutcomes = Sequence[Sequence[float]]  # one list a seed, one value in [0, 1] a task


@dataclass(frozen=True)
class FourArms:
    """Outcomes of the four arms, seeds × tasks; values are booleans or per-task pass@k. Seed counts may differ."""

    raw: SeedOutcomes
    raw_tts: SeedOutcomes
    recipe: SeedOutcomes
    recipe_tts: SeedOutcomes


@dataclass(frozen=True)
class ContrastEstimate:
    """A contrast in tasks with its one-sided bounds. ``se`` is seed noise; ``task_se`` that over tasks, as context."""

    value: float
    lower: float
    upper: float
    se: float
    task_se: float
    seeds: int


def _task_means(arm: SeedOutcomes, name: str) -> NDArray[np.float64]:
    if not arm or len({len(seed) for seed in arm}) != 1:
        raise DataError(
            f"synergy arm {name}: {len(arm)} seeds of lengths {[len(s) for s in arm]}; want equal ones, at least one"
        )
    values = np.asarray(arm, dtype=float)
    if values.min() < 0 or values.max() > 1:
        raise DataError(
            f"synergy arm {name}: values from {values.min()} to {values.max()}; per-task outcomes lie in 0 to 1"
        )
    return np.asarray(values.mean(axis=0))


def per_task(arms: FourArms, contrast: Contrast) -> NDArray[np.float64]:
    """The contrast of each task, from arm means over seeds. Its sum is the contrast in tasks."""
    means = {name: _task_means(getattr(arms, name), name) for name in ("raw", "raw_tts", "recipe", "recipe_tts")}
    if len({len(m) for m in means.values()}) != 1:
        raise DataError(
            f"synergy arms have { ({k: len(v) for k, v in means.items()}) } tasks; score all four on the same tasks"
        )
    gain = means["recipe_tts"] - means["raw_tts"]
    return gain if contrast == "tts" else gain - (means["recipe"] - means["raw"])


def synergy_contrast(arms: FourArms, spread: SeedSpread, contrast: Contrast, level: float = 0.95) -> ContrastEstimate:
    """Estimate with one-sided bounds at ``level``: sd = s·√(arms/m), m = seeds of the recipe arms (the fewer)."""
    values = per_task(arms, contrast)
    seeds = min(len(arms.recipe), len(arms.recipe_tts))
    se = spread.sd * math.sqrt(ARMS_IN[contrast] / seeds)
    reach = float(stats.t.ppf(level, spread.df)) * se
    total = float(values.sum())
    task_se = float(values.std(ddof=1) * math.sqrt(len(values))) if len(values) > 1 else 0.0
    return ContrastEstimate(total, total - reach, total + reach, se, task_se, seeds)


def contrast_power(effect: float, spread: SeedSpread, contrast: Contrast, seeds: int, alpha: float = 0.05) -> float:
    """Chance that the one-sided bound excludes zero when the contrast really is ``effect`` tasks (either sign)."""
    se = spread.sd * math.sqrt(ARMS_IN[contrast] / seeds)
    if se == 0:
        return 1.0 if effect else 0.0
    return float(stats.nct.sf(stats.t.ppf(1 - alpha, spread.df), spread.df, abs(effect) / se))
