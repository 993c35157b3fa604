"""Figure 3 of the paper: score by number of training pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from selfboot import published
from selfboot.report.figures.base import (
    BAND,
    OURS,
    PAPER,
    Cells,
    FigureView,
    figure,
    grid,
    labels,
    points,
    span,
)
from selfboot.report.gather import BandView, Gathered, Lift

CAPTION = (
    "Points: one a training seed; line: their mean; shaded: the band of each mean. Short bars at the left: the"
    " untrained models. Rings: the paper's means, with its ranges."
)
HEAD = ("run", "pairs", "solved, by seed", "band or range")
COUNTS = (10, 21, 40)  # the paper's numbers of pairs


@dataclass(frozen=True)
class Dose:
    """The paper's scores with so many pairs: their mean and range."""

    count: int
    mean: float
    ends: tuple[float, float]


Sizes = dict[int, tuple[list[int], BandView | None]]


def sweep(gathered: Gathered) -> FigureView | None:
    """Every sweep measured here over the paper's."""
    lifts = [lift for lift in gathered.lifts if lift.kind == "sweep"]
    if not lifts:
        return None
    sized = [(lift, by_size(lift)) for lift in lifts]
    (entry,) = published.chart("sweep")
    theirs = [_published(entry, count) for count in COUNTS]
    ticks = sorted({*COUNTS, *(size for _, sizes in sized for size in sizes)})
    top = max(entry.n, *(lift.n for lift in lifts))

    def draw(axes: Any) -> None:
        _paper(axes, theirs, ticks[0] * 0.74)
        for lift, sizes in sized:
            _own(axes, lift, sizes, ticks[0] * 0.82)  # beside the paper's, which may start as high
        published_end = (f"paper, {entry.model}", theirs[-1].count, theirs[-1].mean, "paper")
        labels(axes, [*(_end(lift, sizes) for lift, sizes in sized), published_end], top / 16)
        axes.set_xscale("log")
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_xlim(ticks[0] * 0.73, ticks[-1] * 2.1)
        axes.set_ylim(0, top)
        axes.set_xlabel("pairs trained on")
        axes.set_ylabel(f"tasks solved of {top}")
        grid(axes, "y")

    table = (HEAD, _cells(f"paper, {entry.model}", theirs, sized))
    return figure("fig-sweep", "More pairs, more lift", CAPTION, table, 3.2, draw)


def by_size(lift: Lift) -> Sizes:
    """Scores and band by number of pairs, in that order."""
    numbered = {count: group for group, count in lift.counts.items() if count}
    return {
        size: ([score.solved for score in lift.groups[group].values()], lift.bands.get(group))
        for size, group in sorted(numbered.items())
    }


def _published(entry: published.Published, count: int) -> Dose:
    """The paper's mean with so many pairs, and its range; with forty pairs the recipe's own seeds give it."""
    mean = entry.mean(f"{count} pairs")
    return Dose(count, mean, entry.ends(f"{count} pairs") or (_recipe_range() if count == COUNTS[-1] else (mean, mean)))


def _recipe_range() -> tuple[float, float]:
    seeds = published.figures()["recipe-7b"].figures["trained"]
    return min(seeds), max(seeds)


def _paper(axes: Any, doses: list[Dose], left: float) -> None:
    counts, means = [dose.count for dose in doses], [dose.mean for dose in doses]
    axes.plot([left, left * 1.09], [published.figures()["recipe-7b"].mean("base")] * 2, color=PAPER, linewidth=2.2)
    axes.plot(counts, means, color=PAPER, linewidth=1.2, linestyle=(0, (4, 2)), zorder=2)
    for dose in doses:
        axes.plot([dose.count, dose.count], dose.ends, color=PAPER, linewidth=1.2, zorder=2)
    points(axes, counts, means, "paper")


def _own(axes: Any, lift: Lift, sizes: Sizes, left: float) -> None:
    for size, (scores, band) in sizes.items():
        if band:
            axes.fill_between((size * 0.94, size * 1.065), band.lower, band.upper, color=BAND, zorder=1, linewidth=0)
        points(axes, [size] * len(scores), [float(score) for score in scores], "ours", 22)
    means = [float(np.mean(scores)) for scores, _ in sizes.values()]
    axes.plot(list(sizes), means, color=OURS, linewidth=1.5, zorder=3)
    axes.plot([left, left * 1.09], [lift.base.solved] * 2, color=OURS, linewidth=2.2)


def _end(lift: Lift, sizes: Sizes) -> tuple[str, float, float, str]:
    size = list(sizes)[-1]
    return lift.model, size, float(np.mean(sizes[size][0])), "ours"


def _cells(name: str, doses: list[Dose], sized: list[tuple[Lift, Sizes]]) -> list[Cells]:
    rows: list[Cells] = [
        (name, str(dose.count), f"{dose.mean:g}", span(dose.ends) if dose.ends[0] != dose.ends[1] else "")
        for dose in doses
    ]
    for lift, sizes in sized:
        for size, (scores, band) in sizes.items():
            shown = span((band.lower, band.upper)) if band else ""
            rows.append((lift.model, str(size), ", ".join(map(str, scores)), shown))
    return rows
