"""From measured runs to judgements: which band applies at which scale, and what the policy says of it.

At paper scale bands come from published figures; at mini scale from the calibration of our own organism: every figure
must lie in its 99 % prediction interval, and the difference between the arms of the claim's ``contrast`` must go where
the registry's ``shows`` says that it goes, by a paired test. Whether the measured DIRECTION agrees with the paper's is
judged apart and never enters the verdict at mini scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import Band, baseline_band, oracle_band, seed_spread, training_band
from selfboot.analysis.paired import PairedTest, paired_test
from selfboot.analysis.power import calibrated_misses
from selfboot.analysis.verdict import Verdict
from selfboot.calibration import Calibration, calibration
from selfboot.claims import Claim, Direction, Scale, Settings
from selfboot.errors import DataError
from selfboot.protocols.base import Run

ALPHA = 0.05
BASELINE_FLIPS = 6  # assumed at paper scale until measured there (bands.md)
MARGIN = 8.0  # tasks; "no difference" at paper scale where the registry names no other margin
MARGIN_SHARE = 1 / 8  # of the tasks: at mini scale "no difference" must be able to see one of this size
SWEEP_RISE = 27.0  # bands.md
SAMPLED = ("best-of-", "pass@", "oracle", "vote", "first")


@dataclass(frozen=True)
class Judgement:
    """A verdict with what a reader of the table needs: the figures as text, and the paper's direction beside ours."""

    verdict: Verdict
    measured: str
    band: str
    direction: str = ""

    @property
    def wants_second_strike(self) -> bool:
        return self.verdict.wants_second_strike


@dataclass(frozen=True)
class Judge:
    """Judges runs (one a seed) of one claim at one scale."""

    claim: Claim
    scale: Scale
    settings: Settings

    def parts(self, runs: Sequence[Run]) -> dict[str, Judgement]:
        """Every figure that has a band, then the claim's contrast."""
        parts = {name: self.figure(name, runs) for name in self.banded(runs[0])}
        return parts | ({"contrast": self.contrast(runs)} if self.settings.contrast else {})

    def banded(self, run: Run) -> list[str]:
        """The figures that have a band at this scale: all of them at mini scale, the published ones at paper scale."""
        if self.scale == "mini":
            return list(run.figures)
        judged = self.settings.contrast[-1:] if self.claim.kind in ("seeded_training", "difference") else ()
        return [name for name in run.figures if name in self.settings.published and name not in judged]

    def figure(self, name: str, runs: Sequence[Run]) -> Judgement:
        """The mean of a figure over the runs' seeds, against its band."""
        values = [run.figures[name] for run in runs]
        band = self._band(name, runs)
        verdict = policy.baseline(float(np.mean(values)), band)
        if verdict.failed and name not in runs[0].greedy:
            verdict = Verdict("direction only", verdict.reason, {**verdict.details, "second_strike": True})
        return Judgement(verdict, _numbers(values if name not in runs[0].greedy else values[:1]), span(band))

    def contrast(self, runs: Sequence[Run]) -> Judgement:
        """The paired difference between the two arms of the claim's contrast."""
        first, last = self.settings.contrast
        before, after = [run.arms[first] for run in runs], [run.arms[last] for run in runs]
        if first in runs[0].greedy:
            before = before[:1]
        test = paired_test(before, after)
        measured = f"{_numbers([sum(b) for b in before])} → {_numbers([sum(a) for a in after])}"
        if self.scale == "mini":
            verdict = self._mini_direction(runs, test)
            band = span(self._difference_band(runs), signed=True)
        else:
            verdict, band = self._paper_direction(before, after, len(runs))
        return Judgement(verdict, measured, band, self._direction(test))

    def synergy(self, runs: Sequence[Run], published: float) -> Judgement:
        """Recipe with test-time sampling against test-time sampling alone, by seeds and tasks (§3.5)."""
        from selfboot.analysis.synergy import FourArms

        names = list(runs[0].arms)
        arms = FourArms(*([run.arms[name] for run in runs] for name in names))
        scores = [[float(sum(run.arms[name])) for run in runs] for name in names[2:]]
        spread = seed_spread(scores, len(arms.raw[0]))
        verdict = policy.synergy(arms, spread=spread, contrast="tts", published=published)
        values = [run.figures["contrast"] for run in runs]
        return Judgement(verdict, _numbers(values), f"{'>' if published > 0 else '<'} 0")

    def sweep(self, runs: Sequence[Run]) -> Judgement:
        """Scores by number of pairs: the end-point rise, and no reversal beyond noise (Figure 3)."""
        points = {name: [float(sum(run.arms[name])) for run in runs] for name in runs[0].arms if name != "base"}
        sizes = {int(name.split()[0]): scores for name, scores in points.items()}
        spread = seed_spread(list(sizes.values()), len(runs[0].arms["base"]))
        rise = self._difference_band(runs).lower if self.scale == "mini" else SWEEP_RISE
        verdict = policy.sweep(sizes, spread=spread, rise=rise)
        return Judgement(verdict, " → ".join(f"{np.mean(v):.0f}" for v in sizes.values()), f"rise ≥ {rise:.0f}")

    def plateau(self, runs: Sequence[Run]) -> Judgement:
        """Round 1 brings most of the lift (§3.10)."""
        rounds = [name for name in runs[0].arms if name.startswith("round ")]
        seeds = {name: [run.arms[name] for run in runs] for name in rounds}
        spread = seed_spread([[float(sum(a)) for a in arms] for arms in seeds.values()], len(seeds[rounds[0]][0]))
        verdict = policy.plateau([runs[0].arms["base"]], list(seeds.values()), spread=spread)
        means = " → ".join(f"{np.mean([sum(a) for a in arms]):.0f}" for arms in seeds.values())
        return Judgement(verdict, f"{sum(runs[0].arms['base'])} → {means}", "round 1 brings most")

    def same(self, first: Sequence[str], second: Sequence[str]) -> Judgement:
        """Two runs with one seed: identical token or weight hashes."""
        judged = policy.determinism(first, second)
        same = sum(a == b for a, b in zip(first, second, strict=True))
        return Judgement(
            judged, f"{same} of {len(first)} identical", "all", "agrees" if not judged.failed else "differs"
        )

    # Bands of this scale

    @property
    def _known(self) -> Calibration:
        return calibration(self.settings.model)

    def _band(self, name: str, runs: Sequence[Run]) -> Band:
        tasks = len(runs[0].arms[name]) if name in runs[0].arms else 0
        if self.scale == "mini":
            measure = f"{self.claim.id}/{name}"
            if name in runs[0].greedy:
                return self._known.greedy_band(measure, tasks)
            return self._known.band(measure, len(runs), tasks or None)
        published = self.settings.published[name]
        if name in runs[0].greedy:
            return baseline_band(published[0], BASELINE_FLIPS, tasks)
        if any(name.startswith(word) or f" {word}" in name for word in SAMPLED):
            return oracle_band(published[0], tasks or len(next(iter(runs[0].arms.values()))))
        return training_band(published, tasks, len(runs))

    def _difference_band(self, runs: Sequence[Run]) -> Band:
        """Band of the contrast in tasks; between two greedy arms, where no seed varies, flips decide its width."""
        first, last = (f"{self.claim.id}/{name}" for name in self.settings.contrast)
        if self.settings.contrast[1] in runs[0].greedy:
            score, before = self._known.fixed(last), self._known.fixed(first)
            band = baseline_band(score, 2 * self._known.fixed("flips"), len(runs[0].arms[self.settings.contrast[1]]))
            return Band(band.lower - before, band.upper - before, band.source, band.note)
        return self._known.difference_band(first, last, len(runs))

    def _mini_direction(self, runs: Sequence[Run], test: PairedTest) -> Verdict:
        """Does the difference go where the registry says that the organism goes?"""
        band = self._difference_band(runs)
        ends: dict[str, policy.Detail] = {"measured": test.difference, "lower": band.lower, "upper": band.upper}
        shows, details = self.settings.shows, ends | _test_details(test)
        if shows is None:
            raise DataError(f"data/claims.toml [{self.claim.id}.mini]: a contrast needs `shows` (up, down or none)")
        if shows == "none":
            inside, text = (
                band.lower <= test.difference <= band.upper,
                f"{test.difference:+.1f} tasks, band {span(band, signed=True)}",
            )
            if inside:
                return self._no_difference(runs, text, details)
            return Verdict("direction only", f"{text}: outside", {**details, "second_strike": True})
        p = test.up if shows == "up" else test.down
        text = f"{test.difference:+.1f} tasks, p = {p:.2g} one-sided"
        return Verdict("reproduced" if p <= ALPHA else "not reproduced", text, details)

    def _no_difference(self, runs: Sequence[Run], text: str, details: Mapping[str, policy.Detail]) -> Verdict:
        """Inside its band; reproduced only where a difference of ``MARGIN_SHARE`` of the tasks would have been seen."""
        first, last = self.settings.contrast
        margin = MARGIN_SHARE * len(runs[0].arms[last])
        names = (f"{self.claim.id}/{first}", f"{self.claim.id}/{last}")
        power = (
            calibrated_misses(self._known.differences(*names), margin, len(runs)) if last not in runs[0].greedy else 1.0
        )
        details = {**details, "margin": margin, "power": power}
        if power < policy.ENOUGH_POWER:
            return Verdict(
                "inconclusive",
                f"{text}; a difference of {margin:g} tasks would be seen with only {power:.0%} power",
                details,
            )
        return Verdict("reproduced", text, details)

    def _paper_direction(
        self, before: Sequence[Sequence[bool]], after: Sequence[Sequence[bool]], fresh: int
    ) -> tuple[Verdict, str]:
        """The kind's policy against the published figures."""
        settings, (first, last) = self.settings, self.settings.contrast
        margin = settings.margin or MARGIN
        if self.claim.kind == "equivalence":
            middle = sum(before[0])
            return policy.equivalence(before, after, margin=margin), f"{middle - margin:g}–{middle + margin:g}"
        if self.claim.kind == "no_lift":
            return policy.no_lift({self.claim.id: (before, after)}, margin=margin), f"lift < {margin:g}"
        start, end = settings.published.get(first), settings.published.get(last)
        if self.claim.kind == "difference" and start and end:
            published = float(np.mean(end) - np.mean(start))
            return policy.difference(before, after, published=published), f"{published:+.0f} and significant"
        if self.claim.kind == "seeded_training" and start and end:
            band = training_band(end, len(after[0]), fresh)
            lift = float(np.mean(end) - np.mean(start))
            return policy.seeded_training(before, after, band, claimed_lift=lift), span(band)
        test = paired_test(before, after)
        p = test.down if self.claim.expects == "down" else test.up
        status: policy.VerdictStatus = "reproduced" if p <= ALPHA else "not reproduced"
        return Verdict(
            status, f"{test.difference:+.1f} tasks, p = {p:.2g} one-sided", _test_details(test)
        ), "significant"

    def _direction(self, test: PairedTest) -> str:
        ours: Direction = "up" if test.up <= ALPHA / 2 else "down" if test.down <= ALPHA / 2 else "none"
        return "agrees" if ours == self.claim.expects else f"differs ({ours})"


def second_strike(first: Mapping[str, Judgement], second: Mapping[str, Judgement]) -> dict[str, Judgement]:
    """Parts after fresh seeds: outside twice is not reproduced, once is chance."""
    return {name: _struck(part, second[name]) if part.wants_second_strike else part for name, part in first.items()}


def _struck(first: Judgement, second: Judgement) -> Judgement:
    verdict = policy.second_strike(first.verdict, second.verdict)
    return Judgement(verdict, f"{first.measured}; then {second.measured}", first.band, second.direction)


def span(band: Band, signed: bool = False) -> str:
    """A band as text, in whole tasks; ``signed``: of a difference."""
    low, high = band.whole
    return f"{low:+d}…{high:+d}" if signed or low < 0 else f"{low}–{high}"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _test_details(test: PairedTest) -> dict[str, policy.Detail]:
    return {"difference": test.difference, "up": test.up, "down": test.down, "two_sided": test.two_sided}
