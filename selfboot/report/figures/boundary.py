"""Figure 6 of the paper: how much a model gains, by where it starts."""

from __future__ import annotations

from typing import Any

from selfboot import published
from selfboot.report.figures.base import INK, MUTED, FigureView, figure, grid, label, points
from selfboot.report.gather import Gathered, Lift

CAPTION = (
    "Each model once. Rings: the paper's; points: one a seed measured here. On the dashed line all tasks are solved:"
    " there is no more to gain."
)
Point = tuple[str, float, list[float]]  # name, base in per cent, lifts in percentage points


def boundary(gathered: Gathered) -> FigureView | None:
    """Base score against lift for every model that the recipe was run on."""
    lifts = {lift.model: lift for lift in reversed(gathered.lifts) if _counts(lift)}
    ours = [_point(lift) for lift in reversed(lifts.values())]
    if not ours:
        return None
    theirs = [_published(entry) for entry in published.chart("boundary") if "trained" in entry.figures]

    def draw(axes: Any) -> None:
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.plot([0, 100], [100, 0], color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
        for name, base, gains in theirs:
            points(axes, [base], gains, "paper")
            label(axes, name, (base, gains[0]), "paper", _aside(base, 6 if gains[0] >= 0 else -7))
        for name, base, gains in ours:
            points(axes, [base] * len(gains), gains, "ours")
            label(axes, name, (base, min(gains)), "ours", _aside(base, -7))
        axes.set_xlim(0, 100)
        axes.set_ylim(min(-10.0, *(gain for *_, gains in ours for gain in gains)) - 3, 80)
        axes.annotate("all tasks solved", (78, 22), (3, 3), textcoords="offset points", color=MUTED, fontsize=8.5)
        axes.set_xlabel("untrained model, % of tasks solved")
        axes.set_ylabel("lift, percentage points")
        grid(axes, "y")

    rows = [(f"paper: {name}", f"{base:.1f}", _gains(gains)) for name, base, gains in theirs]
    rows += [(name, f"{base:.1f}", _gains(gains)) for name, base, gains in ours]
    head = ("model", "base, %", "lift, pp")
    return figure("fig-boundary", "The boundary: lift by base score", CAPTION, (head, rows), 3.6, draw)


def _published(entry: published.Published) -> Point:
    base = entry.mean("base")
    return entry.model, 100 * base / entry.n, [100 * (entry.mean("trained") - base) / entry.n]


def _aside(base: float, up: float) -> tuple[float, float]:
    """Where a name goes: weak models crowd at the left and have room beyond them, but for those at the axis."""
    return (-7, 0) if 12 < base < 20 else (6, up)


def _counts(lift: Lift) -> bool:
    return lift.kind in ("seeded_training", "no_lift", "boundary")


def _point(lift: Lift) -> Point:
    """The last group is the recipe's fullest dose."""
    scores = list(lift.groups.values())[-1].values()
    return lift.model, 100 * lift.base.solved / lift.n, [100 * (s.solved - lift.base.solved) / lift.n for s in scores]


def _gains(gains: list[float]) -> str:
    return ", ".join(f"{gain:+.1f}" for gain in gains)
