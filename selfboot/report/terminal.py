"""The table that ends a run: claim, §, scale, the paper's figure, ours, band, verdict, direction, seconds."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from selfboot.analysis.verdict import VerdictStatus
from selfboot.judging.results import Result
from selfboot.report.cells import band, beside, direction, headline, measured, without_training

COLOURS: Mapping[VerdictStatus, str] = {
    "reproduced": "green", "direction only": "yellow", "not reproduced": "red", "protocol mismatch": "magenta",
    "inconclusive": "magenta", "as calibrated": "green", "drifted": "red", "unsettled": "magenta", "measured": "green",
    "broken": "red", "not enough pairs": "magenta",
}  # fmt: skip
COLUMNS = ("claim", "§", "scale", "paper", "measured", "band", "verdict", "direction", "seconds")


def render(results: Sequence[Result], width: int | None = None) -> str:
    """The results as a text table, as wide as the terminal (at least 100 columns), and in one sentence."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        right, whole = name == "seconds", name in ("claim", "band", "seconds")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=whole)
    for result in sorted(results, key=lambda r: (r.section, r.name)):
        colour = COLOURS.get(result.verdict, "white")
        table.add_row(
            escape(result.name),
            result.section.lstrip("§"),
            result.scale,
            result.paper,
            measured(result),
            band(result),
            f"[{colour}]{result.verdict}[/{colour}]",
            direction(result),
            f"{result.seconds:.1f}",
        )
    text = io.StringIO()
    columns = width or max(100, shutil.get_terminal_size((140, 40)).columns)
    Console(file=text, width=columns, force_terminal=False).print(table)
    others = [f"{result.name}: {line}" for result in results for line in beside(result)]
    arms = "\n".join(["The same weights in both arms:", *others, "", ""]) if others else ""
    free = "".join(f"{line}\n" for line in without_training(results))
    return f"{text.getvalue()}{arms}{free}{headline(results)}\n"
