"""What others measured of the paper's base models, beside the paper's own scores before and after training."""

from __future__ import annotations

from typing import Any

from selfboot.baselines import Baseline, baselines
from selfboot.report.figures.base import GROUND, INK, FigureView, colour, figure, points, rows_axis

CAPTION = (
    "In per cent of the tasks. Upright bar: the paper's untrained model; ring: after its training (mean over seeds)."
    " Diamonds: the same untrained model as others measured it, each by a protocol of its own; ▸: at least so much."
)
HEAD = ("model", "paper, untrained", "paper, trained", "others, untrained")


def others() -> FigureView:
    """A line for each of the paper's base scores that others have measured too."""
    rows = list(by_score().values())

    def draw(axes: Any) -> None:
        for place, found in enumerate(rows):
            _line(axes, -place, found)
        rows_axis(axes, [name(found[0]) for found in rows])
        for tick in axes.get_yticklabels():
            tick.set_color(INK)
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of tasks solved")

    cells = [_cells(found) for found in rows]
    title = "The paper's base models, as others measured them"
    return figure("fig-others", title, CAPTION, (HEAD, cells), 0.6 + 0.29 * len(rows), draw)


def by_score() -> dict[str, list[Baseline]]:
    """The others' scores by the paper's score that they stand beside."""
    found: dict[str, list[Baseline]] = {}
    for one in baselines().values():
        found.setdefault(one.paper, []).append(one)
    return found


def name(one: Baseline) -> str:
    """What the paper scored, and where it says so: "Qwen2.5-7B, HumanEval, §3.2"."""
    return f"{one.model}, {one.entry.benchmark}, {one.entry.place.split(',')[0]}"


def _line(axes: Any, y: float, found: list[Baseline]) -> None:
    base, after = found[0].untrained, found[0].trained
    paper = colour("paper")
    axes.plot([base, base], [y - 0.24, y + 0.24], color=paper, linewidth=2.2, zorder=3)
    if after is not None:
        axes.plot([base, after], [y, y], color=paper, linewidth=1.4, zorder=2)
        points(axes, [after], [y], "paper")
    for one in found:
        shape = ">" if one.at_least else "D"
        axes.scatter([one.percent], [y], s=30, marker=shape, facecolors=INK, edgecolors=GROUND, zorder=5, clip_on=False)


def _cells(found: list[Baseline]) -> tuple[str, ...]:
    first = found[0]
    after = "" if first.trained is None else f"{first.trained:.1f}"
    return name(first), f"{first.untrained:.1f}", after, ", ".join(map(percent, found))


def percent(one: Baseline) -> str:
    """An others' score as text: "57.9", "≥ 54.9"."""
    return f"{'≥ ' if one.at_least else ''}{one.percent:.1f}"
