"""Will the recipe lift a model that it has not been tried on? Tests against the paper's boundary, and a regression.

Pure: numbers in, numbers out. Two sources speak, and both say how far off they are when asked about a model that they
were not fitted on (leave-one-out):
- the family of mini models: lift against headroom (pass@8 - greedy), both measured by us, as shares of the benchmark
- the paper's boundary table (§3.11): lift against base score, all that is published
Neither is much of a law: eight small animals of one corpus, and seven published rows. Hence intervals, and wide ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from selfboot.errors import DataError

LEVEL = 0.9  # of prediction intervals
ALPHA = 0.05
CLEAN_LIFT = 14 / 164  # two seed standard deviations (s = 7.0 tasks, bands of §3.2): less is not clearly a lift
NEEDED = 10  # pairs from which on the paper trains
FULL_RUN = 320  # problems that a full bootstrap asks for: 20 rounds of 16 (§2.1)


@dataclass(frozen=True)
class Estimate:
    """A value and the interval around it."""

    value: float
    low: float
    high: float

    def scaled(self, by: float) -> Estimate:
        return Estimate(self.value * by, self.low * by, self.high * by)

    def clipped(self, low: float, high: float) -> Estimate:
        """The same, kept inside what is possible."""
        return Estimate(*(min(max(x, low), high) for x in (self.value, self.low, self.high)))


@dataclass(frozen=True)
class Point:
    """A model that the recipe has been tried on: what was known before, and the lift (share of the benchmark)."""

    name: str
    features: tuple[float, ...]
    lift: float


@dataclass(frozen=True)
class LeftOut:
    """A point as the regression on all the others predicts it."""

    name: str
    measured: float
    predicted: Estimate

    @property
    def inside(self) -> bool:
        return self.predicted.low <= self.measured <= self.predicted.high


@dataclass(frozen=True)
class Row:
    """A row of the boundary table: tasks solved of ``n`` before and after (one a run; none: nothing to train on)."""

    name: str
    base: int
    after: tuple[int, ...]
    floor: bool = False
    n: int = 164

    @property
    def lift(self) -> float | None:
        """Mean lift as a share of the benchmark."""
        return (float(np.mean(self.after)) - self.base) / self.n if self.after else None

    @property
    def lifted(self) -> bool:
        """Clearly more after than before."""
        return self.lift is not None and self.lift >= CLEAN_LIFT


Verdict = Literal["should work", "too weak", "saturated", "uncertain"]


@dataclass(frozen=True)
class Boundary:
    """Where a score lies in the boundary table. ``floor_p``: how likely so few solved were if the model solved tasks
    like the weakest model that was clearly lifted; ``ceiling_p``: so many, if like the strongest such."""

    floor: Row
    ceiling: Row
    floor_p: float
    ceiling_p: float

    @property
    def below(self) -> bool:
        return self.floor_p < ALPHA

    @property
    def above(self) -> bool:
        return self.ceiling_p < ALPHA


# Intervals


def wilson(passed: int, n: int, of: int = 0, level: float = 0.95) -> Estimate:
    """Wilson's interval of a share. ``of``: the finite number of tasks that the ``n`` were drawn from at random (0:
    unlimited); with all of them drawn nothing is left uncertain."""
    if not 0 <= passed <= n or n < 1:
        raise DataError(f"{passed} of {n}: expected at least one task, and no more solved than there are")
    share = passed / n
    if of and n >= of:
        return Estimate(share, share, share)
    size = n * (of - 1) / (of - n) if of else float(n)
    z = float(stats.norm.ppf(0.5 + level / 2))
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def mean_estimate(values: Sequence[float], of: int = 0, level: float = 0.95) -> Estimate:
    """Student's interval of a mean over tasks, ``of`` as in ``wilson``. A single value leaves everything open; values
    that are all the same do not make it certain: then as wide as Wilson's for none of so many."""
    mean = float(np.mean(values))
    if of and len(values) >= of:
        return Estimate(mean, mean, mean)
    if len(values) < 2:
        return Estimate(mean, -1.0, 1.0)
    if np.std(values) == 0:
        half = wilson(0, len(values), of, level).high
        return Estimate(mean, mean - half, mean + half)
    left = math.sqrt((of - len(values)) / (of - 1)) if of else 1.0
    half = float(stats.t.ppf(0.5 + level / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))) * left
    return Estimate(mean, mean - half, mean + half)


def expected_pairs(pairs: int, asked: int, full: int = FULL_RUN) -> Estimate:
    """Pairs that a full run should find, from those that ``asked`` problems gave (at most one a problem)."""
    return wilson(pairs, asked).scaled(full)


# Boundary


def boundary(passed: int, n: int, table: Sequence[Row]) -> Boundary:
    """Where a score lies: exact binomial tests against the weakest and the strongest model that was clearly lifted."""
    lifted = sorted((row for row in table if row.lifted), key=lambda row: row.base)
    if not lifted:
        raise DataError("boundary table: no row with a clear lift; restore data/paper.toml")
    floor, ceiling = lifted[0], lifted[-1]
    return Boundary(
        floor,
        ceiling,
        float(stats.binom.cdf(passed, n, floor.base / floor.n)),
        float(stats.binom.sf(passed - 1, n, ceiling.base / ceiling.n)),
    )


def judge(chat: Boundary, best: Boundary, headroom: Estimate, pairs: Estimate, lift: Estimate) -> Verdict:
    """What to expect. ``chat``: the greedy chat score in the table; ``best``: the best of all readings of the model.

    Too weak: a full run finds fewer than ten pairs for sure, or probably so and no reading of the model reaches the
    weakest model that was lifted. Saturated: above the strongest one that was lifted, without headroom for a clear
    lift. Should work: enough pairs even at the low end, and a lift in the whole interval.
    """
    if pairs.high < NEEDED or (pairs.value < NEEDED and best.below):
        return "too weak"
    if chat.above and headroom.low < CLEAN_LIFT:
        return "saturated"
    return "should work" if pairs.low >= NEEDED and lift.low > 0 else "uncertain"


# Regression


@dataclass(frozen=True)
class Regression:
    """Least squares with an intercept: coefficients, (X'X)⁻¹, residual standard deviation and degrees of freedom."""

    coefficients: tuple[float, ...]
    inverse: tuple[tuple[float, ...], ...]
    sd: float
    dof: int

    def predict(self, features: Sequence[float], level: float = LEVEL) -> Estimate:
        """The lift of one new model, with Student's prediction interval."""
        x = np.array([1.0, *features])
        value = float(x @ np.array(self.coefficients))
        half = stats.t.ppf(0.5 + level / 2, self.dof) * self.sd * math.sqrt(1 + float(x @ np.array(self.inverse) @ x))
        return Estimate(value, value - float(half), value + float(half))


def fit(points: Sequence[Point]) -> Regression:
    """The regression of lift on the features. DataError with too few points, or features that do not vary."""
    x = np.array([[1.0, *point.features] for point in points])
    y = np.array([point.lift for point in points])
    dof = len(points) - (x.shape[1] if len(points) else 0)
    if dof < 1 or np.linalg.matrix_rank(x) < x.shape[1]:
        raise DataError(f"regression: {len(points)} points that differ too little; give more models")
    inverse = np.linalg.inv(x.T @ x)
    coefficients = inverse @ x.T @ y
    sd = math.sqrt(float(np.sum((y - x @ coefficients) ** 2)) / dof)
    rows = tuple(tuple(float(v) for v in row) for row in inverse)
    return Regression(tuple(float(v) for v in coefficients), rows, sd, dof)


def leave_one_out(points: Sequence[Point], level: float = LEVEL) -> list[LeftOut]:
    """Every point as the regression on the others predicts it."""
    found = []
    for i, point in enumerate(points):
        rest = fit([*points[:i], *points[i + 1 :]])
        found.append(LeftOut(point.name, point.lift, rest.predict(point.features, level)))
    return found


def error(left: Sequence[LeftOut]) -> float:
    """Mean absolute error of leave-one-out predictions, in the lift's unit."""
    return float(np.mean([abs(one.predicted.value - one.measured) for one in left]))


def boundary_points(table: Sequence[Row]) -> list[Point]:
    """The published rows with a figure after training, as points: base share -> lift share."""
    return [Point(row.name, (row.base / row.n,), row.lift) for row in table if row.lift is not None]
