"""The report's first screen as Markdown of at most sixty lines, for a pull request or a CI run's page.

    selfboot report --markdown        pytest, where GITHUB_STEP_SUMMARY is set

GitHub names a file in that variable and shows what is appended to it beside the run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from selfboot.judging.results import Result
from selfboot.report.answer import CAVEAT, Answer, Line, answer, figures, mark
from selfboot.report.cells import cell, plain_table
from selfboot.report.evidence import Shelf
from selfboot.report.gather import Gathered, gather
from selfboot.report.standing import Standing, headline
from selfboot.report.summary import plural
from selfboot.store import explain

LINES = 60
KEY = (
    "● as expected, ◐ direction only, ○ not as expected, ? too weak to tell, ≠ protocol mismatch, – too few pairs; an"
    " empty cell was not run."
)
NOTHING = "No claim has been judged yet in this store."


def compact(gathered: Gathered) -> str:
    """The answer and the map; claims that have no result anywhere are left out of the map."""
    results = [case.result for case in gathered.cases]
    found = answer(gathered)
    head = [f"## selfboot, {time.strftime('%Y-%m-%d')}", "", " ".join(headline(results, named=False)), ""]
    if not results:
        return "\n".join([head[0], "", NOTHING, *_apart(gathered)]) + "\n"
    tail = ["", f"{KEY} {CAVEAT}", *_apart(gathered)]
    lines = [*head, *_questions(found), ""]
    lines += _map(found, LINES - len(lines) - len(tail))
    return "\n".join([*lines, *tail]) + "\n"


def _questions(found: Answer) -> Iterator[str]:
    none = ["none" if column in found.run else "not run" for column in found.columns]
    rows = [
        (one.words, *("<br>".join(map(_line, said)) or empty for said, empty in zip(one.cells, none, strict=True)))
        for one in found.questions
    ]
    yield from plain_table(("", *(cell(column.name) for column in found.columns)), rows)


def _line(line: Line) -> str:
    names = ", ".join(one.claim for one in line.standings)
    return cell(f"{line.words}: {names}" if names else line.words)


def _map(found: Answer, most: int) -> Iterator[str]:
    """A row a claim, in at most ``most`` lines."""
    rows = [(cell(row.claim.id), *(_cell(one) for one in row.cells)) for row in found.rows if any(row.cells)]
    left = most - 2
    cut = rows if len(rows) <= left else rows[: left - 1]
    yield from plain_table(("claim", *(cell(column.name) for column in found.columns)), cut)
    if len(cut) < len(rows):
        yield f"| and {len(rows) - len(cut)} more, in the report |{' |' * len(found.columns)}"


def _cell(one: Standing | None) -> str:
    return cell(f"{mark(one)} {one.word}, {figures(one)}") if one else ""


def _apart(gathered: Gathered) -> list[str]:
    replayed, trials = len(gathered.replayed), len(gathered.trials)
    return [
        *(["", f"Not counted: {plural(replayed, 'case')} replayed from what others recorded."] if replayed else []),
        *(["", f"Not counted: {plural(trials, 'trial run')} on other weights, never reproductions."] if trials else []),
    ]


def append(results: Sequence[Result], root: Path, path: Path, skipped: Mapping[str, str] | None = None) -> None:
    """Append the summary of a session over the store at ``root`` to the file ``path``. StoreError: it cannot."""
    text = compact(gather(results, Shelf(root), skipped))
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise explain(error, path) from error
