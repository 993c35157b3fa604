"""Test-time sampling (§3.3): the share of tasks that at least one of k samples solves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from selfboot.analysis.pass_at_k import pass_at_k
from selfboot.report.evidence import Scored
from selfboot.report.figures.base import BAND, DASHES, OURS, FigureView, figure, grid, labels, points, published
from selfboot.report.gather import Gathered

KS = (1, 2, 4, 8, 16, 32, 64)
CAPTION = (
    "Unbiased pass@k from all draws of a task; shaded: ± 1.96 standard errors over tasks. Rings: the paper's"
    " best-of-8 scores, from one draw of eight."
)
Curve = list[tuple[int, float, float]]


def oracle(gathered: Gathered) -> FigureView | None:
    """A curve for every score with several draws a task."""
    curves = {name: curve(score.passes, score.draws) for name, score in _several(gathered).items()}
    if not curves:
        return None
    paper = published()["oracle"]
    ticks = [k for k in KS if k <= max(8, *(points[-1][0] for points in curves.values()))]

    def draw(axes: Any) -> None:
        for found, dash in zip(curves.values(), DASHES * len(curves), strict=False):
            _draw(axes, found, dash)
        for entry in paper:
            points(axes, entry["k"], [100 * solved / entry["n"] for solved in entry["solved"]], "paper")
        labels(axes, [_end(name, found) for name, found in curves.items()] + [_ring(entry) for entry in paper], 5.5)
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.set_xlim(0.92, ticks[-1] * 3.4)
        axes.set_ylim(0, 104)
        axes.set_xlabel("k, samples a task")
        axes.set_ylabel("% of tasks solved by any of them")
        grid(axes, "y")

    rows = [
        (name, str(k), f"{mean:.1f}", f"{1.96 * error:.1f}")
        for name, found in curves.items()
        for k, mean, error in found
    ]
    for e in paper:
        shares = [(str(k), f"{100 * solved / e['n']:.1f}") for k, solved in zip(e["k"], e["solved"], strict=True)]
        rows += [(f"paper: {e['model']}, {e['benchmark']}", k, share, "") for k, share in shares]
    head = ("run", "k", "% solved", "± (95 %)")
    return figure("fig-oracle", "Test-time sampling with an oracle", CAPTION, (head, rows), 3.2, draw)


def _several(gathered: Gathered) -> dict[str, Scored]:
    """Scores with several draws, each once, by a name that says model, benchmark and what is special."""
    found: dict[str, Scored] = {}
    for case in gathered.cases:
        for arm in case.scores:
            if arm.score and arm.score.draws > 1 and arm.score.id not in {score.id for score in found.values()}:
                special = "" if arm.label in ("base", "samples", "score") else arm.label
                found[", ".join(filter(None, (case.result.model, arm.score.benchmark, special)))] = arm.score
    return found


def curve(passes: Sequence[int], draws: int) -> Curve:
    """(k, mean, standard error over tasks), both in per cent, for k = 1, 2, 4, … up to the number of draws."""
    found = []
    for k in (k for k in KS if k <= draws):
        values = 100 * np.array([pass_at_k(draws, right, k) for right in passes])
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
        found.append((k, float(values.mean()), error))
    return found


def _draw(axes: Any, found: Curve, dash: Any) -> None:
    ks, means, errors = (np.array(column) for column in zip(*found, strict=True))
    low, high = np.clip(means - 1.96 * errors, 0, 100), np.clip(means + 1.96 * errors, 0, 100)
    axes.fill_between(ks, low, high, color=BAND, linewidth=0, zorder=1)
    axes.plot(ks, means, color=OURS, linewidth=1.5, linestyle=dash, zorder=3)


def _end(name: str, found: Curve) -> tuple[str, float, float, str]:
    return name, float(found[-1][0]), found[-1][1], "ours"


def _ring(entry: dict[str, Any]) -> tuple[str, float, float, str]:
    return f"{entry['model']}, {entry['benchmark']}", entry["k"][-1], 100 * entry["solved"][-1] / entry["n"], "paper"
