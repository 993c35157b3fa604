"""From results and run store to what the report shows: cases with evidence, lifts over seeds, and what was not run.

Evidence is read by its label, as the claims write it: "base", "trained", "40 pairs, seed 7", "house, seed 13". What
stands before ", seed N" is the group; a test with one seed a case ("mini-7") gives its seed by the case's name.
"base, tolerant" and "base, raw" are other readings of the untrained model, "<group>, tolerant" of a trained one.
Results on random weights or a stand-in are rehearsals: kept apart, in no count and no figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from selfboot.analysis.decomposition import Decomposition, decompose
from selfboot.analysis.failures import side
from selfboot.judging.results import Result
from selfboot.newmodel.kept import Kept, kept
from selfboot.registry import Claim, Settings, registry
from selfboot.report.cells import natural
from selfboot.report.evidence import SCORES, Scored, Shelf

_SEED = re.compile(r"^(?P<group>.*?)(?:, seed (?P<seed>\d+))?(?P<reading>, (?:tolerant|raw))?$")
_REASON = re.compile(r"; (?=[^;:]+: (?:reproduced|direction only|not reproduced|inconclusive|not run), )")
VERDICTS = ("reproduced", "direction only", "not reproduced", "inconclusive", "not run")


@dataclass(frozen=True)
class Arm:
    """One piece of evidence: its label taken apart, its artifact, and the score with all attempts if it is one."""

    label: str
    group: str
    seed: int | None
    reading: str  # "", "tolerant" or "raw"
    kind: str
    id: str
    manifest: Mapping[str, Any] | None
    score: Scored | None = None

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
    def seconds(self) -> float:
        """Seconds that making it took, whenever that was; a score's with its samples'."""
        manifests = self.score.manifests if self.score else [self.manifest] if self.manifest else []
        return sum(float(manifest["seconds"]) for manifest in manifests)


@dataclass(frozen=True)
class BandView:
    """A part of a claim: what was measured and the band that it was judged by, in tasks of ``n`` where known.

    ``difference``: of two scores; else of a score.
    """

    part: str
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
    arms: tuple[Arm, ...]
    bands: tuple[BandView, ...]

    @property
    def anchor(self) -> str:
        mark = "" if self.result.weights == "trained" else f"-{self.result.weights}"
        return "case-" + re.sub(r"[^A-Za-z0-9]+", "-", f"{self.result.model} {self.result.name}").strip("-") + mark

    @property
    def settings(self) -> Settings | None:
        return (
            next((s for scale, s in self.claim.scales.items() if scale == self.result.scale), None)
            if self.claim
            else None
        )

    @property
    def finding(self) -> str:
        """What the registry says of the organism, where that is not what the paper says."""
        return self.settings.finding if self.settings else ""

    @property
    def pictures(self) -> list[BandView]:
        """The first bands of scores, to be drawn on a line from no to all tasks."""
        return [band for band in self.bands if not band.difference][:6]

    @property
    def scores(self) -> list[Arm]:
        return [arm for arm in self.arms if arm.score]

    @property
    def reasons(self) -> list[str]:
        """The verdict's reasons, one a part."""
        return [part for part in _REASON.split(self.result.reason) if part] or ["no reason given"]

    @property
    def built_seconds(self) -> float:
        """Seconds that making the evidence took, whenever that was."""
        return sum(arm.seconds for arm in self.arms)


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
    readings: dict[str, Scored] = field(default_factory=dict)  # of the base: "tolerant", "raw"
    groups: dict[str, dict[int, Scored]] = field(default_factory=dict)
    tolerant: dict[str, dict[int, Scored]] = field(default_factory=dict)
    bands: dict[str, BandView] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.base.n

    @property
    def columns(self) -> dict[str, list[list[str]]]:
        """Classes of the first completions, a list a seed, of the base and of each group."""
        base = {"base": [_refined(self.base, self.readings.get("tolerant"))]}
        return base | {
            group: [_refined(score, self.tolerant.get(group, {}).get(seed)) for seed, score in seeds.items()]
            for group, seeds in self.groups.items()
        }

    @property
    def ended(self) -> dict[str, float]:
        """How many first completions ended by themselves, of the base and of each group (mean over seeds)."""
        means = {group: sum(s.ended for s in seeds.values()) / len(seeds) for group, seeds in self.groups.items()}
        return {"base": float(self.base.ended), **means}

    def decomposition(self, group: str) -> Decomposition | None:
        """The lift of one group taken apart, where the base was read tolerantly too."""
        if "tolerant" not in self.readings:
            return None
        raw = self.readings.get("raw")
        seeds, same = self.groups[group], self.tolerant.get(group, {})
        both = [same[seed].flags for seed in seeds if seed in same] or None
        flags = [score.flags for score in seeds.values()]
        return decompose(self.base.flags, self.readings["tolerant"].flags, flags, raw.flags if raw else None, both)


def _refined(score: Scored, tolerant: Scored | None) -> list[str]:
    """The classes of a score; what only passes when read tolerantly failed on form, whatever it looked like."""
    if tolerant is None:
        return score.kinds
    return [
        "run-on" if side(kind) == "skill" and passed else kind
        for kind, passed in zip(score.kinds, tolerant.flags, strict=True)
    ]


@dataclass(frozen=True)
class Gathered:
    """All that a report shows."""

    cases: tuple[CaseView, ...]
    rehearsals: tuple[CaseView, ...]
    not_run: tuple[NotRun, ...]
    lifts: tuple[Lift, ...]
    diagnoses: tuple[Kept, ...]
    shelf: Shelf

    @property
    def counts(self) -> dict[str, int]:
        """Cases a verdict; rehearsals are not among them."""
        found = [case.result.verdict for case in self.cases]
        return {verdict: found.count(verdict) for verdict in VERDICTS if verdict in found}


def gather(results: Sequence[Result], shelf: Shelf, skipped: Mapping[str, str] | None = None) -> Gathered:
    """``skipped``: why a case was not run, by its name ("recipe-7b[paper-7]") or its test's."""
    order = {name: place for place, name in enumerate(registry())}
    ordered = sorted(results, key=lambda r: (order.get(r.claim, len(order)), r.scale, r.model, natural(r.name)))
    cases = [_case(result, shelf) for result in ordered]
    real = tuple(case for case in cases if case.result.weights == "trained")
    rehearsals = tuple(case for case in cases if case.result.weights != "trained")
    diagnoses, missing = tuple(kept(shelf.root, shelf.notes)), tuple(_not_run(real, skipped or {}))
    return Gathered(real, rehearsals, missing, tuple(_lifts(real)), diagnoses, shelf)


def _case(result: Result, shelf: Shelf) -> CaseView:
    arms = tuple(_arm(e.label, e.kind, e.id, result.case, shelf) for e in result.evidence)
    n = next((arm.score.n for arm in arms if arm.score), None)
    claim = registry().get(result.claim)
    order = {group: place for place, group in enumerate(dict.fromkeys(arm.group for arm in arms))}
    bands = sorted(_bands(result.details or {}, n), key=lambda b: (order.get(b.part, len(order)), natural(b.part)))
    marked = (replace(band, difference=_is_difference(band.part, result, claim)) for band in bands)
    return CaseView(result, claim, arms, tuple(marked))


def _is_difference(part: str, result: Result, claim: Claim | None) -> bool:
    """The contrast's band is one of differences, but for a seeded training at paper scale: there the policy judges the
    trained score by the published ones (judge.py)."""
    published = result.scale == "paper" and claim is not None and claim.kind == "seeded_training"
    return part in ("synergy", "interaction") or (part == "contrast" and not published)


def _arm(label: str, kind: str, id: str, case: str, shelf: Shelf) -> Arm:
    match = _SEED.match(label)
    group, seed, reading = match.group("group", "seed", "reading") if match else (label, None, None)
    number = int(seed) if seed else None
    if number is None and group != "base" and (own := re.search(r"-(\d+)$", case)):
        number = int(own.group(1))
    score = shelf.score(kind, id) if kind in SCORES else None
    return Arm(label, group, number, (reading or "").strip(", "), kind, id, shelf.manifest(kind, id), score)


def _bands(details: Mapping[str, Any], n: int | None) -> Iterable[BandView]:
    """Parts that have a measured figure with a lower and an upper bound."""
    for key in details:
        part, _, name = key.rpartition(".")
        if name != "measured":
            continue
        values = [details.get(f"{part}.{end}" if part else end) for end in ("measured", "lower", "upper")]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            measured, lower, upper = (float(value) for value in values if value is not None)
            yield BandView(part, measured, lower, upper, n)


def _not_run(cases: Sequence[CaseView], skipped: Mapping[str, str]) -> Iterable[NotRun]:
    done = {(case.result.claim, case.result.scale) for case in cases}
    for claim in registry().values():
        for scale in claim.scales:
            if (claim.id, scale) not in done:
                yield NotRun(claim, scale, _why(claim.id, scale, skipped))


def _why(claim: str, scale: str, skipped: Mapping[str, str]) -> str:
    """The reason of the first skipped case of a claim, whether it is named by claim or by test."""
    named = (why for name, why in skipped.items() if name.startswith(f"{claim}[{scale}"))
    return next(named, f"no result in this store; run pytest --scale {scale}")


def _lifts(cases: Sequence[CaseView]) -> Iterable[Lift]:
    found: dict[tuple[str, str, str], Lift] = {}
    for case in cases:
        base = next((arm.score for arm in case.scores if arm.label == "base"), None)
        if base is None:
            continue
        result, kind = case.result, case.claim.kind if case.claim else ""
        key = (result.claim, result.scale, result.model)
        if key not in found:
            found[key] = Lift(result.claim, kind, result.title, result.section, result.scale, result.model, base)
        _add(found[key], case)
    return [lift for lift in found.values() if lift.groups]


def _add(lift: Lift, case: CaseView) -> None:
    """Put a case's scores where they belong; scores on other tasks than the base's are no part of the lift."""
    for arm in case.scores:
        if arm.score is None or arm.score.n != lift.n or arm.score.benchmark != lift.base.benchmark:
            continue
        if arm.group == "base":
            lift.readings |= {arm.reading: arm.score} if arm.reading else {}
            continue
        shelf = lift.tolerant if arm.reading == "tolerant" else lift.groups
        seeds = shelf.setdefault(arm.group, {})
        seeds[arm.seed if arm.seed is not None else len(seeds)] = arm.score
    groups = list(lift.groups)
    for group in groups:
        named = {f"n={group.split()[0]}", group}
        band = next((b for b in case.bands if b.part in named), None)
        scores = [b for b in case.bands if not b.difference]
        if band is None and len(groups) == 1 and scores and scores[-1].part != "base":
            band = scores[-1]
        if band is not None:
            lift.bands.setdefault(group, band)
