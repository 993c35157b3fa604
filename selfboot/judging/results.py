"""What a claim's run leaves for the table and the report: one JSON file a case in STORE/results/, newest run only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from selfboot.analysis.verdict import Detail, Verdict, VerdictStatus, after_retry, worst
from selfboot.errors import DataError
from selfboot.protocols.base import Arm
from selfboot.registry import Direction
from selfboot.store import digest, write_atomic

Kind = Literal["figure", "contrast", "interaction", "synergy", "sweep", "plateau", "rate", "identical"]
Criterion = Literal[
    "band", "no lift", "sign and size", "significant", "above zero", "below zero", "rise", "plateau", "all",
    "rate above", "rate below",
]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a part is held against: ``lower`` and ``upper`` of a band, or the one ``limit`` of another criterion.

    ``difference``: the band is one of differences, else of scores.
    """

    criterion: Criterion
    lower: float = 0.0
    upper: float = 0.0
    limit: float = 0.0
    difference: bool = False


@dataclass(frozen=True)
class Part:
    """One check's outcome. All figures in tasks or items.

    ``measured``: one value a seed (of a sweep or plateau one a point), ``before`` those of the arm it is compared with;
    ``of``: how many there are. ``details``: the policy's numbers. ``direction``: where a contrast went. ``retry``: to
    be measured again with fresh seeds; ``first``: the part that was retried.
    """

    name: str
    kind: Kind
    status: VerdictStatus
    reason: str
    asked: Asked
    measured: tuple[float, ...]
    before: tuple[float, ...] = ()
    of: int = 0
    arm: Arm | None = None
    direction: Direction | None = None
    details: Mapping[str, Detail] = field(default_factory=dict, hash=False)
    retry: bool = False
    first: Part | None = None

    @property
    def failed(self) -> bool:
        return self.status == "not reproduced"

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.status, self.reason, self.details, self.retry)

    def retried(self, second: Part) -> Part:
        """This part after fresh seeds: outside twice is not reproduced, once is chance."""
        judged = after_retry(self.verdict, second.verdict)
        return replace(
            second, status=judged.status, reason=judged.reason, details=judged.details, retry=False,
            asked=self.asked, first=self,
        )  # fmt: skip


def part(name: str, kind: Kind, verdict: Verdict, asked: Asked, measured: Sequence[float], **more: Any) -> Part:
    """A part from what the policy says."""
    return Part(
        name, kind, verdict.status, verdict.reason, asked, tuple(float(value) for value in measured),
        details=dict(verdict.details), retry=verdict.retry, **more,
    )  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """An artifact of the run store that a verdict rests on, and what it is."""

    arm: Arm
    kind: str  # score, samples, adapter, pairs
    id: str


@dataclass(frozen=True)
class Result:
    """One judged case, by its parts; the last one is the claim's main figure. Its words are made by the report."""

    claim: str  # "recipe-7b"
    case: str  # "mini-7"
    section: str
    title: str
    tier: str
    scale: str
    model: str
    paper: str
    expects: Direction  # the paper's direction
    parts: tuple[Part, ...]
    weights: str = "trained"  # else ("random", "stand-in-…") a rehearsal, never a reproduction
    seconds: float = 0.0
    evidence: tuple[Evidence, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.claim}[{self.case}]"

    @property
    def verdict(self) -> VerdictStatus:
        return worst(part.status for part in self.parts)

    @property
    def main(self) -> Part:
        return self.parts[-1]

    def timed(self, seconds: float) -> Result:
        return replace(self, seconds=round(seconds, 1))


def to_json(result: Result) -> str:
    """The result as one JSON object, with the sha256 of all the rest."""
    table = asdict(result)
    return json.dumps({**table, "sha256": digest(table)}, ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> Result:
    """The result that ``to_json`` wrote; DataError for anything else."""
    try:
        table = json.loads(text)
        if table.pop("sha256") != digest(table):
            raise ValueError("it does not hash to its own sha256")
        evidence = tuple(Evidence(Arm(**one["arm"]), one["kind"], one["id"]) for one in table.pop("evidence"))
        parts = tuple(_part(one) for one in table.pop("parts"))
        return Result(**table, parts=parts, evidence=evidence)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"not a result of this version ({error}); run the claim again") from None


def _part(table: dict[str, Any]) -> Part:
    made = {
        "asked": Asked(**table["asked"]),
        "arm": Arm(**table["arm"]) if table["arm"] else None,
        "first": _part(table["first"]) if table["first"] else None,
        "measured": tuple(table["measured"]),
        "before": tuple(table["before"]),
    }
    return Part(**{**table, **made})


def save(folder: Path, results: Iterable[Result]) -> None:
    """Write each result to its own file in ``folder`` (rehearsals beside, not over, real ones)."""
    for result in results:
        folder.mkdir(parents=True, exist_ok=True)
        mark = "" if result.weights == "trained" else f".{result.weights}"
        write_atomic(folder / f"{result.model}.{result.name}{mark}.json", to_json(result) + "\n")


def load(folder: Path) -> list[Result]:
    """All results in ``folder``, in the order of section and name."""
    found = [_read(file) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda result: (result.section, result.name))


def _read(file: Path) -> Result:
    try:
        return from_json(file.read_text(encoding="utf-8"))
    except (DataError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: {error}") from None
