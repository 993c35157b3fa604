"""The report as Markdown for a pull request or a paper's appendix, JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from selfboot import __version__
from selfboot.baselines import baselines
from selfboot.judging.results import Result
from selfboot.report import others
from selfboot.report.brief import compact
from selfboot.report.cells import MARKS, cell, markdown_table, properties, seconds
from selfboot.report.decomposition import tables
from selfboot.report.figures import FigureView
from selfboot.report.gather import CaseView, Gathered
from selfboot.report.predicted import HEAD, predicted
from selfboot.report.reviewer import topics
from selfboot.report.standing import Standing, headline, standings
from selfboot.report.summary import READING, claim_rates, cost, environment, measured_here, outdated


def markdown(gathered: Gathered, figures: Sequence[FigureView]) -> str:
    """The whole report as Markdown, samples aside."""
    lines = ["# selfboot report", "", *compact(gathered).splitlines(), ""]
    lines += [*(f"- note: {note}" for note in outdated(gathered)), "", "## Every case", "", *_table(gathered.cases), ""]
    if gathered.replayed:
        lines += ["## Replayed: what others recorded, judged here", "", *_table(gathered.replayed), ""]
    if gathered.trials:
        lines += [
            "## Trial runs on other weights: never reproductions",
            "",
            *_table(gathered.trials),
            "",
        ]
    lines += ["## Why", "", *(line for case in gathered.cases for line in _why(case)), ""]
    rates = [f"- {claim}: {said}" for claim, said in claim_rates(gathered).items()]
    lines += ["## How often these tests err", "", *rates, ""] if rates else []
    for found in measured_here(gathered):
        lines += [f"## Where does the lift come from? {found.model}", "", tables(found), ""]
    for figure in figures:
        lines += [f"## {figure.title}", "", figure.caption, "", *markdown_table(figure.head, figure.rows), ""]
    lines += ["## Other people's numbers", "", others.INTRO, "", *markdown_table(others.HEAD, others.rows()), ""]
    for one in gathered.diagnoses:
        lines += [f"## Diagnosis: {cell(one.title)}", "", *(f"    {line}" for line in one.summary.splitlines()[2:]), ""]
        rows = predicted(one, [case.result for case in gathered.cases])
        lines += ["Predicted, and measured by the small scale:", "", *markdown_table(HEAD, rows), ""] if rows else []
    if gathered.not_run:
        rows = [(missing.claim.id, missing.scale, missing.reason) for missing in gathered.not_run]
        lines += ["## Not run", "", *markdown_table(("claim", "scale", "reason"), rows), ""]
    lines += ["## Environment", "", *(f"- {name}: {'; '.join(values)}" for name, values in environment(gathered)), ""]
    lines += [f"Making the evidence took {seconds(cost(gathered).seconds)}.", "", "## How to read a verdict", ""]
    lines += [f"- {MARKS[name]} **{name}**: {meaning}" for name, meaning in READING.items()]
    lines += [f"- note: {cell(note)}" for note in gathered.shelf.told]
    for topic in topics():
        lines += ["", f"## {topic.title}", "", *(f"- {point}" for point in topic.points)]
    return "\n".join(lines) + "\n"


COLUMNS = ("name", "section", "scale", "model", "paper", "measured", "band", "verdict", "direction", "seconds")


def _table(cases: Sequence[CaseView]) -> Iterator[str]:
    told = [(case.result, properties(case.result) | {"name": case.result.name}) for case in cases]
    rows = [[MARKS.get(result.verdict, ""), *(row[name] for name in COLUMNS)] for result, row in told]
    yield from markdown_table(("", *COLUMNS), rows)


def _why(case: CaseView) -> Iterator[str]:
    found = f" Finding: {cell(case.finding)}." if case.finding else ""
    if case.settings and case.settings.amended_after:
        found += f" Judged otherwise after a failure: {cell(case.settings.amended_after)}."
    yield f"- **{cell(case.result.name)}** {cell(case.result.title)}: {cell('; '.join(case.reasons))}.{found}"


def as_json(gathered: Gathered, figures: Sequence[FigureView]) -> str:
    """Everything but the samples as JSON."""
    table: dict[str, Any] = {
        "selfboot": __version__,
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "headline": " ".join(headline([case.result for case in gathered.cases])),
        "counts": gathered.counts,
        "standings": [_standing(one) for one in standings([case.result for case in gathered.cases])],
        "others": [asdict(one) for one in baselines().values()],
        "results": [_result(case.result) for case in gathered.cases],
        "replayed": [_result(case.result) for case in gathered.replayed],
        "trial_runs": [_result(case.result) for case in gathered.trials],
        "not_run": [{"claim": m.claim.id, "scale": m.scale, "reason": m.reason} for m in gathered.not_run],
        "figures": [{"id": f.id, "title": f.title, "head": f.head, "rows": f.rows} for f in figures],
        "lifts": [_lift(gathered, place) for place in range(len(gathered.lifts))],
        "diagnoses": [one.table for one in gathered.diagnoses],
        "error_rates": claim_rates(gathered),
        "outdated": outdated(gathered),
        "environment": dict(environment(gathered)),
        "seconds": cost(gathered).seconds,
        "notes": gathered.shelf.told,
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _standing(one: Standing) -> dict[str, str]:
    column = {"scale": one.column.scale, "model": one.column.model}
    return {"claim": one.claim, **column, "verdict": one.verdict, "direction": one.agreement, "says": one.says}


def _result(result: Result) -> dict[str, Any]:
    """A result's structure, and what the tables say of it."""
    return {**asdict(result), "agreement": result.agreement, "size": result.size, "said": properties(result)}


def _lift(gathered: Gathered, place: int) -> dict[str, Any]:
    lift = gathered.lifts[place]
    groups = {
        group: {
            "solved": {str(seed): score.solved for seed, score in seeds.items()},
            "failures": {str(seed): score.tally for seed, score in seeds.items()},
        }
        for group, seeds in lift.groups.items()
    }
    base = {"solved": lift.base.solved, "failures": lift.base.tally, "of": lift.n, "benchmark": lift.base.benchmark}
    return {"claim": lift.claim, "scale": lift.scale, "model": lift.model, "base": base, "groups": groups}
