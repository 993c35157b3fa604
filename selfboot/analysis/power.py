"""Chances of a calibrated band, and outcomes with given counts, for the simulations (judging/)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Rng = np.random.Generator


def solved(rng: Rng, n: int, count: float) -> list[bool]:
    """``count`` solved tasks of ``n``, in random places."""
    hit = np.zeros(n, dtype=bool)
    hit[rng.permutation(n)[: min(max(round(count), 0), n)]] = True
    return [bool(x) for x in hit]


def outside_twice(
    offset: float, sd: float, seeds: int, spreads: NDArray[np.float64], scale: float, own: float
) -> float:
    """Chance that two fresh means (sd ``own``, ``offset`` off) both miss centre ± scale·spread.

    ``spreads``: equally likely values of the estimated sd; the centre is a mean of ``seeds`` seeds of spread ``sd``.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    error, half = nodes[:, None] * sd / math.sqrt(seeds), scale * spreads[None, :]
    out = stats.norm.cdf((error - half - offset) / own) + stats.norm.sf((error + half - offset) / own)
    return float((weights[:, None] / weights.sum() * out**2).sum() / len(spreads))


def calibrated_misses(values: Sequence[float], shift: float, fresh: int = 1, level: float = 0.99) -> float:
    """Chance that the mean of ``fresh`` seeds misses its calibrated band (bands.calibrated_band) twice, when it is
    ``shift`` off what the calibration's ``values`` saw: the false alarm at 0, else the power against that shift."""
    sd = float(np.std(values, ddof=1))
    return misses(shift / sd, len(values), fresh, level) if sd else float(shift != 0)


def misses(shift: float, seeds: int, fresh: int, level: float) -> float:
    """The same in units of the seeds' spread, for a calibration of so many ``seeds``."""
    levels = (np.arange(400) + 0.5) / 400
    spreads = np.sqrt(stats.chi2.ppf(levels, seeds - 1) / (seeds - 1))
    scale = float(stats.t.ppf(0.5 + level / 2, seeds - 1)) * math.sqrt(1 / seeds + 1 / fresh)
    return outside_twice(shift, 1.0, seeds, spreads, scale, 1 / math.sqrt(fresh))


@lru_cache(maxsize=1024)
def level_missed_twice(chance: float, seeds: int, fresh: int) -> float:
    """The level of a band of ``seeds`` calibrated seeds that ``fresh`` new ones, and as many in a retry, both miss with
    this chance. Both tries are held against one calibration, so it is more than 1 − √chance (0.9838, not 0.9776, at
    0.0005, 30 and 1)."""
    found = optimize.brentq(lambda level: misses(0.0, seeds, fresh, level) - chance, 0.5, 1 - 1e-9, xtol=1e-9)
    return float(found)
