"""Diagnoses that a run store holds, so that a report shows them: STORE/diagnoses/, one JSON file a model and benchmark,
the newest only. A file is what `selfboot diagnose --json` writes, and the summary as text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfboot.newmodel.measure import Diagnosis
from selfboot.newmodel.text import VERDICTS, summary
from selfboot.store import write_atomic

FOLDER = "diagnoses"


@dataclass(frozen=True)
class Kept:
    """A diagnosis as it was: its summary (title and underline first) and everything as plain JSON."""

    summary: str
    table: dict[str, Any]

    @property
    def title(self) -> str:
        return self.summary.splitlines()[0]

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        return VERDICTS[self.table["verdict"]]

    @property
    def body(self) -> str:
        """The summary without title and headline."""
        return "\n".join(self.summary.splitlines()[3:])


def keep(root: Path, found: Diagnosis) -> Path:
    """Leave a diagnosis in the store under ``root``."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{found.model}-{found.benchmark}").strip("-.")
    path = root / FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps({"summary": summary(found), **found.table()}, indent=1) + "\n")
    return path


def kept(root: Path, notes: list[str]) -> Sequence[Kept]:
    """All diagnoses of a store; ``notes`` gets a line for each that cannot be read."""
    return [one for path in sorted((root / FOLDER).glob("*.json")) if (one := _read(path, notes))]


def _read(path: Path, notes: list[str]) -> Kept | None:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        one = Kept(str(table.pop("summary")), table)
        return one if one.title and one.headline else None
    except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        notes.append(f"{path} cannot be shown ({type(error).__name__}: {error}); run `selfboot diagnose` again")
        return None
