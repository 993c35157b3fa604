"""Bands: the interval in which a measured score must lie to agree with a published or calibrated one.

The tasks are fixed, so what varies between runs is the training seed, sampling and the engine. All scores, bands and
standard deviations are in tasks solved (not per cent). One function a kind of band.

Not covered: bands for scores whose seeds are not exchangeable, and heavy-tailed seed effects (a seed that collapses);
every interval is normal-theory. Prediction intervals of calibrated bands want 20 seeds and refuse fewer than 15.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from selfboot.errors import DataError

PRIOR_DF = 4  # weight of the binomial variance against measured seed variances
CALIBRATION_SEEDS = 15  # fewer give no band; twenty and more are wanted (the t quantile pays for the difference)
BandSource = Literal["published", "calibrated", "stated"]


@dataclass(frozen=True)
class Band:
    """A closed interval in tasks. ``source`` decides what lying outside means (verdict.py); ``note`` its origin."""

    lower: float
    upper: float
    source: BandSource = "published"
    note: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower <= self.upper):
            raise DataError(
                f"band [{self.lower}, {self.upper}]: the ends must be finite and in order; check its inputs"
            )

    def __contains__(self, value: float) -> bool:
        return self.lower - 1e-9 <= value <= self.upper + 1e-9

    @property
    def whole(self) -> tuple[int, int]:
        """The whole task counts inside, as printed in tables: (90, 117) for 89.6 to 117.7."""
        return math.ceil(self.lower - 1e-9), math.floor(self.upper + 1e-9)

    def side(self, value: float) -> Literal["inside", "above", "below"]:
        if value in self:
            return "inside"
        return "above" if value > self.upper else "below"

    def clipped(self, n: int) -> Band:
        """The part of the band within the scores that exist, 0 to ``n``; an end beyond them moves to the nearest."""
        return Band(min(max(self.lower, 0.0), n), max(min(self.upper, float(n)), 0.0), self.source, self.note)

    def union(self, lower: float, upper: float) -> Band:
        """The smallest band that holds this one and [``lower``, ``upper``]."""
        return Band(min(self.lower, lower), max(self.upper, upper), self.source, self.note)


@dataclass(frozen=True)
class SeedSpread:
    """Seed-to-seed standard deviation in tasks, and how many degrees of freedom it rests on."""

    sd: float
    df: int


def _check_score(score: float, n: int) -> None:
    if not 0 <= score <= n:
        raise DataError(f"score {score} of {n} tasks: must lie between 0 and {n}; is it a percentage?")


def seed_spread(groups: Sequence[Sequence[float]], n: int) -> SeedSpread:
    """Seed variance shrunk towards the binomial one, pooled over groups of seeds of the same setting.

    s² = [4·v + Σ(m_k−1)·s_k²] / [4 + Σ(m_k−1)] with v = n·p(1−p), averaged over all seeds where the groups' p differ.
    ``groups`` holds scores in tasks of ``n``. (104, 112, 95) of 164 gives sd 7.0 on 6 degrees of freedom.
    """
    scores = [[float(x) for x in group] for group in groups if group]
    if not scores:
        raise DataError("seed spread: no scores; give at least one group with one score")
    for score in (x for group in scores for x in group):
        _check_score(score, n)
    means = [float(np.mean(group)) for group in scores]
    sizes = [len(group) for group in scores]
    prior = sum(m * mean * (1 - mean / n) for m, mean in zip(sizes, means, strict=True)) / sum(sizes)
    squares = sum((x - mean) ** 2 for group, mean in zip(scores, means, strict=True) for x in group)
    df = PRIOR_DF + sum(m - 1 for m in sizes)
    return SeedSpread(math.sqrt((PRIOR_DF * prior + squares) / df), df)


def prediction_band(
    mean: float, spread: SeedSpread, published: int, fresh: int, level: float = 0.95, source: BandSource = "published"
) -> Band:
    """Where the mean of ``fresh`` seeds lies, given that of ``published`` ones: mean ± t·s·√(1/published + 1/fresh)."""
    if published < 1 or fresh < 1:
        raise DataError(f"prediction band from {published} seeds for {fresh}: both must be at least 1")
    t = float(stats.t.ppf(0.5 + level / 2, spread.df))
    half = t * spread.sd * math.sqrt(1 / published + 1 / fresh)
    note = f"{mean:.1f} ± {half:.1f} ({level:.0%}, s={spread.sd:.1f}, {spread.df} df, {published}+{fresh} seeds)"
    return Band(mean - half, mean + half, source, note)


def training_band(
    published: Sequence[float],
    n: int,
    fresh: int,
    published_range: tuple[float, float] | None = None,
    siblings: Sequence[Sequence[float]] = (),
    wider: float = 1.0,
) -> Band:
    """Band for the mean score of ``fresh`` training seeds: 95 % prediction interval joined with the published range.

    ``published``: the published scores, one a seed (a single number is allowed: the spread is then binomial, 4 df).
    ``siblings``: groups of seeds of other settings on the same ``n`` tasks, pooled into the spread; ``wider``: what the
    spread is multiplied by, where seeds do more than train.
    (104, 112, 95) of 164: 90–117 for three fresh seeds, 84–123 for one.
    """
    spread = seed_spread([published, *siblings], n)
    spread = SeedSpread(spread.sd * wider, spread.df)
    band = prediction_band(float(np.mean(published)), spread, len(published), fresh)
    low, high = published_range or (min(published), max(published))
    return band.union(low, high).clipped(n)


def baseline_band(published: float, flips: float, n: int) -> Band:
    """Band for one greedy score: ±(⌈2.58·√D⌉ − 1), D = ``flips``, the tasks whose outcome changes across batch sizes.

    25 of 164 with D = 6: 19–31. D = 0 leaves the one published score.
    """
    _check_score(published, n)
    if flips < 0:
        raise DataError(f"baseline band: {flips} flips; count tasks whose outcome differs between two runs")
    half = max(math.ceil(2.58 * math.sqrt(flips)) - 1, 0)
    return Band(published - half, published + half, "published", f"{published:g} ± {half} (D={flips:g} flips)").clipped(
        n
    )


def measured_baseline_band(published: float, flips: float, n: int) -> Band:
    """The same where D = ``flips`` was measured here: the 99 % posterior predictive interval of the difference.

    D has an error of its own: the rate of flips is Gamma(D + ½, 1), and each flip goes either way. 25 of 164 with
    D = 6: 18–32; D = 0: 22–28, since none was seen once.
    """
    _check_score(published, n)
    if flips < 0:
        raise DataError(f"baseline band: {flips} flips; count tasks whose outcome differs between two runs")
    changed = np.arange(n + 1)
    chances = stats.nbinom.pmf(changed, flips + 0.5, 0.5)
    beyond = (2 * float(chances @ stats.binom.sf((changed + half) // 2, changed, 0.5)) for half in range(n + 1))
    half = next((at for at, chance in enumerate(beyond) if chance <= 0.01), n)
    note = f"{published:g} ± {half} (D={flips:g} flips, measured)"
    return Band(published - half, published + half, "published", note).clipped(n)


def oracle_band(published: float, n: int) -> Band:
    """Band for an unbiased pass@k score against one published best-of-k draw: ± 1.96·√(n·p(1−p)); 152 of 164: 146–158.

    The binomial variance bounds Σ q(1−q) over tasks of unequal difficulty from above, which leaves room for the
    measurement's own noise.
    """
    _check_score(published, n)
    half = 1.96 * math.sqrt(published * (1 - published / n))
    return Band(published - half, published + half, "published", f"{published:g} ± {half:.1f}").clipped(n)


def difference_band(
    published: float, discordant: int, n: int, spread: SeedSpread | None = None, fresh: int = 1
) -> Band:
    """Band for a paired difference in tasks: Δ ± 2.58·√(2(D − Δ²/n) + s²(1 + 1/m)).

    Both the published and the measured Δ are noisy, by tasks and by training seeds (``spread``; ``fresh`` = m of ours,
    one published). ``discordant``: tasks whose outcome differs between the measured arms (published ones being
    unknown). D < |Δ| cannot carry the published difference; |Δ| is used then.
    """
    if abs(published) > n or not 0 <= discordant <= n:
        raise DataError(f"difference band: Δ={published}, D={discordant} of {n} tasks; both must lie within the tasks")
    d, seeds = max(float(discordant), abs(published)), spread.sd**2 * (1 + 1 / fresh) if spread else 0.0
    half = 2.58 * math.sqrt(2 * max(d - published**2 / n, 0.0) + seeds)
    return Band(published - half, published + half, "published", f"{published:+g} ± {half:.1f} (D={discordant})")


def calibrated_band(
    sample: Sequence[float], fresh: int = 1, level: float = 0.99, limits: tuple[float, float] | None = None
) -> Band:
    """Prediction interval for the mean of ``fresh`` seeds from a calibration sample of at least 15 seeds' values.

    mean ± t·s·√(1/k + 1/fresh), k − 1 degrees of freedom, the measured spread alone. Values may be scores or
    differences; ``limits`` clips to the values that exist, such as (0, 164).
    """
    k = len(sample)
    if k < CALIBRATION_SEEDS:
        raise DataError(
            f"calibration sample of {k} seeds: at least {CALIBRATION_SEEDS} are needed; run `selfboot calibrate`"
        )
    spread = SeedSpread(float(np.std(np.asarray(sample, dtype=float), ddof=1)), k - 1)
    band = prediction_band(float(np.mean(sample)), spread, k, fresh, level, "calibrated")
    low, high = limits if limits is not None else (-math.inf, math.inf)
    return Band(min(max(band.lower, low), high), max(min(band.upper, high), low), "calibrated", band.note)
