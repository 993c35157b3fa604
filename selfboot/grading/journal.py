"""Outcomes of a grading under way, a line each, so that one that was killed goes on where it was.

The first line is the digest of what is graded: a journal of anything else is begun anew. A line that was cut off by the
end of its process counts as not written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from selfboot.errors import DataError
from selfboot.keys import GRADING, code_hash
from selfboot.records import Outcome
from selfboot.store import digest


class Journal:
    """At ``path``; ``open`` begins, ``keep`` adds an outcome, ``remove`` ends it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, graded: Sequence[object]) -> dict[int, Outcome]:
        """What an earlier run found of the same jobs, by place. Raises ``DataError`` where nothing can be written."""
        title = digest([code_hash(*GRADING), *map(repr, graded)])
        lines = self.path.read_text("utf-8").splitlines(keepends=True) if self.path.exists() else []
        kept = [line for line in lines[1:] if line.endswith("\n")] if lines[:1] == [f"{title}\n"] else []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("".join([f"{title}\n", *kept]), "utf-8")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error}); name another --out") from None
        return {place: Outcome(**outcome) for place, outcome in map(json.loads, kept)}

    def keep(self, place: int, outcome: Outcome) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([place, asdict(outcome)]) + "\n")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
