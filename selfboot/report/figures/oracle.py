"""Test-time sampling (§3.3): the share of tasks that at least one of k samples solves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfboot import published
from selfboot.analysis.pass_at_k import pass_at_k
from selfboot.benchmarks.base import split_name
from selfboot.report.evidence import Scored
from selfboot.report.figures.base import (
    BAND,
    DASHES,
    INK,
    OURS,
    Cells,
    FigureView,
    figure,
    grid,
    labels,
    points,
    short,
)
from selfboot.report.gather import Gathered

KS = (1, 2, 4, 8, 16, 32, 64)
LEAST = 4  # draws a task; fewer make no curve
MOST = 3  # panels that are wide enough to be read
CAPTION = (
    "Untrained models, a panel a benchmark: unbiased pass@k from all draws of a task; shaded: ± 1.96 standard errors"
    " over tasks. Rings: the paper's scores on the benchmark of the same kind, each from one draw of k."
)
SHOWN_WITH = {  # the paper's benchmark, and ours of the same kind
    "HumanEval": ("humaneval", "minieval"),
    "MATH-500": ("math500", "minimath"),
    "AIME": ("aime", "minimath-hard"),
}
Curve = list[tuple[int, float, float]]
Panels = dict[str, dict[str, Curve]]  # benchmark, model


class Theirs(NamedTuple):
    """The paper's scores of a model on a benchmark, in per cent by k."""

    model: str
    benchmark: str
    shares: dict[int, float]

    @property
    def name(self) -> str:
        return f"{self.model.removesuffix('-Base')}, {self.benchmark}"

    @property
    def last(self) -> tuple[float, float]:
        """The greatest k and its share."""
        k = max(self.shares)
        return float(k), self.shares[k]


def oracle(gathered: Gathered) -> FigureView | None:
    """A panel for every benchmark on which an untrained model was drawn from several times."""
    panels = _panels(gathered)
    if not panels:
        return None
    shown = dict(list(panels.items())[:MOST])

    def draw(*all_axes: Any) -> None:
        for axes, (benchmark, curves) in zip(all_axes, shown.items(), strict=True):
            _panel(axes, benchmark, curves)
        all_axes[0].set_ylabel("% of tasks solved by any of k")

    head = ("run", "k", "% solved", "± (95 %)")
    title = "Test-time sampling with an oracle"
    return figure("fig-oracle", title, CAPTION, (head, [*_cells(panels)]), 3.0, draw, len(shown))


def _panels(gathered: Gathered) -> Panels:
    """For every benchmark and model the untrained model's score with the most tasks (then draws), as a curve."""
    best: dict[tuple[str, str], Scored] = {}
    for case in gathered.cases:
        for arm in case.scores:
            if arm.score and arm.score.draws >= LEAST and arm.arm.role == "base":
                at = split_name(arm.score.benchmark)[0], case.result.model
                best[at] = max(best.get(at, arm.score), arm.score, key=lambda score: (score.n, score.draws))
    panels: Panels = {}
    for (benchmark, model), score in best.items():
        panels.setdefault(benchmark, {})[model] = curve(score.passes, score.draws)
    return panels


def curve(passes: Sequence[int], draws: int) -> Curve:
    """(k, mean, standard error over tasks), both in per cent, for k = 1, 2, 4, … up to the number of draws."""
    found = []
    for k in (k for k in KS if k <= draws):
        values = 100 * np.array([pass_at_k(draws, right, k) for right in passes])
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
        found.append((k, float(values.mean()), error))
    return found


def _published(benchmark: str) -> list[Theirs]:
    """The paper's scores on the benchmark, or on the one that it stands for."""
    return [_shares(entry) for entry in published.chart("oracle") if benchmark in SHOWN_WITH[entry.benchmark]]


def _shares(entry: published.Published) -> Theirs:
    """An entry's scores by k, one draw of k or the unbiased estimate, in per cent."""
    found = {k: entry.figures.get(f"best-of-{k}") or entry.figures.get(f"pass@{k}") for k in KS}
    return Theirs(entry.model, entry.benchmark, {k: 100 * solved[0] / entry.n for k, solved in found.items() if solved})


def _panel(axes: Any, benchmark: str, curves: Mapping[str, Curve]) -> None:
    theirs = _published(benchmark)
    most = max(*(found[-1][0] for found in curves.values()), *(k for entry in theirs for k in entry.shares), 1)
    ticks = [k for k in KS if k <= most]
    for found, dash in zip(curves.values(), DASHES * len(curves), strict=False):
        _draw(axes, found, dash)
    for entry in theirs:
        points(axes, list(entry.shares), list(entry.shares.values()), "paper")
    labels(axes, [(entry.name, *entry.last, "paper") for entry in theirs], 6, -8)
    ends = [(short(name, 16), float(found[-1][0]), found[-1][1] - 12, "ours") for name, found in curves.items()]
    labels(axes, ends, 6, -2)
    axes.set_title(short(benchmark, 24), fontsize=10, loc="left", color=INK)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.minorticks_off()
    axes.set_xlim(0.85, ticks[-1] * 1.25)
    axes.set_ylim(0, 104)
    axes.set_xlabel("k, samples a task")
    grid(axes, "y")


def _draw(axes: Any, found: Curve, dash: Any) -> None:
    ks, means, errors = (np.array(column) for column in zip(*found, strict=True))
    low, high = np.clip(means - 1.96 * errors, 0, 100), np.clip(means + 1.96 * errors, 0, 100)
    axes.fill_between(ks, low, high, color=BAND, linewidth=0, zorder=1)
    axes.plot(ks, means, color=OURS, linewidth=1.5, linestyle=dash, zorder=3, marker="o", markersize=4)


def _cells(panels: Panels) -> Iterator[Cells]:
    for benchmark, curves in panels.items():
        for model, found in curves.items():
            yield from ((f"{model}, {benchmark}", str(k), f"{mean:.1f}", f"{1.96 * se:.1f}") for k, mean, se in found)
        for entry in _published(benchmark):
            name = f"paper: {entry.model}, {entry.benchmark}"
            yield from ((name, str(k), f"{share:.1f}", "") for k, share in entry.shares.items())
