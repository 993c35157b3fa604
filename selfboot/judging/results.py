"""What a claim's run leaves for the table and the report: one JSON file a case in STORE/results/, newest run only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from selfboot.errors import DataError
from selfboot.store import write_atomic


@dataclass(frozen=True)
class Evidence:
    """An artifact of the run store that a verdict rests on. ``label`` says what it is: "base", "trained, seed 7", …"""

    label: str
    kind: str  # score, samples, adapter, pairs
    id: str


@dataclass(frozen=True)
class Result:
    """One judged case. Texts are as the table prints them; ``details`` are the policy's numbers (plain JSON)."""

    claim: str  # "recipe-7b"
    case: str  # "mini-7"
    section: str
    title: str
    tier: str
    scale: str
    model: str
    paper: str
    measured: str
    band: str
    verdict: str
    direction: str
    reason: str
    weights: str = "trained"  # else ("random", "stand-in-…") a rehearsal, never a reproduction
    seconds: float = 0.0
    details: dict[str, float | int | str | bool | None] | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.claim}[{self.case}]"

    def properties(self) -> dict[str, str]:
        """For JUnit XML: every short field as text."""
        return {f.name: str(getattr(self, f.name)) for f in fields(self) if f.name not in ("details", "evidence")}

    def timed(self, seconds: float) -> Result:
        return replace(self, seconds=round(seconds, 1))


def to_json(result: Result) -> str:
    """The result as one JSON object."""
    return json.dumps(asdict(result), ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> Result:
    """The result that ``to_json`` wrote; DataError for anything else."""
    try:
        table = json.loads(text)
        evidence = tuple(Evidence(**item) for item in table.pop("evidence"))
        return Result(**table, evidence=evidence)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"not a result of this version ({error}); run the claim again") from None


def save(folder: Path, results: Iterable[Result]) -> None:
    """Write each result to its own file in ``folder`` (rehearsals beside, not over, real ones)."""
    for result in results:
        folder.mkdir(parents=True, exist_ok=True)
        mark = "" if result.weights == "trained" else f".{result.weights}"
        write_atomic(folder / f"{result.model}.{result.name}{mark}.json", to_json(result) + "\n")


def load(folder: Path) -> list[Result]:
    """All results in ``folder``, in the order of section and name."""
    found = [from_json(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda result: (result.section, result.name))
