"""The paper's published figures (data/paper.toml): each stands once, with its place in the paper and its origin.

Others refer to a figure as ``ID.NAME``: "recipe-7b.trained" is (104, 112, 95), tasks solved of "recipe-7b.n".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from selfboot.errors import DataError
from selfboot.paths import DATA
from selfboot.tables import build, read

Certainty = Literal["certain", "inferred", "none"]
Chart = Literal["lift", "control", "sweep", "oracle", "synergy", "boundary"]
Values = tuple[float, ...]
_REFERENCE = re.compile(r"\{([^{}:]+)(:range)?\}")


@dataclass(frozen=True)
class Published:
    """What the paper prints of one model on one benchmark; the file says what each key means."""

    id: str
    place: str
    model: str
    benchmark: str
    n: int
    figures: Mapping[str, Values] = field(hash=False)
    certainty: Certainty
    origin: str
    charts: tuple[str, ...]

    def mean(self, name: str) -> float:
        """The mean of a figure's values."""
        return sum(self.figures[name]) / len(self.figures[name])

    def ends(self, name: str) -> tuple[float, float] | None:
        """The range that the paper states of a figure, if it does."""
        low, high = (self.figures.get(f"{name}, {end}") for end in ("lowest", "highest"))
        return (low[0], high[0]) if low and high else None


@functools.cache
def figures() -> dict[str, Published]:
    """Every entry, by id, in the order of the file."""
    tables = read(DATA / "paper.toml", "the paper's figures").items()
    return {name: _entry(f"data/paper.toml [{name}]", name, table) for name, table in tables}


def _entry(where: str, name: str, table: Mapping[str, object]) -> Published:
    entry = build(Published, where, {"id": name, **table}, complete=True)
    if unknown := sorted(set(entry.charts) - set(get_args(Chart))):
        raise DataError(f"{where}: unknown chart {unknown[0]!r}; known: {', '.join(get_args(Chart))}")
    return build(Published, where, {**vars(entry), "figures": {k: tuple(v) for k, v in entry.figures.items()}})


def chart(name: Chart) -> list[Published]:
    """What a chart of the report shows of the paper."""
    return [entry for entry in figures().values() if name in entry.charts]


def effect(name: str) -> float | None:
    """A published difference as a share of its tasks: after minus before, or the difference itself; None without."""
    entry = figures().get(name)
    if entry is None or not entry.n:
        return None
    if "tasks" in entry.figures:
        return entry.mean("tasks") / entry.n
    pair = [entry.mean(arm) for arm in ("base", "trained") if arm in entry.figures]
    return (pair[1] - pair[0]) / entry.n if len(pair) == 2 else None


def values(where: str, references: Sequence[str]) -> Values:
    """The figures that ``references`` name, joined. DataError, which begins with ``where``, for an unknown one."""
    if isinstance(references, str):
        raise DataError(f"{where}: {references!r} is no list; write [{references!r}]")
    return tuple(value for reference in references for value in _values(where, reference))


def _values(where: str, reference: str) -> Values:
    entry, _, name = reference.partition(".")
    if entry not in figures():
        raise DataError(f"{where}: data/paper.toml has no [{entry}]; add it, or write one of: {', '.join(figures())}")
    known = {"n": (figures()[entry].n,), **figures()[entry].figures}
    if name not in known:
        raise DataError(f"{where}: data/paper.toml [{entry}] has no figure {name!r}; it has: {', '.join(known)}")
    return known[name]


def text(where: str, template: str) -> str:
    """``template`` with the figures in the place of ``{ID.NAME}``; ``{ID.NAME:range}``: the least and the greatest."""
    return _REFERENCE.sub(lambda found: _text(_values(where, found[1]), bool(found[2])), template)


def _text(figures: Values, as_range: bool) -> str:
    words = [f"{value:g}".replace("-", "−") for value in figures]
    return f"{min(figures):g}–{max(figures):g}" if as_range else ", ".join(words)
