"""The report's twins: Markdown for a pull request or a paper's appendix, JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from selfboot import __version__
from selfboot.analysis.decomposition import sentence
from selfboot.report.figures import FigureView
from selfboot.report.gather import CaseView, Gathered
from selfboot.report.summary import MARKS, READING, cost, environment, lede


def seconds(value: float) -> str:
    """A duration for people: "0.4 s", "85 s", "12 min", "3.1 h"."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def number(value: float) -> str:
    """A count, or a mean of counts with one decimal where it needs one."""
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"


def markdown(gathered: Gathered, figures: Sequence[FigureView]) -> str:
    """The whole report as Markdown, samples aside."""
    lines = ["# selfboot report", "", *lede(gathered), "", *_table(gathered.cases), ""]
    if gathered.rehearsals:
        lines += [
            "## Rehearsals on other weights: never reproductions",
            "",
            *_table(gathered.rehearsals),
            "",
        ]
    lines += ["## Why", "", *(line for case in gathered.cases for line in _why(case)), ""]
    lines += [*_lifts(gathered)]
    for figure in figures:
        lines += [f"## {figure.title}", "", figure.caption, "", *_rows(figure.head, figure.rows), ""]
    if gathered.not_run:
        rows = [(missing.claim.id, missing.scale, missing.reason) for missing in gathered.not_run]
        lines += ["## Not run", "", *_rows(("claim", "scale", "reason"), rows), ""]
    lines += ["## Environment", "", *(f"- {name}: {'; '.join(values)}" for name, values in environment(gathered)), ""]
    lines += [f"Making the evidence took {seconds(cost(gathered).seconds)}.", "", "## How to read a verdict", ""]
    lines += [f"- {MARKS[name]} **{name}**: {meaning}" for name, meaning in READING.items()]
    lines += [f"- note: {_cell(note)}" for note in gathered.shelf.notes]
    return "\n".join(lines) + "\n"


COLUMNS = ("name", "section", "scale", "model", "paper", "measured", "band", "verdict", "direction", "seconds")


def _table(cases: Sequence[CaseView]) -> Iterator[str]:
    rows = [[str(getattr(case.result, name)) for name in COLUMNS] for case in cases]
    yield from _rows(
        ("", *COLUMNS), [[MARKS.get(case.result.verdict, ""), *row] for case, row in zip(cases, rows, strict=True)]
    )


def _why(case: CaseView) -> Iterator[str]:
    yield f"- **{_cell(case.result.name)}** {_cell(case.result.title)}: {_cell('; '.join(case.reasons))}"


def _lifts(gathered: Gathered) -> Iterator[str]:
    told = [
        f"- {lift.claim}, {lift.model}, {group}: {sentence(found)}"
        for lift in gathered.lifts
        for group in lift.groups
        if (found := lift.decomposition(group))
    ]
    yield from (["## Form or skill", "", *told, ""] if told else [])


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    yield from ("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)


def _cell(text: str) -> str:
    """Text that stays text in a Markdown table, whatever stands in it."""
    for sign in "\\`*_{}[]<>|":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return " ".join(text.split())


def json_twin(gathered: Gathered, figures: Sequence[FigureView]) -> str:
    """Everything but the samples as JSON."""
    table: dict[str, Any] = {
        "selfboot": __version__,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "counts": gathered.counts,
        "results": [asdict(case.result) for case in gathered.cases],
        "rehearsals": [asdict(case.result) for case in gathered.rehearsals],
        "not_run": [{"claim": m.claim.id, "scale": m.scale, "reason": m.reason} for m in gathered.not_run],
        "figures": [{"id": f.id, "title": f.title, "head": f.head, "rows": f.rows} for f in figures],
        "lifts": [_lift(gathered, place) for place in range(len(gathered.lifts))],
        "environment": dict(environment(gathered)),
        "seconds": cost(gathered).seconds,
        "notes": gathered.shelf.notes,
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _lift(gathered: Gathered, place: int) -> dict[str, Any]:
    lift = gathered.lifts[place]
    groups = {
        group: {
            "solved": {str(seed): score.solved for seed, score in seeds.items()},
            "failures": {str(seed): score.tally for seed, score in seeds.items()},
            "form": asdict(found) | {"recovered": found.recovered} if (found := lift.decomposition(group)) else None,
        }
        for group, seeds in lift.groups.items()
    }
    base = {"solved": lift.base.solved, "failures": lift.base.tally, "of": lift.n, "benchmark": lift.base.benchmark}
    return {"claim": lift.claim, "scale": lift.scale, "model": lift.model, "base": base, "groups": groups}
