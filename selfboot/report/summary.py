"""What the report says in words: the first sentence, how to read a verdict, the environment, and what it all cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfboot.analysis.verdict import VerdictStatus
from selfboot.decomposition.decompose import Recorded, recorded
from selfboot.report.gather import CaseView, Gathered, NotRun
from selfboot.report.rates import recorded as recorded_rates
from selfboot.report.standing import headline

READING: dict[VerdictStatus, str] = {
    "as calibrated": "Our own small model does again what it did over the calibration's seeds: every figure lies inside"
    " its band, and the difference goes where it went. It says nothing about the paper; the direction does.",
    "drifted": "Our own small model no longer does what it did: outside its band twice, of the other sign, or absent"
    " although the test had the power to see it. The test fails.",
    "unsettled": "This run could not have told either way: whether our small model has drifted, or (at small scale)"
    " whether the two arms differ. Never a pass.",
    "reproduced": "Of the paper's own models only. The figure lies inside its band; where an effect is claimed, an"
    " exact paired test over the tasks shows it too.",
    "direction only": "Significant with the claimed sign, but the size lies outside the band. A trained score is"
    " measured again with fresh seeds; outside again is not reproduced. Also where --until settled stopped the drawing:"
    " the size is not judged by a part of the tasks.",
    "not reproduced": "Outside the band, of the wrong sign, or absent although the test had the power to see it: the"
    " test fails.",
    "protocol mismatch": "The untrained model already scores otherwise than the paper's: prompt, reading or grader"
    " differ. The paired lift is judged all the same.",
    "inconclusive": "This run could not have told either way: too few seeds or tasks for the effect. Never a pass.",
    "measured": "Of any other model, at small scale. Nothing says what it should do, so there is no band: a paired"
    " exact test says where the difference goes, and whatever it is, it is a finding.",
    "not enough pairs": "The model mined fewer pairs of its own than the paper trains on. The claim says nothing of"
    " this model.",
    "broken": "At small scale the one thing that fails: an adapter that changes no token, two seeds with one adapter, a"
    " base that changed, or tokens that a fixed seed did not fix.",
    "not run": "Something is missing here (a GPU, weights, data), or nobody asked. It says nothing about the claim.",
}
DIRECTIONS = (
    "Direction says whether the difference goes where the paper's does: same direction (with its size beside it),"
    " opposite, no effect, or silent where nothing has a direction. At mini scale it is a finding and fails no test."
)


def lede(gathered: Gathered) -> list[str]:
    """The state of things in a few sentences."""
    results = [case.result for case in gathered.cases]
    if not results:
        return ["No claim has been judged yet in this store."]
    said = [*headline(results)]
    if gathered.replayed:
        said.append(f"Apart, and in no count: {plural(len(gathered.replayed), 'case')} replayed from recordings.")
    if gathered.trials:
        said.append(f"Apart, and in no count: {plural(len(gathered.trials), 'trial run')}, on other weights.")
    if gathered.not_run:
        said.append(f"Not run: {_missing(gathered.not_run)}.")
    return [*said, DIRECTIONS]


def _missing(not_run: Sequence[NotRun]) -> str:
    counts = Counter(missing.scale for missing in not_run)
    return ", ".join(f"{plural(count, 'claim')} at {scale} scale" for scale, count in counts.items())


def plural(count: int, what: str) -> str:
    """ "1 claim", "2 claims"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def environment(gathered: Gathered) -> list[tuple[str, list[str]]]:
    """What the evidence was made with: every distinct value, by what it is."""
    return environment_of(gathered.shelf.manifests())


def environment_of(manifests: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """The same of any artifacts, by their manifests."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for manifest in manifests:
        key, provenance = manifest.get("key", {}), manifest.get("provenance", {})
        if provenance.get("model") and key.get("model"):
            found["models"][f"{provenance['model']}: {str(key['model'])[:16]}"] = None
        for name, table in (("machine", provenance.get("machine")), ("engine", provenance.get("engine")),
                            ("grader", provenance.get("grader")), ("libraries", key.get("versions"))):  # fmt: skip
            if table:
                found[name][_flat(table)] = None
        if key.get("code"):
            found[f"code of {manifest.get('kind', 'artifact')}"][str(key["code"])] = None
    return [(name, list(values)) for name, values in sorted(found.items())]


def _flat(table: Any) -> str:
    if not isinstance(table, Mapping):
        return str(table)
    return ", ".join(f"{name} {value}" for name, value in table.items() if value not in (None, "", "None"))


def claim_rates(gathered: Gathered) -> dict[str, str]:
    """False alarm and power of the calibrated claims at mini scale that are shown, as simulated (rates.py)."""
    shown = {case.result.claim for case in gathered.cases if case.result.scale == "mini"}
    return {claim: said(rates) for claim, rates in recorded_rates().items() if claim in shown}


def said(rates: Mapping[str, str]) -> str:
    """A claim's error rates in a sentence."""
    return (
        f"it fails by chance in {rates['false_alarm']} of all runs (false alarm); if the truth were"
        f" “{rates['alternative']}”, it would fail in {rates['power']} (power)."
    )


def outdated(gathered: Gathered) -> list[str]:
    """A note on the models whose bands rest on seeds that an earlier version of the code measured, and one for each
    case that could not be judged today: its bands, or its settings, are not those it was judged by."""
    from selfboot.judging.calibration import calibration, lacking, path_of

    models = {case.result.model for case in gathered.cases if case.result.scale == "mini"}
    known = [model for model in sorted(models) if path_of(model).exists() and calibration(model).outdated]
    bands = [
        f"An earlier version of the code measured some of the seeds behind the bands of {', '.join(known)}. To measure"
        f" them anew: selfboot calibrate {' '.join(known)} --remeasure outdated"
    ]
    return (bands if known else []) + [
        f"{case.result.name} was judged by other settings or bands than there are now"
        f" ({why.replace('`', '')}); run it again."
        for case in gathered.cases
        if case.result.scale == "mini" and case.settings and (why := lacking(case.result.claim, case.settings))
    ]


def measured_here(gathered: Gathered) -> list[Recorded]:
    """The checkout's decompositions of the models that are shown at mini scale."""
    models = {case.result.model for case in gathered.cases if case.result.scale == "mini"}
    return [found for found in recorded() if found.model in models]


@dataclass(frozen=True)
class Cost:
    """Seconds by case and by kind of artifact; artifacts that several cases share are counted once in ``kinds``."""

    cases: tuple[tuple[CaseView, float, float], ...]  # case, seconds of its last run, seconds to build its evidence
    kinds: tuple[tuple[str, int, float], ...]  # kind, artifacts, seconds

    @property
    def seconds(self) -> float:
        """Seconds that all evidence together took to make."""
        return sum(seconds for _, _, seconds in self.kinds)


def cost(gathered: Gathered) -> Cost:
    """What the evidence cost to make, whenever that was, and what the last run took."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for manifest in gathered.shelf.manifests():
        kinds[str(manifest.get("kind"))].append(float(manifest.get("seconds", 0)))
    table = tuple((kind, len(values), sum(values)) for kind, values in sorted(kinds.items()))
    return Cost(tuple((case, case.result.seconds, case.built_seconds) for case in gathered.cases), table)
