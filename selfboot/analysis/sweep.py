"""The pair-count sweep: does the score rise from few pairs to many, without a real reversal on the way?

Strict monotony is not asked for: with seed noise of 7 tasks neighbouring points swap places often enough by chance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfboot.errors import DataError

REVERSAL_Z = 1.645


@dataclass(frozen=True)
class Step:
    """A fall between neighbouring sizes, in tasks (negative: a rise), and the largest fall that noise explains."""

    from_size: int
    to_size: int
    fall: float
    limit: float

    @property
    def reversal(self) -> bool:
        return self.fall > self.limit


@dataclass(frozen=True)
class Sweep:
    """Mean scores by size, the rise from the smallest to the largest size, its noise limit, and the steps between."""

    means: Mapping[int, float]
    rise: float
    rise_noise: float
    steps: tuple[Step, ...]

    @property
    def reversals(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.reversal)


def noise_limit(sd: float, seeds_a: int, seeds_b: int) -> float:
    """Largest difference of two means that noise explains at 5 % one-sided: 1.645·s·√(1/m₁ + 1/m₂) = 1.645·s·√(2/m)."""
    return REVERSAL_Z * sd * math.sqrt(1 / seeds_a + 1 / seeds_b)


def sweep(points: Mapping[int, Sequence[float]], sd: float) -> Sweep:
    """Summarise scores by size. ``points``: size → scores in tasks, one a seed; ``sd``: seed spread in tasks."""
    if len(points) < 2 or not all(points.values()):
        raise DataError(f"sweep over sizes {sorted(points)}: at least two sizes with at least one seed each are needed")
    sizes = sorted(points)
    means = {size: float(np.mean(points[size])) for size in sizes}
    steps = tuple(
        Step(a, b, means[a] - means[b], noise_limit(sd, len(points[a]), len(points[b])))
        for a, b in itertools.pairwise(sizes)
    )
    first, last = sizes[0], sizes[-1]
    return Sweep(means, means[last] - means[first], noise_limit(sd, len(points[first]), len(points[last])), steps)
