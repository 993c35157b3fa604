"""Recursive mining (§3.10): seeded mining in rounds, each by the model as trained on the pairs of all rounds before.

Every training starts a fresh adapter from the base; the seeds of a round were not used before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfboot.errors import DataError
from selfboot.mining.base import Record, Stages
from selfboot.mining.seeded import SeededMiner


@dataclass(frozen=True)
class RecursiveMiner(SeededMiner):
    """``rounds`` rounds of ``size`` new seeds each (the paper: 3 of 200); ``needed``: fewer pairs are not trained on.

    Raises DataError when there are too few seeds.
    """

    rounds: int = 3
    size: int = 200
    needed: int = 5
    target: int | None = None
    stop: tuple[str, ...] | None = ("\nclass Test", "\nif __name__", "\n\nprint", "\nassert ")
    name: str = "recursive"

    def __post_init__(self) -> None:
        if len(self.seeds.tasks) < self.rounds * self.size:
            have, need = len(self.seeds.tasks), self.rounds * self.size
            raise DataError(f"recursive mining: {need} seeds are needed, {self.seeds.name} has {have}; lower `size`")

    @property
    def steps(self) -> int:
        return self.rounds

    def stages(self, records: Sequence[Record]) -> Stages:
        items = self.items(records)
        return (tuple(items),) if len(items) >= self.needed else ()
