"""What a protocol asks of a Lab. The Lab does it; a dry run (dryrun.py) only notes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.formats.base import CodeFormat
from selfboot.records import Item, Pair, Sampling

if TYPE_CHECKING:
    from selfboot.lab import Adapter, AnswerScore, Mined, Score
    from selfboot.mining.base import Stages


class Data(Protocol):
    """Where a protocol's tasks and pairs come from."""

    def benchmark(self, name: str) -> Benchmark | AnswerBenchmark: ...

    def pairs(self, model: str, name: str) -> list[Pair]: ...


class LabLike(Data, Protocol):
    """A Lab as protocols use it."""

    def miner(self, method: str, seeds: str = "", settings: Mapping[str, Any] | None = None) -> Any: ...

    def script_miner(self, file: str) -> Any: ...

    def evaluate(
        self,
        model: str,
        benchmark: str,
        *,
        adapter: Adapter | None = None,
        format: str | CodeFormat = "",
        stop: tuple[str, ...] | None = None,
        sampling: Sampling | None = None,
        seed: int = 0,
        timeout_s: float = 0.0,
    ) -> Score: ...

    def evaluate_answers(
        self,
        model: str,
        benchmark: str,
        *,
        adapter: Adapter | None = None,
        format: str = "",
        sampling: Sampling | None = None,
        seed: int = 0,
    ) -> AnswerScore: ...

    def mine(self, model: str, miner: Any, seed: int, adapter: Adapter | None = None, recipe: str = "") -> Mined: ...

    def train(
        self, model: str, items: Sequence[Item], recipe: str, seed: int, start_from: Adapter | None = None
    ) -> Adapter: ...

    def train_stages(
        self, model: str, stages: Stages, recipe: str, seed: int, start_from: Adapter | None = None
    ) -> Adapter | None: ...
