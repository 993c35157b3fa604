"""Recipe × test-time sampling (§3.5): does the recipe still help when the model may try several times?"""

from __future__ import annotations

from typing import Any

from selfboot import published
from selfboot.judging.results import Result
from selfboot.report.figures.base import BAND, INK, FigureView, figure, points, rows_axis
from selfboot.report.gather import BandView, Gathered

CAPTION = (
    "Recipe + sampling minus raw + sampling, in percentage points. Right of zero the recipe helps. Shaded: what the"
    " difference is judged by, at mini scale its calibrated band, at paper scale one-sided 95 % bounds. Rings: the"
    " paper's."
)


def synergy(gathered: Gathered) -> FigureView | None:
    """Every synergy claim judged here, under the paper's two."""
    ours = [
        _point(case.result, band)
        for case in gathered.cases
        if case.claim and case.claim.kind == "synergy"
        for band in case.bands
        if band.difference and band.part != "interaction"
    ]
    if not ours:
        return None
    theirs = [(f"paper: {entry.model}", entry.mean("points")) for entry in published.chart("synergy")]
    rows = [(name, f"{value:+.1f}", "") for name, value in theirs]
    rows += [(name, f"{value:+.1f}", f"{low:+.1f} to {high:+.1f}") for name, value, low, high in ours]

    def draw(axes: Any) -> None:
        points(axes, [value for _, value in theirs], [-i for i in range(len(theirs))], "paper")
        for y, (_, value, low, high) in enumerate(ours, len(theirs)):
            axes.barh(-y, high - low, left=low, height=0.6, color=BAND, zorder=1)
            points(axes, [value], [-y], "ours")
        axes.axvline(0, color=INK, linewidth=0.8)
        ends = [value for _, value in theirs] + [end for _, *found in ours for end in found]
        axes.set_xlim(min(0.0, *ends) - 1.5, max(0.0, *ends) + 1.5)
        axes.set_xlabel("percentage points")
        rows_axis(axes, [row[0] for row in rows])

    head = ("run", "difference, pp", "band")
    return figure("fig-synergy", "Recipe × test-time sampling", CAPTION, (head, rows), 0.6 + 0.31 * len(rows), draw)


def _point(result: Result, band: BandView) -> tuple[str, float, float, float]:
    """Name, difference and its bounds, in percentage points."""
    value, low, high = (100 * tasks / (band.n or 164) for tasks in (band.measured, band.lower, band.upper))
    return f"{result.model}, {result.claim}", value, low, high
