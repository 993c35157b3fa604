"""Unbiased pass@k (Chen et al. 2021, "Evaluating Large Language Models Trained on Code", eq. 1). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, fsum


def pass_at_k(n: int, c: int, k: int) -> float:
    """Probability that at least one of ``k`` of a task's ``n`` samples passes, ``c`` of the ``n`` being right.

    ``1 - C(n-c, k) / C(n, k)``, in exact integers until the division. Raises ``ValueError`` unless
    ``0 <= c <= n`` and ``1 <= k <= n``: with fewer samples than k there is no unbiased estimate.
    """
    if not 0 <= c <= n:
        raise ValueError(f"{c} right of {n} samples: expected 0 <= c <= n")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} samples: expected 1 <= k <= n; draw more samples or lower k")
    return 1.0 - comb(n - c, k) / comb(n, k)


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> float:
    """Mean over tasks of ``pass_at_k``; ``counts`` holds ``(n, c)`` of each task. Raises ``ValueError`` when empty."""
    if not counts:
        raise ValueError("pass@k of no tasks: expected at least one (n, c)")
    return fsum(pass_at_k(n, c, k) for n, c in counts) / len(counts)
