"""What drawing takes is metered, without the start of an engine; the completions are the inner sampler's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from selfboot.records import Completion, Sampling
from selfboot.sampling.meter import Meter, Spent

ONE = Completion("a", 7, "length", "0" * 16)


class Starts:
    """A sampler whose engine starts at the first draw."""

    started = 0

    @property
    def engine(self) -> dict[str, str]:
        return {"name": "scripted"}

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        self.started = 1
        time.sleep(0.01)
        return [(ONE,) * sampling.n for _ in prompts]


def test_what_is_drawn_is_counted_and_starts_stand_apart() -> None:
    inner, spent = Starts(), Spent()
    meter = Meter(inner, spent, lambda: (inner.started, 1000.0 * inner.started))
    assert meter.generate(["x", "y"], Sampling(n=3), [0, 0]) == [(ONE,) * 3] * 2
    assert (spent.rows, spent.tokens, spent.starts, spent.start_s) == (6, 42, 1, 1000)
    before = spent.copy()
    meter.generate(["x"], Sampling(), [0])
    added = spent.since(before)
    assert (added["rows"], added["tokens"], added["starts"], added["start_s"]) == (1, 7, 0, 0)
    assert 0.01 <= added["draw_s"] < 10
    assert meter.engine == inner.engine
