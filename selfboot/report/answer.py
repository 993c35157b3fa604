"""The report's first screen: what was run, what agrees with the paper, what contradicts it, what cannot be said, and
what it cost, a column a scale; and the map of every claim at every scale.

The words are those of the verdict policy. A model that the paper did not use can agree with the paper in direction
alone; it never reproduces it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfboot.engines.gpu import Gpu, gpus
from selfboot.judging.results import Result
from selfboot.registry import Claim, Tier, registry
from selfboot.report.cells import MARKS, measured, numbers, seconds
from selfboot.report.gather import CaseView, Gathered
from selfboot.report.standing import PAPER, Column, Says, Standing, claims_of, column_of, columns, standings

TIERS: Mapping[Tier, str] = {
    "fastpath": "Fast path", "fullpath": "Full path", "negative": "Failures that the paper documents",
}  # fmt: skip
CAVEAT = (
    "Only the paper's own models can reproduce the paper. Another model shows how the protocol behaves: whether it"
    " moves as the paper's model does, and what the movement is made of."
)
CALM = ("as calibrated", "measured")  # not named one by one
DIRECTION_ONLY = "direction only: the right sign, not the size"


@dataclass(frozen=True)
class Line:
    """One thing that is said in a cell, and the claims that it is said of."""

    words: str
    standings: tuple[Standing, ...] = ()


@dataclass(frozen=True)
class Question:
    """A question of the reviewer, and its answer in each column."""

    words: str
    cells: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class Row:
    """A claim in the map: where it stands in each column; None: not run there."""

    claim: Claim
    cells: tuple[Standing | None, ...]


@dataclass(frozen=True)
class Answer:
    """The whole first screen."""

    columns: tuple[Column, ...]
    questions: tuple[Question, ...]
    rows: tuple[Row, ...]

    @property
    def run(self) -> list[Column]:
        """The columns in which something was run."""
        return [column for place, column in enumerate(self.columns) if any(row.cells[place] for row in self.rows)]

    @property
    def tiers(self) -> dict[str, list[Row]]:
        """The map's rows by tier, in words."""
        found = {words: [row for row in self.rows if row.claim.tier == tier] for tier, words in TIERS.items()}
        return {words: rows for words, rows in found.items() if rows}


def answer(gathered: Gathered) -> Answer:
    """The answer that these results give."""
    results = [case.result for case in gathered.cases]
    found = {(one.claim, one.column): one for one in standings(results)}
    shown = columns(results)
    by_column = {column: [one for one in found.values() if one.column == column] for column in shown}
    rows = [Row(claim, tuple(found.get((claim.id, column)) for column in shown)) for claim in registry().values()]
    return Answer(tuple(shown), tuple(_questions(gathered, by_column)), tuple(rows))


def _questions(gathered: Gathered, found: Mapping[Column, Sequence[Standing]]) -> Iterator[Question]:
    yield Question("What was run", tuple(tuple(_run(column, own)) for column, own in found.items()))
    yield Question("What agrees with the paper", tuple(tuple(_that("agrees", own)) for own in found.values()))
    yield Question("What contradicts it", tuple(tuple(_that("contradicts", own)) for own in found.values()))
    if any(one.says == "no effect" for own in found.values() for one in own):
        cells = tuple(tuple(_that("no effect", own)) for own in found.values())
        yield Question("What shows no effect, where the paper has one", cells)
    unsaid = tuple((*_that("open", own), *_not_run(gathered, column)) for column, own in found.items())
    yield Question("What cannot be said", unsaid)
    spent = tuple(
        (Line(cost([case for case in gathered.cases if column_of(case.result) == column])),) if own else ()
        for column, own in found.items()
    )
    yield Question("What it cost", spent)


def _run(column: Column, found: Sequence[Standing]) -> Iterator[Line]:
    """How many claims, by which models, and whether our own models do what they did."""
    yield Line(f"{len(found)} of {claims_of(column, found)} claims")
    models = dict.fromkeys(result.model for one in found for result in one.results)
    if models:
        yield Line(f"on {', '.join(models)}")
    if column.scale != PAPER:
        for line in _by_word([(one.verdict, one) for one in found if one.verdict != one.word]):
            yield Line(line.words, () if line.words.endswith(CALM) else line.standings)


def _that(says: Says, found: Sequence[Standing]) -> Iterator[Line]:
    yield from _by_word([(one.word, one) for one in found if one.says == says])


def _by_word(found: Sequence[tuple[str, Standing]]) -> Iterator[Line]:
    """A line a word, the most frequent first."""
    for word, count in Counter(word for word, _ in found).most_common():
        said = DIRECTION_ONLY if word == "direction only" else word
        yield Line(f"{count} {said}", tuple(one for own, one in found if own == word))


def _not_run(gathered: Gathered, column: Column) -> Iterator[Line]:
    """How many claims were not run, and what most of them lack."""
    missing = [one for one in gathered.not_run if one.scale == column.scale]
    if missing:
        (reason, count), *_ = Counter(one.reason for one in missing).most_common()
        most = "" if count == len(missing) else f"{count} of them: "
        yield Line(f"{len(missing)} not run ({most}{reason})")


def figures(one: Standing) -> str:
    """What a claim's cases measured, together: "25 → 96, 87, 82"."""
    parts = [result.main for result in one.results]
    if len(parts) > 1 and all(part.kind == "contrast" for part in parts):
        return f"{numbers(parts[0].before)} → {numbers([value for part in parts for value in part.measured])}"
    return "; ".join(measured(result) for result in one.results)


# What it cost


def cost(cases: Sequence[CaseView]) -> str:
    """The time that the evidence took to make, by device, with a price where it was a GPU of a known kind."""
    found = {str(manifest["id"]): manifest for case in cases for manifest in case.manifests}
    spent: dict[str, float] = defaultdict(float)
    for manifest in found.values():
        spent[_device(manifest)] += float(manifest.get("seconds", 0.0))
    return (
        "; ".join(_priced(device, value) for device, value in sorted(spent.items(), key=lambda one: -one[1]))
        or "nothing that is recorded"
    )


def _device(manifest: Mapping[str, Any]) -> str:
    """What an artifact was made on: "" a CPU, else the GPU's name, with their number where it is more than one."""
    provenance = manifest.get("provenance", {})
    engine = provenance.get("engine") or provenance.get("training", {}).get("engine") or {}
    kind, _, name = str(engine.get("device", "cpu")).partition(" ")
    gpus_used = str(engine.get("tensor_parallel") or engine.get("gpus") or "1")
    return "" if kind != "cuda" else f"{gpus_used} × {name}" if gpus_used != "1" else name


def _priced(device: str, spent: float) -> str:
    if not device:
        return f"{seconds(spent)} on a CPU"
    number, _, name = device.rpartition(" × ")
    kind = kind_of(name)
    dollars = f"about ${spent / 3600 * int(number or 1) * kind.usd_per_hour:.2f}" if kind else "price unknown"
    return f"{seconds(spent)} on {device} ({dollars})"


def kind_of(device: str) -> Gpu | None:
    """The entry of data/gpus.toml whose name's every word stands in a device's name; None where there is none."""
    name = device.lower()
    return next((gpu for gpu in gpus().values() if all(word in name for word in gpu.name.split("-"))), None)


def mark(one: Standing) -> str:
    """The mark of a verdict."""
    return MARKS.get(one.verdict, "·")


def first_result(one: Standing) -> Result:
    """The case that a link to a claim leads to: the first that is as bad as the whole."""
    return next(result for result in one.results if result.verdict == one.verdict)
