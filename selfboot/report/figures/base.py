"""What all figures share: one SVG for both themes, and the look.

matplotlib draws; its colours are then written as CSS variables of the page, and its text stays text, in the page's
font. Every figure comes with a sentence and a table of its numbers, for readers who do not see it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from selfboot.errors import UnavailableError

INK, MUTED, RULE, PAPER, OURS, BAND, GROUND = (f"#0{i}0{i}0{i}" for i in range(1, 8))  # stand for the page's colours
VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper", OURS: "ours", BAND: "band", GROUND: "bg"}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "selfboot",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.parse_math": False,  # a "$" in a name is a dollar
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
}
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
WIDTH = 6.8  # inches, as all figures are

Cells = tuple[str, ...]


@dataclass(frozen=True)
class FigureView:
    """A figure as the page shows it. ``head`` and ``rows`` are its numbers, ``alt`` says them in a sentence."""

    id: str
    title: str
    caption: str
    alt: str
    svg: str
    head: Cells
    rows: tuple[Cells, ...]


def figure(
    name: str,
    title: str,
    caption: str,
    table: tuple[Cells, Sequence[Cells]],
    height: float,
    draw: Callable[..., None],
    panels: int = 1,
) -> FigureView:
    """A figure from its numbers and from ``draw``, which puts them on ``panels`` pairs of axes, side by side."""
    head, rows = table
    said = "; ".join(
        ", ".join(f"{column} {cell}" for column, cell in zip(head, row, strict=True) if cell) for row in rows
    )
    alt = f"{title}. {said}."
    return FigureView(name, title, caption, alt, _svg(name, alt, height, draw, panels), head, tuple(rows))


def _svg(name: str, alt: str, height: float, draw: Callable[..., None], panels: int) -> str:
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise UnavailableError("figures need matplotlib; pip install 'selfboot[report]'") from None
    with matplotlib.rc_context(dict(STYLE)):
        sheet = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(sheet)
        draw(*sheet.subplots(1, panels, sharey=True, squeeze=False)[0])
        text = io.StringIO()
        sheet.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _themed(name, alt, text.getvalue())


def _themed(name: str, alt: str, svg: str) -> str:
    """The bare <svg> element: ids of its own, the page's colours and font, a name for screen readers."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{name}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", svg)
    svg = re.sub(r"font: (?:(\d+) )?([\d.]+)px [^;\"]*", lambda m: f"font: {m[1] or 400} {m[2]}px var(--sans)", svg)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()  # type: ignore[union-attr]
    head = f'<svg class="figure" role="img" aria-label="{escape(alt, quote=True)}" viewBox="0 0 {width} {height}">'
    return head + svg[svg.index(">") + 1 :].strip()


def grid(axes: Any, axis: str) -> None:
    """Thin lines behind everything."""
    axes.grid(axis=axis, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)


def colour(series: str) -> str:
    """The colour of "ours" or "paper"."""
    return OURS if series == "ours" else PAPER


def points(axes: Any, x: Sequence[float], y: Sequence[float], series: str, size: float = 30) -> None:
    """Measured points are filled, the paper's are rings."""
    face = OURS if series == "ours" else GROUND
    axes.scatter(x, y, s=size, facecolors=face, edgecolors=colour(series), linewidths=1.3, zorder=4, clip_on=False)


def short(name: str, most: int = 44) -> str:
    """A name that fits beside a chart: printable, of at most ``most`` characters."""
    shown = "".join(char for char in name if char.isprintable())
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def label(axes: Any, text: str, at: tuple[float, float], series: str, by: tuple[float, float] = (7, 0)) -> None:
    """A name right beside what it names; at its left where ``by`` points there."""
    side = "right" if by[0] < 0 else "left"
    axes.annotate(
        short(text), at, by, textcoords="offset points", color=colour(series), va="center", ha=side, fontsize=9
    )


def labels(axes: Any, named: Sequence[tuple[str, float, float, str]], gap: float, by: float = 8) -> None:
    """Names (text, x, y, series) beside their points, moved up where they would be nearer than ``gap``."""
    floor = float("-inf")
    for text, x, y, series in sorted(named, key=lambda item: item[2]):
        floor = max(y, floor + gap)
        label(axes, text, (x, floor), series, (by, 0))


def rows_axis(axes: Any, names: Sequence[str]) -> None:
    """Rows from top to bottom, named at the left."""
    axes.set_yticks([-i for i in range(len(names))], [short(name) for name in names])
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_color(MUTED if name.startswith("paper") else INK)
    axes.set_ylim(-len(names) + 0.4, 0.6)
    axes.spines["left"].set_visible(False)
    grid(axes, "x")


def span(band: tuple[float, float] | None) -> str:
    """A band as text."""
    return f"{band[0]:.1f}–{band[1]:.1f}" if band else ""
