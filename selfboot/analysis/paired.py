"""Paired tests on per-task outcomes: McNemar's exact test, its several-seed form, Holm, equivalence, power.

Outcomes are one bool a task, in the same task order in both arms. Differences and margins are in tasks.
The tests take tasks as the independent unit; seed-to-seed variation is the bands' business (bands.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from selfboot.errors import DataError

Outcomes = Sequence[bool]


@dataclass(frozen=True)
class Discordance:
    """Tasks that only the second arm solves (``gains``), only the first (``losses``), of ``n``."""

    gains: int
    losses: int
    n: int

    @property
    def total(self) -> int:
        return self.gains + self.losses

    @property
    def difference(self) -> int:
        return self.gains - self.losses


@dataclass(frozen=True)
class PairedTest:
    """Mean difference in tasks (after − before); exact p-values: ``up`` for a rise, ``down`` for a fall, two-sided."""

    difference: float
    up: float
    down: float
    two_sided: float


@dataclass(frozen=True)
class Interval:
    """A confidence interval for a difference, in tasks."""

    estimate: float
    lower: float
    upper: float


def discordance(before: Outcomes, after: Outcomes) -> Discordance:
    """Discordant counts of two arms on the same tasks."""
    if len(before) != len(after) or not before:
        raise DataError(f"paired outcomes: {len(before)} and {len(after)} tasks; score both arms on the same tasks")
    a, b = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    return Discordance(int((~a & b).sum()), int((a & ~b).sum()), len(a))


def mcnemar(gains: int, losses: int) -> PairedTest:
    """McNemar's exact conditional test. ``two_sided`` equals statsmodels' ``mcnemar(exact=True)``."""
    total = gains + losses
    up = float(stats.binom.sf(gains - 1, total, 0.5))
    down = float(stats.binom.cdf(gains, total, 0.5))
    return PairedTest(gains - losses, up, down, min(1.0, 2 * min(up, down)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given: all below α hold together with a chance of error of α."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    found, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_values[place]))
        found[place] = least
    return found


def task_matrix(arms: Sequence[Outcomes]) -> NDArray[np.int64]:
    """Outcomes of one arm's seeds as an array of shape (seeds, tasks), of 0 and 1."""
    if not arms or len({len(arm) for arm in arms}) != 1 or not len(arms[0]):
        raise DataError(
            f"outcomes of {len(arms)} seeds with {[len(a) for a in arms]} tasks: want one equal-length list a seed"
        )
    return np.asarray(arms, dtype=bool).astype(np.int64)


def paired_test(before: Sequence[Outcomes], after: Sequence[Outcomes]) -> PairedTest:
    """Exact sign-flip test of the seed-mean difference: under the null each task's difference is as likely −d as +d.

    ``before`` and ``after`` hold one outcome list a seed (numbers of seeds may differ). With one seed in each arm this
    IS McNemar's exact test; with more it is its natural extension, exact too (by convolution, no resampling).
    """
    a, b = task_matrix(before), task_matrix(after)
    if a.shape[1] != b.shape[1]:
        raise DataError(f"paired outcomes: {a.shape[1]} and {b.shape[1]} tasks; score both arms on the same tasks")
    seeds_a, seeds_b = len(a), len(b)
    per_task = b.sum(0) * seeds_a - a.sum(0) * seeds_b
    per_task //= math.gcd(*(int(x) for x in per_task)) or 1
    up, down = _sign_flip_tails(per_task)
    difference = float(b.sum() / seeds_b - a.sum() / seeds_a)
    return PairedTest(difference, up, down, min(1.0, 2 * min(up, down)))


def _sign_flip_tails(per_task: NDArray[np.int64]) -> tuple[float, float]:
    sizes = np.abs(per_task[per_task != 0])
    reach = int(sizes.sum())
    mass = np.zeros(2 * reach + 1)
    mass[reach] = 1.0
    for size in sizes:
        up, down = np.zeros_like(mass), np.zeros_like(mass)
        up[size:], down[:-size] = mass[:-size], mass[size:]
        mass = (up + down) / 2
    at = reach + int(per_task.sum())
    return min(1.0, float(mass[at:].sum())), min(1.0, float(mass[: at + 1].sum()))


@lru_cache(maxsize=16384)
def score_interval(counts: Discordance, level: float = 0.95) -> Interval:
    """Tango's (1998) score interval for the difference of paired proportions, times n; sound for few discordances."""
    z = float(stats.norm.ppf(0.5 + level / 2))
    n, delta = counts.n, counts.difference / counts.n

    def excess(bound: float) -> float:
        return abs(_tango_z(counts, bound)) - z

    lower = -1.0 if delta <= -1 else optimize.brentq(excess, -1 + 1e-12, delta, xtol=1e-12)
    upper = 1.0 if delta >= 1 else optimize.brentq(excess, delta, 1 - 1e-12, xtol=1e-12)
    return Interval(counts.difference, n * float(lower), n * float(upper))


def _tango_z(counts: Discordance, delta: float) -> float:
    """Score statistic for H0: difference = ``delta`` (Tango 1998, equations 3 to 6)."""
    n, gains, losses = counts.n, counts.gains, counts.losses
    b = -gains - losses + (2 * n - gains + losses) * delta
    c = -losses * delta * (1 - delta)
    q = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * q + delta * (1 - delta))
    gap = gains - losses - n * delta
    if variance <= 1e-15:
        return 0.0 if abs(gap) < 1e-9 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


@lru_cache(maxsize=4096)
def mcnemar_power(n: int, gains: float, losses: float, alpha: float = 0.05, two_sided: bool = False) -> float:
    """Chance that the exact test finds a rise, when ``gains`` and ``losses`` are the expected discordant counts.

    Unconditional: the number of discordant tasks is binomial, and so is its split. For a fall swap the two.
    """
    rate = (gains + losses) / n
    if not 0 <= rate <= 1 + 1e-12 or gains < 0 or losses < 0:
        raise DataError(
            f"power: {gains} gains and {losses} losses expected of {n} tasks; they must fit within the tasks"
        )
    if rate == 0:
        return 0.0
    level = alpha / 2 if two_sided else alpha
    totals = np.arange(n + 1)
    critical = stats.binom.isf(level, totals, 0.5) + 1  # smallest count whose upper tail is <= level
    significant = stats.binom.sf(critical - 1, totals, gains / (gains + losses))
    return float((stats.binom.pmf(totals, n, min(rate, 1.0)) * significant).sum())
