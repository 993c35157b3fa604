"""E-values of a paired difference: evidence that stays valid whenever one stops, and that laboratories can multiply.

Each task gives a difference d in [-1, 1] (after minus before; the mean over seeds). Under the null the mean of the next
task's d is 0 or less, whatever the earlier ones were. A gambler who stakes the share λ of the capital on each task then
does not win on average, and neither does the mean over all λ, which is the e-value (1 at the start):

    E = ∫₀¹ ∏ (1 + λ·d) dλ

So E is at least 1/α at any time with a chance of α at most (Ville's inequality), however often one looks. With one seed
d is -1, 0 or 1, and E is the mixture of likelihood ratios over p in [½, 1] of a task that changes to be gained. Source:
Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86 (2024), sections 3 and 4.

Not covered: tasks put in an order that was chosen after their outcomes were seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from scipy import special

from selfboot.analysis.paired import Outcomes, task_matrix
from selfboot.errors import DataError

Side = Literal["up", "down", "none"]


def log_e_values(differences: Sequence[float], side: Side = "up") -> list[float]:
    """Natural logarithm of the e-value after each task: one may stop at any of them.

    Against "no difference, or one the other way"; ``side`` "none": against no difference, the mean of both sides.
    ``differences``: one a task, after minus before, each in [-1, 1].
    """
    if side == "none":
        return [_mean(pair) for pair in zip(*(log_e_values(differences, one) for one in ("up", "down")), strict=True)]
    d = np.asarray(differences, dtype=float) * (1 if side == "up" else -1)
    if not (np.abs(d) <= 1).all():
        raise DataError(f"e-value: a difference of {np.abs(d).max():g} tasks in one task; each must lie in [-1, 1]")
    nodes, weights = np.polynomial.legendre.leggauss(len(d) // 2 + 1)  # exact: the product is a polynomial in λ
    logs = np.log1p(np.outer((nodes + 1) / 2, d)).cumsum(1)
    return [float(x) for x in special.logsumexp(logs, axis=0, b=weights[:, None] / 2)]


def log_e_value(differences: Sequence[float], side: Side = "up") -> float:
    """The same after all tasks; 0 before the first one."""
    changed = [d for d in differences if d]
    return log_e_values(changed, side)[-1] if changed else 0.0


def log_e_of_arms(before: Sequence[Outcomes], after: Sequence[Outcomes], side: Side) -> float:
    """The log e-value of two arms on the same tasks; each holds one list of outcomes a seed."""
    first, last = task_matrix(before), task_matrix(after)
    if first.shape[1] != last.shape[1]:
        raise DataError(f"e-value: {first.shape[1]} and {last.shape[1]} tasks; score both arms on the same tasks")
    return log_e_value([float(x) for x in last.mean(0) - first.mean(0)], side)


def tasks_needed(differences: Sequence[float], alpha: float, side: Side = "up") -> int | None:
    """After how many tasks, in the given order, the e-value reaches 1/``alpha``; None: never."""
    limit = -math.log(alpha)
    found = (seen for seen, log_e in enumerate(log_e_values(differences, side), 1) if log_e >= limit)
    return next(found, None)


def product(logs: Iterable[float]) -> float:
    """The log of the product of independent e-values: an e-value again."""
    return math.fsum(logs)


def shown(log_e: float) -> str:
    """An e-value as text, from the logarithm: beyond what a float can hold too."""
    if abs(log_e) < math.log(1e4):
        return f"{math.exp(log_e):.3g}"
    exponent = math.floor(log_e / math.log(10))
    return f"{math.exp(log_e - exponent * math.log(10)):.1f}e{exponent:+d}"


def _mean(logs: Sequence[float]) -> float:
    """The log of the mean of e-values, which is one whatever they share."""
    return float(special.logsumexp(logs)) - math.log(len(logs))
