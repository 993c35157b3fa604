"""The table that ends a run, one line a case where the terminal is wide enough, and the run in a few sentences.

A narrow terminal (80 columns) shows case, figures, verdict and direction. From 110 columns on it shows bands and
seconds too, from 150 on the paper's figures. What does not fit is cut with "…"; the report has all of it.
"""

from __future__ import annotations

import io
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from selfboot.analysis.verdict import VerdictStatus
from selfboot.judging.results import Result
from selfboot.report.cells import MARKS, band, beside, measured, ordered, shown_size, without_training
from selfboot.report.standing import headline

COLOURS: Mapping[VerdictStatus, str] = {
    "reproduced": "green", "direction only": "yellow", "not reproduced": "red", "protocol mismatch": "magenta",
    "inconclusive": "magenta", "as calibrated": "green", "drifted": "red", "unsettled": "magenta", "measured": "green",
    "broken": "red", "not enough pairs": "magenta",
}  # fmt: skip
NARROW, MIDDLE, WIDE = 80, 110, 150  # columns of the terminal
GAP, LEAST = 2, 10  # between two columns; a column that is cut keeps so many


@dataclass(frozen=True)
class Column:
    """One column of the table: its cell's text, and from which width of the terminal on it is shown.

    ``room``: the others share what is left, the lower number first; 0: it is shown whole, whatever it takes.
    """

    name: str
    text: Callable[[Result], str]
    from_width: int = 0
    room: int = 0
    coloured: bool = False
    right: bool = False

    def natural(self, results: Sequence[Result]) -> int:
        """The width of its longest text."""
        return max(cell_len(text) for text in (self.name, *map(self.text, results)))


COLUMNS = (
    Column("", lambda result: MARKS.get(result.verdict, "·"), coloured=True),
    Column("case", lambda result: result.name),
    Column("paper", lambda result: result.paper, WIDE, room=3),
    Column("measured", measured, room=1),
    Column("band", band, MIDDLE, room=2),
    Column("verdict", lambda result: result.verdict, coloured=True),
    Column("direction", lambda result: result.agreement.removesuffix(" direction")),
    Column(
        "size", lambda result: f"{size:.1f} ×" if (size := shown_size(result)) is not None else "", MIDDLE, right=True
    ),
    Column("seconds", lambda result: f"{result.seconds:.1f}", MIDDLE, right=True),
)


def render(results: Sequence[Result], width: int | None = None) -> str:
    """The results as a text table, as wide as the terminal (at least 80 columns), and in a few sentences."""
    columns = max(NARROW, width or shutil.get_terminal_size((120, 40)).columns)
    text = io.StringIO()
    Console(file=text, width=columns, force_terminal=False).print(_table(ordered(results), columns))
    table = "\n".join(line.rstrip() for line in text.getvalue().splitlines())
    return "\n".join([table, *(_wrapped(line, columns) for line in _said(ordered(results)))]) + "\n"


def _table(results: Sequence[Result], width: int) -> Table:
    shown = [column for column in COLUMNS if width >= column.from_width]
    widths = _widths(shown, results, width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in shown:
        side: Literal["left", "right"] = "right" if column.right else "left"
        folds = column.name == "measured"  # a figure is never cut
        table.add_column(column.name, justify=side, no_wrap=not folds, overflow="fold" if folds else "ellipsis",
                         width=widths[column.name])  # fmt: skip
    for result in results:
        colour = COLOURS.get(result.verdict, "")
        table.add_row(*(Text(one.text(result), style=colour if one.coloured else "") for one in shown))
    return table


def _widths(shown: Sequence[Column], results: Sequence[Result], width: int) -> dict[str, int]:
    """What each column gets, so that the table is at most ``width`` wide and what matters most is not cut."""
    found = {column.name: column.natural(results) for column in shown}
    left = width - GAP * (len(shown) - 1) - sum(found[one.name] for one in shown if not one.room)
    waiting = sorted((one for one in shown if one.room), key=lambda one: one.room)
    for place, one in enumerate(waiting):
        found[one.name] = min(found[one.name], max(LEAST, left - LEAST * (len(waiting) - place - 1)))
        left -= found[one.name]
    return found


def _said(results: Sequence[Result]) -> Iterator[str]:
    """The two arms on the same weights, what costs no training, and the run as a whole."""
    yield ""
    yield from _both_arms(results)
    yield from without_training(results)
    yield from headline(results)


def _both_arms(results: Sequence[Result]) -> Iterator[str]:
    """The scores that the paper's arm and ours read differently, and how many they read alike."""
    total = sum(len(result.beside) for result in results)
    apart = [f"{result.name}: {line}" for result in results for line in beside(result, differing=True)]
    if total:
        yield f"Read as the paper reads and as ours does, {total - len(apart)} of {total} scores are the same, by task."
        yield from apart


def _wrapped(line: str, width: int) -> str:
    return textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
