"""How widely training seeds differ, at few pairs and at many: the paper's scores beside the calibration's (§3.2).

The paper's seeds spread over 95 to 112 tasks at 40 pairs (7B) and over 130 to 134 at 100 (14B). The calibration has
thirty seeds of each, so nothing needs to be run. Scores are skewed, so the Brown–Forsythe test compares the spreads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from selfboot.judging.calibration import calibration
from selfboot.judging.results import Agreement
from selfboot.registry import registry

FEW, MANY = "recipe-7b", "recipe-14b"  # claims on 40 and on 100 pairs
ALPHA = 0.05


@dataclass(frozen=True)
class Spread:
    """The trained scores of one claim, in tasks: the paper's, and ours, one a seed."""

    claim: str
    paper: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def sd(self) -> float:
        return float(np.std(self.ours, ddof=1))


def spreads() -> tuple[Spread, Spread]:
    """Those of few pairs and of many."""
    few, many = (_spread(name) for name in (FEW, MANY))
    return few, many


def _spread(name: str) -> Spread:
    scales = registry()[name].scales
    return Spread(
        name, scales["paper"].published["trained"], calibration(scales["mini"].model).measure(name, "trained").values
    )


def agreement() -> tuple[Agreement, float]:
    """Do seeds differ less with more pairs, as the paper's do? With the test's two-sided p."""
    few, many = spreads()
    p = float(stats.levene(few.ours, many.ours, center="median").pvalue)
    if p > ALPHA:
        return "no effect", p
    return ("same direction" if many.sd < few.sd else "opposite"), p
