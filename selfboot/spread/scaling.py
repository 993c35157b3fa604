"""How long the paper's programme takes on so many GPUs: claims and seeds are put on them in turn, longest first.

Minutes are the registry's (for one H100, or as many as the model needs), shared out evenly over a claim's seeds, which
can run side by side. Models are loaded and baselines are scored once a claim there, so the sum is an upper bound; that
nothing waits for anything else is optimistic. Longest-first is within 4/3 of the best order (Graham 1969).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from selfboot.planning import Gpu, plan


@dataclass(frozen=True)
class Scaled:
    """Wall-clock and busy hours of all that was put on ``gpus`` GPUs, and its price."""

    gpus: int
    hours: float
    busy: float
    usd: float

    @property
    def share(self) -> float:
        """Busy share of the GPUs' time."""
        return self.busy / (self.gpus * self.hours) if self.hours else 0.0


def schedule(tasks: Sequence[tuple[float, int]], gpus: int) -> float:
    """Hours until all tasks (hours, GPUs that each needs at once) are done on ``gpus``, longest first.

    ValueError for a task that needs more GPUs than there are.
    """
    free = [0.0] * gpus
    for hours, count in sorted(tasks, reverse=True):
        if count > gpus:
            raise ValueError(f"a task needs {count} GPUs, there are {gpus}")
        taken = [heapq.heappop(free) for _ in range(count)]
        for _ in taken:
            heapq.heappush(free, max(taken) + hours)
    return max(free, default=0.0)


def programme(marks: str, only: str, kind: Gpu, counts: Sequence[int]) -> list[Scaled]:
    """The chosen claims at paper scale on each number of GPUs of a kind (fewer than a model needs: as many as that)."""
    tasks = []
    for one in plan(marks, [kind], only):
        seeds = len(one.settings.seeds) or 1
        tasks += [(one.costs[0].hours / seeds, one.costs[0].gpus)] * seeds
    busy, most = sum(hours * count for hours, count in tasks), max((count for _, count in tasks), default=1)
    return [Scaled(n, schedule(tasks, n), busy, busy * kind.usd_per_hour) for n in (max(n, most) for n in counts)]


def table(scaled: Sequence[Scaled], kind: Gpu) -> str:
    """As text."""
    lines = [f"{kind.name}   hours   GPU hours      $   busy"]
    for one in scaled:
        lines.append(f"{one.gpus:>4}  {one.hours:>6.1f}  {one.busy:>10.1f}  {one.usd:>6.0f}  {one.share:>5.0%}")
    return "\n".join(lines)
