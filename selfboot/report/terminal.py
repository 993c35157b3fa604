"""The table that ends a run: claim, §, scale, the paper's figure, ours, band, verdict, direction, seconds."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

COLOURS = {"reproduced": "green", "direction only": "yellow", "not reproduced": "red", "inconclusive": "magenta"}
COLUMNS = ("claim", "§", "scale", "paper", "measured", "band", "verdict", "direction", "seconds")


def render(rows: Sequence[Mapping[str, Any]], width: int | None = None) -> str:
    """The rows (see ``claims.cases.Row``) as a text table, as wide as the terminal (at least 100 columns)."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="right" if name == "seconds" else "left", overflow="fold")
    for row in sorted(rows, key=lambda r: (r["section"], r["claim"])):
        colour = COLOURS.get(row["verdict"], "white")
        table.add_row(
            row["claim"].replace("[", r"\["),
            row["section"].lstrip("§"),
            row["scale"],
            row["paper"],
            row["measured"],
            row["band"],
            f"[{colour}]{row['verdict']}[/{colour}]",
            row["direction"],
            f"{row['seconds']:.1f}",
        )
    text = io.StringIO()
    columns = width or max(100, shutil.get_terminal_size((140, 40)).columns)
    Console(file=text, width=columns, force_terminal=False).print(table)
    return text.getvalue()
