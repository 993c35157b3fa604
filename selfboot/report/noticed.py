"""Which wrong systems the suite's claims notice, as data/measured/error_rates/mutants.json keeps it for the report."""

from __future__ import annotations

import json

from selfboot.errors import DataError
from selfboot.judging.mutants import ENOUGH, Cell
from selfboot.report.rates import FOLDER
from selfboot.tables import shown

FILE = FOLDER / "mutants.json"
COMMAND = "selfboot claims --mutants --draws 20 --out data/measured/error_rates/mutants.md"


def noticed() -> dict[str, dict[str, Cell]]:
    """What each wrong system changes at each claim, and whether that is noticed: by claim and by wrong system.

    DataError where the file is missing or is no such table.
    """
    try:
        table = json.loads(FILE.read_text(encoding="utf-8"))
        return {claim: {name: Cell(**cell) for name, cell in row.items()} for claim, row in table.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{shown(FILE)}: {error}; `{COMMAND}` writes it") from None


def survivors(found: dict[str, dict[str, Cell]]) -> str:
    """Which wrong systems nobody notices, in words."""
    alive = [f"{name} at {claim}" for claim, row in found.items() for name, cell in row.items() if cell.survives]
    said = (
        f"of those that change a figure of a claim by {ENOUGH:.0f} tasks or more, {len(alive) or 'none'} go unnoticed"
    )
    return f"{said}{': ' if alive else ''}{', '.join(alive)}"
