"""Figures 1 and 2 of the paper: scores before and after the recipe, and beside them the control's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from selfboot import published
from selfboot.report.cells import FREE, LIFTED, label
from selfboot.report.figures.base import BAND, FigureView, colour, figure, points, rows_axis, span
from selfboot.report.gather import CaseView, Gathered, Lift

CAPTION = (
    "Upright bar: the untrained model. Points: one a training seed, filled where measured here, a ring where published."
    " Shaded: the band for the mean of our seeds, or a range that the paper states."
)

FREE_CAPTION = (
    "No training: the untrained model with solved tasks from outside the benchmark in the prompt (shots), with the same"
    " answers read tolerantly, or by plain completion (raw)."
)


@dataclass(frozen=True)
class Row:
    """A line of the chart: base, scores after (one a seed), the band that their mean is judged by."""

    name: str
    series: str
    base: float
    after: tuple[float, ...]
    n: int
    band: tuple[float, float] | None = None


def headline(gathered: Gathered) -> FigureView | None:
    """The recipe's lift, for the paper's models and for those measured here, and beside it what costs no training."""
    lifts = [lift for lift in gathered.lifts if lift.kind == "seeded_training"]
    free = [row for case in gathered.cases if case.result.claim == FREE for row in _without_training(case)]
    first = [row for lift in lifts if lift.claim == LIFTED for row in _own(lift, lift.claim)]
    other = [row for lift in lifts if lift.claim != LIFTED for row in _own(lift, lift.claim)]
    rows = [*_paper("lift"), *first, *free, *other]
    caption = f"{CAPTION} {FREE_CAPTION}" if free else CAPTION
    return _chart("fig-headline", "The recipe: before and after", rows, caption) if lifts else None


def control(gathered: Gathered) -> FigureView | None:
    """The recipe beside the control."""
    controls = [lift for lift in gathered.lifts if lift.claim.startswith("control")]
    models = {(lift.scale, lift.model) for lift in controls}
    recipes = [lift for lift in gathered.lifts if lift.claim == "recipe-7b" and (lift.scale, lift.model) in models]
    rows = [*_paper("lift", ", recipe")[:1], *_paper("control", ", control")]
    rows += [row for lift in recipes for row in _own(lift, "recipe")]
    rows += [row for lift in controls for row in _own(lift, lift.claim)]
    return _chart("fig-control", "Recipe and control", rows) if controls else None


def _without_training(case: CaseView) -> list[Row]:
    """What the untrained model scores when it is asked or read in another way: the control of the lift."""
    scores = {label(shown.arm).removeprefix("base, "): shown.score for shown in case.scores if shown.score}
    base = scores.pop("base", None)
    if base is None:
        return []
    model = case.result.model
    return [
        Row(f"{model}, no training: {name}", "ours", base.solved, (float(score.solved),), score.n)
        for name, score in scores.items()
    ]


def _paper(name: Literal["lift", "control"], what: str = "") -> list[Row]:
    rows = []
    for entry in published.chart(name):
        (base,), after = entry.figures["base"], entry.figures["trained"]
        rows.append(Row(f"paper: {entry.model}{what}", "paper", base, after, entry.n, entry.ends("trained")))
    return rows


def _own(lift: Lift, what: str) -> list[Row]:
    rows = []
    for group, seeds in lift.groups.items():
        band = lift.bands.get(group)
        name = (
            f"{lift.model}, {group if group.startswith(what) else what if group == 'trained' else f'{what}, {group}'}"
        )
        after = tuple(float(score.solved) for score in seeds.values())
        rows.append(Row(name, "ours", lift.base.solved, after, lift.n, (band.lower, band.upper) if band else None))
    return rows


def _chart(name: str, title: str, rows: Sequence[Row], caption: str = CAPTION) -> FigureView:
    """Counts where all rows have as many tasks, else percentages."""
    sizes = {row.n for row in rows}
    factor = {n: 1.0 if len(sizes) == 1 else 100 / n for n in sizes}

    def draw(axes: Any) -> None:
        for place, row in enumerate(rows):
            _line(axes, -place, row, factor[row.n])
        rows_axis(axes, [row.name for row in rows])
        axes.set_xlim(0, max(n * factor[n] for n in sizes))
        axes.set_xlabel(f"tasks solved of {rows[0].n}" if len(sizes) == 1 else "% of tasks solved")

    cells = [
        (row.name, f"{row.base:g}", ", ".join(f"{v:g}" for v in row.after), span(row.band), str(row.n)) for row in rows
    ]
    head = ("run", "base", "after, by seed", "band", "of tasks")
    return figure(name, title, caption, (head, cells), 0.6 + 0.31 * len(rows), draw)


def _line(axes: Any, y: float, row: Row, factor: float) -> None:
    base, after = row.base * factor, [value * factor for value in row.after]
    if row.band:
        low, high = (end * factor for end in row.band)
        axes.barh(y, high - low, left=low, height=0.6, color=BAND, zorder=1)
    axes.plot([base, float(np.mean(after))], [y, y], color=colour(row.series), linewidth=1.4, zorder=3)
    axes.plot([base, base], [y - 0.22, y + 0.22], color=colour(row.series), linewidth=2.2, zorder=3)
    points(axes, after, [y + offset for offset in apart(after)], row.series)


def apart(values: Sequence[float], step: float = 0.14) -> list[float]:
    """Small offsets for values that would hide each other."""
    seen: dict[float, int] = {}
    offsets = []
    for value in values:
        seen[value] = seen.get(value, 0) + 1
        offsets.append((seen[value] // 2) * step * (1 if seen[value] % 2 else -1))
    return offsets
