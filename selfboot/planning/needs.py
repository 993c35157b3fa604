"""What a claim needs of models, data sets, pairs and texts: exactly what its protocol asks for when it is run dry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.pairs import parts
from selfboot.planning.forecast import Sizes
from selfboot.protocols.arms import arms_of, scripts_of
from selfboot.protocols.dryrun import DryRun
from selfboot.protocols.repeated import run_once
from selfboot.records import Pair
from selfboot.registry import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Needs:
    """Names, each once, in the order in which they are asked for. ``pairs``: (model, one pair file's name).
    ``texts``: whether an arm says the paper's texts."""

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    texts: bool


class _Noting:
    """Sizes that note what is asked of them."""

    def __init__(self) -> None:
        self.sizes = Sizes()
        self.benchmarks: list[str] = []
        self.asked: list[tuple[str, str]] = []

    def benchmark(self, name: str) -> Benchmark | AnswerBenchmark:
        self.benchmarks.append(name)
        return self.sizes.benchmark(name)

    def pairs(self, model: str, name: str) -> list[Pair]:
        self.asked += [(model, part) for part in parts(name)]
        return self.sizes.pairs(model, name)


def needs(settings: Settings) -> Needs:
    """What a claim's settings at paper scale need, in every arm that is run. DataError as for ``run_protocol``."""
    noting, models = _Noting(), [settings.model]
    noting.benchmarks.append(settings.benchmark)
    for arm in arms_of(settings):
        dry = DryRun(noting)
        run_once(dry, arm, (arm.seeds or (0,))[0])
        models += [step.model for step in dry.steps]
    return Needs(_once(models), _once(noting.benchmarks), _once(noting.asked), any(map(scripts_of, arms_of(settings))))


def _once(names: list[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(names))
