"""From results and run store to what the report shows: cases with evidence, lifts over seeds, and what was not run.

A lift's groups are its trained arms, whatever their seed; scores on another benchmark than the claim's are none of it.
Results on random weights or a substitute model are trial runs, and those of others' recordings are replayed: both are
kept apart, in no count and no figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from selfboot.analysis.verdict import VerdictStatus
from selfboot.judging.results import REPLAYED, Evidence, Result
from selfboot.newmodel.kept import Kept, kept
from selfboot.protocols.base import Arm
from selfboot.registry import Claim, Settings, registry
from selfboot.report.cells import MARKS, group, label, ordered, reasons
from selfboot.report.evidence import SCORES, Scored, Shelf


@dataclass(frozen=True)
class Shown:
    """One piece of evidence: what it is, its artifact, and the score with all attempts if it is one."""

    arm: Arm
    kind: str
    id: str
    manifest: Mapping[str, Any] | None
    score: Scored | None = None

    @property
    def label(self) -> str:
        return label(self.arm)

    @property
    def group(self) -> str:
        return group(self.arm)

    @property
    def amount(self) -> str:
        """What it holds, in a few words: solved tasks, or pairs."""
        if self.score:
            score, any_of = self.score, sum(map(bool, self.score.passes))
            if score.draws > 1:
                return f"{any_of} of {score.n} by any of {score.draws} draws, {score.solved} by the first"
            return f"{score.solved} of {score.n}"
        count = (self.manifest or {}).get("provenance", {}).get("items")
        return "–" if count is None else f"{count} items"

    @property
    def manifests(self) -> list[Mapping[str, Any]]:
        """Its own, and a score's samples'."""
        return list(self.score.manifests) if self.score else [self.manifest] if self.manifest else []

    @property
    def seconds(self) -> float:
        """Seconds that making it took, whenever that was; a score's with its samples'."""
        return sum(float(manifest["seconds"]) for manifest in self.manifests)


@dataclass(frozen=True)
class BandView:
    """A part of a claim: what was measured and the band that it was judged by, in tasks of ``n`` where known.

    ``difference``: of two scores; else of a score.
    """

    part: str
    arm: Arm | None
    measured: float
    lower: float
    upper: float
    n: int | None = None
    difference: bool = False


@dataclass(frozen=True)
class CaseView:
    """A judged case: its result, its claim (None: no longer in the registry), its evidence."""

    result: Result
    claim: Claim | None
    arms: tuple[Shown, ...]
    bands: tuple[BandView, ...]

    @property
    def anchor(self) -> str:
        return anchor(self.result)

    @property
    def manifests(self) -> list[Mapping[str, Any]]:
        """Those of all its evidence."""
        return [manifest for arm in self.arms for manifest in arm.manifests]

    @property
    def settings(self) -> Settings | None:
        return (
            next((s for scale, s in self.claim.scales.items() if scale == self.result.scale), None)
            if self.claim
            else None
        )

    @property
    def finding(self) -> str:
        """What the registry says of the mini model, where that is not what the paper says."""
        return self.settings.finding if self.settings else ""

    @property
    def pictures(self) -> list[BandView]:
        """The first bands of scores, to be drawn on a line from no to all tasks."""
        return [band for band in self.bands if not band.difference][:6]

    @property
    def scores(self) -> list[Shown]:
        return [arm for arm in self.arms if arm.score]

    @property
    def reasons(self) -> list[str]:
        """The verdict's reasons, one a part."""
        return reasons(self.result)

    @property
    def built_seconds(self) -> float:
        """Seconds that making the evidence took, whenever that was."""
        return sum(arm.seconds for arm in self.arms)


def anchor(result: Result) -> str:
    """Where the page shows a case."""
    mark = "" if result.weights == "trained" else f"-{result.weights}"
    return "case-" + re.sub(r"[^A-Za-z0-9]+", "-", f"{result.model} {result.name}").strip("-") + mark


@dataclass(frozen=True)
class NotRun:
    """A claim at a scale that has no result, and why if that is known."""

    claim: Claim
    scale: str
    reason: str


@dataclass
class Lift:
    """All cases of one claim at one scale with one model: the base and, by group, the trained scores by seed."""

    claim: str
    kind: str
    title: str
    section: str
    scale: str
    model: str
    base: Scored
    groups: dict[str, dict[int, Scored]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # pairs trained on, by group, where that is what differs
    bands: dict[str, BandView] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.base.n

    @property
    def columns(self) -> dict[str, list[list[str]]]:
        """Classes of the first completions, a list a seed, of the base and of each group."""
        groups = {group: [score.kinds for score in seeds.values()] for group, seeds in self.groups.items()}
        return {"base": [self.base.kinds], **groups}

    @property
    def ended(self) -> dict[str, float]:
        """How many first completions ended by themselves, of the base and of each group (mean over seeds)."""
        means = {group: sum(s.ended for s in seeds.values()) / len(seeds) for group, seeds in self.groups.items()}
        return {"base": float(self.base.ended), **means}


@dataclass(frozen=True)
class Gathered:
    """All that a report shows."""

    cases: tuple[CaseView, ...]
    trials: tuple[CaseView, ...]
    not_run: tuple[NotRun, ...]
    lifts: tuple[Lift, ...]
    diagnoses: tuple[Kept, ...]
    shelf: Shelf
    replayed: tuple[CaseView, ...] = ()

    @property
    def apart(self) -> tuple[CaseView, ...]:
        """What is shown, and is in no count and no figure."""
        return self.replayed + self.trials

    @property
    def counts(self) -> dict[VerdictStatus, int]:
        """Cases a verdict; what was replayed and trial runs are not among them."""
        found = [case.result.verdict for case in self.cases]
        return {verdict: found.count(verdict) for verdict in MARKS if verdict in found}


def gather(results: Sequence[Result], shelf: Shelf, skipped: Mapping[str, str] | None = None) -> Gathered:
    """``skipped``: why a case was not run, by its name ("recipe-7b[paper-7]") or its test's."""
    cases = [_case(result, shelf) for result in ordered(results)]
    real = tuple(case for case in cases if case.result.weights == "trained")
    replayed = tuple(case for case in cases if case.result.weights == REPLAYED)
    trials = tuple(case for case in cases if case.result.weights not in ("trained", REPLAYED))
    diagnoses, missing = tuple(kept(shelf.root, shelf.notes)), tuple(_not_run(real, skipped or {}))
    return Gathered(real, trials, missing, tuple(_lifts(real)), diagnoses, shelf, replayed)


def _case(result: Result, shelf: Shelf) -> CaseView:
    arms = tuple(_shown(one, shelf) for one in result.evidence)
    n = next((arm.score.n for arm in arms if arm.score), None)
    return CaseView(result, registry().get(result.claim), arms, tuple(_bands(result, n)))


def _shown(one: Evidence, shelf: Shelf) -> Shown:
    score = shelf.score(one.kind, one.id) if one.kind in SCORES else None
    return Shown(one.arm, one.kind, one.id, shelf.manifest(one.kind, one.id), score)


def _bands(result: Result, n: int | None) -> Iterable[BandView]:
    """Parts that have a measured figure with a lower and an upper bound."""
    for part in result.parts:
        ends = [part.details.get(name) for name in ("measured", "lower", "upper")]
        numbers = [float(end) for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
        if len(numbers) == len(ends):
            own = part.kind in ("synergy", "interaction") or part.asked.difference
            difference = own or (part.kind == "contrast" and part.asked.criterion != "band")
            measured, lower, upper = numbers
            yield BandView(part.name, part.arm, measured, lower, upper, n, difference)


def _not_run(cases: Sequence[CaseView], skipped: Mapping[str, str]) -> Iterable[NotRun]:
    done = {(case.result.claim, case.result.scale) for case in cases}
    for claim in registry().values():
        for scale in claim.scales:
            asked = scale != "small" or any(one == "small" for _, one in done)  # of a model that nobody named: nothing
            if asked and (claim.id, scale) not in done:
                yield NotRun(claim, scale, _why(claim.id, scale, skipped))


def _why(claim: str, scale: str, skipped: Mapping[str, str]) -> str:
    """The reason of the first skipped case of a claim, whether it is named by claim or by test."""
    named = (why for name, why in skipped.items() if name.startswith(f"{claim}[{scale}"))
    return next(named, f"no result in this store; run pytest --scale {scale}")


def _lifts(cases: Sequence[CaseView]) -> Iterable[Lift]:
    """Of cases whose tasks were drawn at once; a slice's scores stand with its case alone."""
    found: dict[tuple[str, str, str], Lift] = {}
    for case in cases:
        if case.result.slices:
            continue
        for shown in case.scores:
            if shown.score and _plain(shown.arm) and shown.arm.fixed:
                made = _lift(case, shown.arm.model or case.result.model, shown.score)
                _add(found.setdefault((made.claim, made.scale, made.model), made), case, shown.arm.model)
    return [lift for lift in found.values() if lift.groups]


def _plain(arm: Arm) -> bool:
    """A greedy score on the claim's own benchmark, read as usual: before or after training."""
    usual = arm.greedy and not arm.benchmark and not arm.reading and not arm.shots
    return arm.role in ("base", "trained") and usual


def _lift(case: CaseView, model: str, base: Scored) -> Lift:
    result, kind = case.result, case.claim.kind if case.claim else ""
    return Lift(result.claim, kind, result.title, result.section, result.scale, model, base)


def _add(lift: Lift, case: CaseView, model: str) -> None:
    """Put a case's trained scores where they belong, with the bands that judged them."""
    for shown in case.scores:
        if shown.score and _plain(shown.arm) and shown.arm.role == "trained" and shown.arm.model == model:
            lift.groups.setdefault(shown.group, {})[shown.arm.seed] = shown.score
            lift.counts[shown.group] = shown.arm.count
            own = replace(shown.arm, seed=0)
            band = next((b for b in case.bands if b.arm == own and not b.difference), None)
            lift.bands |= {shown.group: band} if band else {}
