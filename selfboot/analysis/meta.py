"""Random-effects meta-analysis: several laboratories' estimates of one effect, each with its variance.

DerSimonian and Laird, Meta-analysis in clinical trials, Controlled Clinical Trials 7 (1986) 177-188; I² as in Higgins
and Thompson, Statistics in Medicine 21 (2002) 1539-1558. The laboratories' errors must be independent of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from selfboot.errors import DataError


@dataclass(frozen=True)
class Pooled:
    """The mean effect and its confidence interval, in the unit of the estimates; heterogeneity: ``q`` (χ² with ``df``
    degrees of freedom under none, its ``p``), ``i2`` (share of the spread that chance does not explain), ``tau2``
    (variance of the true effects)."""

    effect: float
    lower: float
    upper: float
    q: float
    df: int
    p: float
    i2: float
    tau2: float


def random_effects(effects: Sequence[float], variances: Sequence[float], level: float = 0.95) -> Pooled:
    """Pool ``effects`` with their squared standard errors; with one effect: that one, and no heterogeneity."""
    y, v = np.asarray(effects, dtype=float), np.asarray(variances, dtype=float)
    if not len(y) or len(y) != len(v) or not (v > 0).all():
        raise DataError(
            f"meta-analysis of {len(y)} effects and {len(v)} variances: want one variance above 0 an effect"
        )
    w, df = 1 / v, len(y) - 1
    q = float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())
    scale = float(w.sum() - (w**2).sum() / w.sum())
    tau2 = max(0.0, (q - df) / scale) if df else 0.0
    own = 1 / (v + tau2)
    effect, half = float((own * y).sum() / own.sum()), float(stats.norm.ppf(0.5 + level / 2) / own.sum() ** 0.5)
    i2 = max(0.0, 1 - df / q) if q > 0 else 0.0
    return Pooled(effect, effect - half, effect + half, q, df, float(stats.chi2.sf(q, df)) if df else 1.0, i2, tau2)
