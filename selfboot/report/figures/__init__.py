"""The paper's figures with both series, published and measured, one file each; a figure exists when its results do."""

from __future__ import annotations

from selfboot.report.figures.base import FigureView
from selfboot.report.figures.before_after import control, headline
from selfboot.report.figures.boundary import boundary
from selfboot.report.figures.oracle import oracle
from selfboot.report.figures.sweep import sweep
from selfboot.report.figures.synergy import synergy
from selfboot.report.gather import Gathered

__all__ = ["FigureView", "figures"]


def figures(gathered: Gathered) -> list[FigureView]:
    """Every figure that the results allow, in the paper's order."""
    drawn = (draw(gathered) for draw in (headline, control, sweep, oracle, synergy, boundary))
    return [figure for figure in drawn if figure]
