"""What others measured of the paper's base models on the same benchmarks (data/baselines.toml)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from selfboot.errors import DataError
from selfboot.paths import DATA
from selfboot.published import Published, figures, values
from selfboot.tables import build, read

FILE = DATA / "baselines.toml"


@dataclass(frozen=True)
class Baseline:
    """One published score of an untrained model by others; the file says what each key means. Scores in per cent."""

    id: str
    paper: str
    model: str
    benchmark: str
    percent: float
    n: int
    at_least: bool
    protocol: str
    source: str
    read: Literal["source", "copy", "second hand"]
    unlike: str

    @property
    def entry(self) -> Published:
        """The paper's figures that it stands beside."""
        return figures()[self.paper.partition(".")[0]]

    @property
    def tasks(self) -> int | None:
        """The score in tasks; None where nobody says of how many."""
        return round(self.percent * self.n / 100) if self.n else None

    @property
    def untrained(self) -> float:
        """The paper's score of the same untrained model, in per cent."""
        return 100 * values(self.id, [self.paper])[0] / self.entry.n

    @property
    def trained(self) -> float | None:
        """The paper's score after training, in per cent: the mean over seeds; None where there is none."""
        return 100 * self.entry.mean("trained") / self.entry.n if "trained" in self.entry.figures else None

    @property
    def gap(self) -> float:
        """How far it lies above the paper's untrained score, in points."""
        return self.percent - self.untrained

    @property
    def left(self) -> float | None:
        """What the paper's training gains over it, in points."""
        return None if self.trained is None else self.trained - self.percent


@functools.cache
def baselines() -> dict[str, Baseline]:
    """Every entry, by id, in the order of the file. DataError for anything that is wrong in it."""
    tables = read(FILE, "scores that others published").items()
    return {name: _entry(f"data/baselines.toml [{name}]", {"id": name, **table}) for name, table in tables}


def _entry(where: str, table: dict[str, object]) -> Baseline:
    found = build(Baseline, where, table, complete=True)
    scores = values(where, [found.paper])
    if len(scores) != 1 or not found.entry.n:
        raise DataError(f"{where}: paper = {found.paper!r} is no single score; name one, such as 'recipe-7b.base'")
    if not 0 <= found.percent <= 100:
        raise DataError(f"{where}: percent = {found.percent:g}; write a number from 0 to 100")
    if empty := next((key for key in ("protocol", "source") if not getattr(found, key)), None):
        raise DataError(f"{where}: {empty} is empty; write it, or take the entry out")
    _check_like(where, found)
    return found


def _check_like(where: str, found: Baseline) -> None:
    """What is not the paper's model or benchmark must say how it differs."""
    for key in ("model", "benchmark"):
        own, papers = getattr(found, key), getattr(found.entry, key)
        if own != papers and not found.unlike:
            raise DataError(f"{where}: {key} = {own!r}, but {found.paper} is of {papers!r}; say in unlike what differs")
