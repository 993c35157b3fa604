"""What drawing takes: seconds, rows, tokens, and engines that had to start first. No result rests on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields

from selfboot.records import Completion, Sampling
from selfboot.sampling.base import Sampler

ADDING = threading.Lock()
Clock = Callable[[], tuple[int, float]]  # how many engines have started, and the seconds that it took


@dataclass
class Spent:
    """Seconds of drawing (of every GPU, where several draw), without those in which an engine started (``start_s``, of
    ``starts`` engines); what came of it in ``rows`` and ``tokens``."""

    draw_s: float = 0.0
    rows: int = 0
    tokens: int = 0
    start_s: float = 0.0
    starts: int = 0

    def add(self, other: Spent) -> None:
        """Add what another draw took; several may be under way side by side."""
        with ADDING:
            for one in fields(self):
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def copy(self) -> Spent:
        return Spent(**asdict(self))

    def since(self, before: Spent) -> dict[str, float]:
        """What has been added to ``before``, seconds to the millisecond."""
        return {one.name: round(getattr(self, one.name) - getattr(before, one.name), 3) for one in fields(self)}


@dataclass(frozen=True)
class Meter:
    """Another sampler, whose drawing is added to ``spent``."""

    inner: Sampler
    spent: Spent
    clock: Clock

    @property
    def engine(self) -> dict[str, str]:
        return self.inner.engine

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        (starts, starting), began = self.clock(), time.perf_counter()
        drawn = self.inner.generate(prompts, sampling, seeds, on_done)
        took, (after, ended) = time.perf_counter() - began, self.clock()
        tokens = sum(one.tokens for row in drawn for one in row)
        started = ended - starting
        self.spent.add(Spent(took - started, sum(map(len, drawn)), tokens, started, after - starts))
        return drawn
