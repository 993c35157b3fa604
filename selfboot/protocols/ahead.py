"""The trainings of a claim's seeds before anything is drawn, for a GPU that holds an engine or a training, never both.

Run seed by seed, a protocol trains, starts an engine, scores, and ends the engine for the next seed's training. So the
protocol is run once a seed on a Lab that trains and scores nothing; then one engine serves the base and every adapter.
Adapters are artifacts of the run store: nothing is trained twice. Not for protocols that mine: mining draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from selfboot.lab import Adapter, Lab
from selfboot.protocols.catalogue import run_protocol
from selfboot.records import Item
from selfboot.registry import Settings

PROTOCOLS = ("train_and_score", "train_on_each", "recipe_with_sampling")  # pairs at hand, no mining


@dataclass(frozen=True)
class Unscored:
    """Stands where a score would: of no task."""

    flags: tuple[bool, ...] = ()
    oracle: tuple[bool, ...] = ()


@dataclass(frozen=True)
class TrainingLab:
    """A Lab as these protocols use it: it trains in ``lab`` and draws nothing."""

    lab: Lab

    def evaluate(self, *args: Any, **options: Any) -> Unscored:
        return Unscored()

    evaluate_answers = evaluate

    def train(
        self, model: str, items: Sequence[Item], recipe: str, seed: int, start_from: Adapter | None = None
    ) -> Adapter:
        return self.lab.train(model, items, recipe, seed, start_from=start_from)


def train_ahead(lab: Lab, settings: Settings, seeds: Sequence[int]) -> bool:
    """Train what a claim's protocol trains for each of ``seeds``, where that saves engines; whether it was done."""
    if settings.protocol not in PROTOCOLS or not lab.engines.trains_apart(lab.entry(settings.model)):
        return False
    for seed in seeds:
        run_protocol(cast(Lab, TrainingLab(lab)), settings, seed)
    return True
