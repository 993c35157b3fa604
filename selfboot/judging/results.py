"""What a claim's run leaves for the table and the report: one JSON file a case in STORE/results/, newest run only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from selfboot.analysis.e_value import log_e_of_arms
from selfboot.analysis.verdict import FAILED, Detail, Verdict, VerdictStatus, after_retry, worst
from selfboot.errors import DataError
from selfboot.protocols.base import Arm, Run
from selfboot.registry import ArmName, Direction
from selfboot.store import digest, write_atomic

REPLAYED = "replayed"  # the mark of a judged recording of others, in the place of the weights that a run of ours had
Kind = Literal[
    "figure", "contrast", "interaction", "synergy", "sweep", "plateau", "rate", "identical", "alive", "again",
    "boundary", "weights", "pairs",
]  # fmt: skip
Agreement = Literal["same direction", "opposite", "no effect", "silent"]
Criterion = Literal[
    "band", "no lift", "sign and size", "significant", "above zero", "below zero", "rise", "plateau", "all",
    "rate above", "rate below", "alive", "share", "again", "boundary", "weights", "paired", "pairs",
    "settled",
]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a part is held against: ``lower`` and ``upper`` of a band, or the one ``limit`` of another criterion; of an
    early decision ``lower`` of ``upper`` tasks and the e-value.

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
        return self.status in FAILED

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
class Beside:
    """One score of the claim's two arms, as the paper reads and as ours does, on the same weights: one value a seed.

    ``of``: how many tasks; ``won``, ``lost``: tasks that the other arm solves and the judged one does not, and the
    other way round, a seed on average.
    """

    arm: Arm
    judged: tuple[float, ...]
    other: tuple[float, ...]
    of: int
    won: float
    lost: float


def beside(judged: Sequence[Run], other: Sequence[Run]) -> tuple[Beside, ...]:
    """What the two arms' runs of the same seeds have in common, score by score."""
    names = [name for name in judged[0].outcomes if all(name in run.outcomes for run in other)]
    return tuple(_beside(name, judged, other) for name in names)


def _beside(name: str, judged: Sequence[Run], other: Sequence[Run]) -> Beside:
    ours = [list(map(bool, run.outcomes[name])) for run in judged]
    theirs = [list(map(bool, run.outcomes[name])) for run in other]
    pairs = [pair for a, b in zip(ours, theirs, strict=True) for pair in zip(a, b, strict=True)]
    won, lost = (sum(pair == wanted for pair in pairs) / len(ours) for wanted in ((False, True), (True, False)))
    arm = replace(judged[0].arms[name], seed=0)
    return Beside(arm, tuple(map(float, map(sum, ours))), tuple(map(float, map(sum, theirs))), len(ours[0]), won, lost)


@dataclass(frozen=True)
class Solved:
    """Which tasks an arm solved in one run: a "0" or a "1" a task, in the benchmark's order. ``name``: its figure."""

    name: str
    arm: Arm
    tasks: str

    @property
    def flags(self) -> list[bool]:
        return [bit == "1" for bit in self.tasks]


def solved_in(runs: Sequence[Run]) -> tuple[Solved, ...]:
    """The outcomes of every arm and seed; those of an arm without a seed once."""
    rows = [(name, run.arms[name], run.outcomes[name]) for run in runs for name in run.outcomes]
    found = {(name, arm.seed): Solved(name, arm, "".join("01"[bool(x)] for x in flags)) for name, arm, flags in rows}
    return tuple(found.values())


def log_e_of(solved: Sequence[Solved], contrast: Sequence[str], expects: Direction) -> float | None:
    """The log e-value against "no difference, or not the paper's" (analysis/e_value.py); None without a contrast. Where
    the paper sees none, it is the evidence against that: of a difference either way."""
    arms = [[one.flags for one in solved if one.name == name] for name in contrast]
    return log_e_of_arms(arms[0], arms[1], expects) if len(arms) == 2 and all(arms) else None


@dataclass(frozen=True)
class Result:
    """One judged case, by its parts; the last one is the claim's main figure. Its words are made by the report.

    ``solved``: what the first runs are judged by, task by task; ``contrast``: the two arms of it, before and after;
    ``log_e``: the natural logarithm of their e-value. ``until``: what came of asking for an early decision, "settled by
    41 of 164 tasks"; ``slices``: in how many slices the tasks were drawn for it, 0 for all at once.
    """

    claim: str  # "recipe-7b"
    case: str  # "mini-7"
    section: str
    title: str
    tier: str
    scale: str
    model: str
    paper: str
    expects: Direction  # the paper's direction
    effect: float | None  # the paper's published difference as a share of the tasks, where there is one
    parts: tuple[Part, ...]
    weights: str = "trained"  # else ("random", "substitute-…") a trial run, never a reproduction
    seconds: float = 0.0
    evidence: tuple[Evidence, ...] = ()
    arm: ArmName = "ours"  # the arm that is judged
    beside: tuple[Beside, ...] = ()  # the other one, on the same weights
    contrast: tuple[str, ...] = ()
    solved: tuple[Solved, ...] = ()
    log_e: float | None = None
    until: str = ""
    slices: int = 0

    @property
    def name(self) -> str:
        return f"{self.claim}[{self.case}]"

    @property
    def verdict(self) -> VerdictStatus:
        return worst(part.status for part in self.parts)

    @property
    def main(self) -> Part:
        return self.parts[-1]

    @property
    def failed(self) -> bool:
        return self.verdict in FAILED

    @property
    def agreement(self) -> Agreement:
        """Is it what the paper says? A finding at mini scale, whatever the verdict is."""
        ours = self.main.direction
        if ours is None:
            return "silent"
        if ours == self.expects:
            return "same direction"
        return "no effect" if ours == "none" else "opposite"

    @property
    def size(self) -> float | None:
        """Our difference by the paper's, each as a share of its tasks; None where there is no published one."""
        difference = self.main.details.get("difference")
        if not self.effect or not self.main.of or not isinstance(difference, int | float):
            return None
        return float(difference) / self.main.of / self.effect

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
        return from_table(table)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"not a result of this version ({error}); run the claim again") from None


def from_table(table: Mapping[str, Any]) -> Result:
    """The result of which ``table`` has the fields, as JSON has them; DataError for anything else."""
    try:
        table = dict(table)
        evidence = tuple(Evidence(Arm(**one["arm"]), one["kind"], one["id"]) for one in table.pop("evidence"))
        parts = tuple(_part(one) for one in table.pop("parts"))
        lists: dict[str, Any] = {
            "evidence": evidence,
            "parts": parts,
            "beside": tuple(_read_beside(one) for one in table.pop("beside")),
            "contrast": tuple(table.pop("contrast", ())),
            "solved": tuple(Solved(**{**one, "arm": Arm(**one["arm"])}) for one in table.pop("solved", ())),
        }
        return Result(**table, **lists)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"not a result of this version ({error}); run the claim again") from None


def _read_beside(table: dict[str, Any]) -> Beside:
    lists = {name: tuple(table[name]) for name in ("judged", "other")}
    return Beside(**{**table, **lists, "arm": Arm(**table["arm"])})


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
    """Write each result to its own file in ``folder`` (trial runs beside, not over, real ones)."""
    for result in results:
        folder.mkdir(parents=True, exist_ok=True)
        mark = "" if result.weights == "trained" else f".{result.weights}"
        model = result.model.replace("/", "--")  # of a hub id
        write_atomic(folder / f"{model}.{result.name}{mark}.json", to_json(result) + "\n")


def load(folder: Path) -> list[Result]:
    """All results in ``folder``, in the order of section and name."""
    found = [_read(file) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda result: (result.section, result.name))


def _read(file: Path) -> Result:
    try:
        return from_json(file.read_text(encoding="utf-8"))
    except (DataError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: {error}") from None
