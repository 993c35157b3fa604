"""What a sitting took, read off its run store: each claim beside its forecast, and where the time went.

    selfboot plan --beside STORE -m fastpath --gpu h100

The store has of every artifact the seconds that it took, and of every case what it asked for (``Asked``; written when
the case ends, however it ends). So a sitting that was cut short is read as well as a whole one. A claim's seconds are
those of all that it asked for, whether it was made for this claim or for another before: as in its forecast. Starts of
engines and of training processes are in neither, and stand below.

The share of drawing is that of the cases' own time, in which their process has its GPU to itself. What a case under way
had drawn before the cut is not in it.

Not covered: what lies in no store (the second run of `determinism`), and a run store that several sittings have filled:
its wall-clock is from the first to the last.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfboot.engines.gpu import Gpu
from selfboot.errors import DataError
from selfboot.planning.forecast import steps_of
from selfboot.registry import Claim
from selfboot.storage.files import write_atomic
from selfboot.storage.manifest import NAME, Damaged, parse_manifest

FOLDER = "cases"  # of the run store
KINDS = ("samples", "pairs", "adapter", "score", "answer-score")


@dataclass(frozen=True)
class Asked:
    """A case, its wall-clock seconds, when it ended (seconds since the epoch), and KIND/ID of every artifact that it
    asked for."""

    claim: str
    case: str
    model: str
    seconds: float
    ended: float
    made: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """A claim: forecast and measured seconds (0: nothing measured) of its drawing, mining and training; wall-clock
    seconds of its cases, of which there were ``cases``."""

    claim: str
    model: str
    forecast: float
    measured: float
    wall: float
    cases: int

    @property
    def ratio(self) -> float:
        """Measured over forecast; 0 where one of them is not known."""
        return self.measured / self.forecast if self.forecast else 0.0


@dataclass(frozen=True)
class Sitting:
    """What a run store holds, in seconds: ``wall`` from the first beginning to the last end; ``cases``, the cases' own,
    and ``drawn`` of it in drawing; in all ``drawing``, ``starting`` (of ``engines`` engines of ``models`` models),
    ``training`` (with processes and bases ``training_all``), ``grading``."""

    lines: tuple[Line, ...]
    wall: float
    cases: float
    drawn: float
    drawing: float
    starting: float
    training: float
    training_all: float
    grading: float
    engines: int
    models: int
    rows: int
    tokens: int
    artifacts: dict[str, int]

    @property
    def share(self) -> float:
        """Share of the cases' time that is drawing."""
        return self.drawn / self.cases if self.cases else 0.0


def save(store: Path, asked: Asked) -> None:
    """Write what a case asked for into the store."""
    (store / FOLDER).mkdir(parents=True, exist_ok=True)
    write_atomic(store / FOLDER / f"{asked.case}.json", json.dumps(asdict(asked), sort_keys=True) + "\n")


def load(store: Path) -> list[Asked]:
    """What the store's cases asked for; DataError for a file that is none."""
    found = []
    for file in sorted((store / FOLDER).glob("*.json")):
        try:
            table = json.loads(file.read_text(encoding="utf-8"))
            found.append(Asked(**{**table, "made": tuple(table["made"])}))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"{file}: not what a case asked for ({error}); run the case again") from None
    return found


def sitting(store: Path, claims: Iterable[Claim], kind: Gpu) -> Sitting:
    """What the store says of these claims on such GPUs. DataError where no case of them has left a word."""
    made, asked = _manifests(store), load(store)
    lines = tuple(line for claim in claims if (line := _line(claim, asked, made, kind)))
    if not lines:
        raise DataError(f"{store}: no chosen claim has run there; run it with --store={store}, or choose others")
    spent = [one["provenance"]["spent"] for one in made.values() if "spent" in one["provenance"]]
    adapters = [one for one in made.values() if one["kind"] == "adapter"]
    return Sitting(
        lines,
        wall=_wall(made.values()),
        cases=sum(one.seconds for one in asked),
        drawn=_drawn(made.values(), asked),
        drawing=sum(one["draw_s"] for one in spent),
        starting=sum(one["start_s"] for one in spent),
        training=sum(map(_seconds, adapters)),
        training_all=sum(one["seconds"] for one in adapters),
        grading=sum(one["seconds"] for one in made.values() if one["kind"].endswith("score")),
        engines=int(sum(one["starts"] for one in spent)),
        models=len({one["provenance"]["model"] for one in made.values() if "spent" in one["provenance"]}),
        rows=int(sum(one["rows"] for one in spent)),
        tokens=int(sum(one["tokens"] for one in spent)),
        artifacts=dict(Counter(one["kind"] for one in made.values())),
    )


def _manifests(store: Path) -> dict[str, dict[str, Any]]:
    """The manifests of all artifacts, by KIND/ID; a damaged one is left out, as the store leaves it out."""
    found = {}
    for path in sorted(one for kind in KINDS for one in (store / kind).glob(f"*/{NAME}")):
        name = f"{path.parent.parent.name}/{path.parent.name}"
        try:
            found[name] = parse_manifest(path.read_bytes(), *name.split("/"))
        except (Damaged, OSError):
            continue
    return found


def _line(claim: Claim, asked: Sequence[Asked], made: dict[str, dict[str, Any]], kind: Gpu) -> Line | None:
    own = [one for one in asked if one.claim == claim.id]
    if not own:
        return None
    names = {name for one in own for name in one.made if name in made}
    return Line(
        claim.id,
        own[0].model,
        forecast=sum(step.seconds for step in steps_of([claim], kind)),
        measured=sum(_seconds(made[name]) for name in names),
        wall=sum(one.seconds for one in own),
        cases=len(own),
    )


def _seconds(manifest: dict[str, Any]) -> float:
    """Seconds of an artifact that its forecast counts: of drawing and training, without starts and without grading."""
    about = manifest["provenance"]
    if manifest["kind"] == "adapter":
        return float(about["training"].get("seconds", manifest["seconds"]))
    return float(about["spent"]["draw_s"]) if "spent" in about else 0.0


def _drawn(made: Iterable[dict[str, Any]], asked: Iterable[Asked]) -> float:
    """Seconds of drawing until the last case of each model ended."""
    ends: dict[str, float] = {}
    for one in asked:
        ends[one.model] = max(one.ended, ends.get(one.model, 0.0))
    spent = [one for one in made if "spent" in one["provenance"]]
    return sum(_seconds(one) for one in spent if one["created"] <= ends.get(one["provenance"]["model"], 0.0))


def _wall(made: Iterable[dict[str, Any]]) -> float:
    spans = [(one["created"] - one["seconds"], one["created"]) for one in made]
    return max(end for _, end in spans) - min(begin for begin, _ in spans) if spans else 0.0


def table(found: Sitting) -> str:
    """The sitting as text: a line a claim, then where the time went."""
    width = max(len(line.claim) for line in found.lines)
    rows = [f"{'claim':<{width}}  {'model':<16}  forecast s  measured s  ratio  wall s  cases"]
    for one in found.lines:
        figures = f"{one.forecast:>10.1f}  {one.measured:>10.1f}  {one.ratio:>5.2f}  {one.wall:>6.0f}  {one.cases:>5}"
        rows.append(f"{one.claim:<{width}}  {one.model:<16}  {figures}")
    rate = found.tokens / found.drawing if found.drawing else 0.0
    return "\n".join(
        [
            *rows,
            "",
            f"wall-clock {found.wall:.0f} s; cases {found.cases:.0f} s, {found.share:.0%} of it drawing",
            f"drawn: {found.rows} rows, {found.tokens} tokens in {found.drawing:.0f} s, {rate:.0f} a second",
            f"engines: {found.engines} started for {found.models} models, {found.starting:.0f} s",
            f"training: {found.training:.0f} s, {found.training_all:.0f} s with its processes and bases; grading "
            f"{found.grading:.0f} s",
            f"in the store: {', '.join(f'{count} {kind}' for kind, count in sorted(found.artifacts.items()))}",
            "forecast and measured: drawing, mining and training of all that a claim asks for, alone, at full length",
        ]
    )


def to_json(found: Sitting) -> dict[str, Any]:
    """The sitting as plain values."""
    lines = [{**asdict(one), "ratio": one.ratio} for one in found.lines]
    return {**asdict(found), "lines": lines, "share": found.share}
