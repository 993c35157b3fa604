"""The rule book of the mini scale: our own small model must do again what it did over the calibration's seeds.

All figures of a claim must lie in their prediction intervals, which hold together with 99 %, and the difference between
the arms of its contrast must go where it went in the calibration, by a paired test. What the paper says never enters.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import Band, baseline_band
from selfboot.analysis.paired import Outcomes, PairedTest, task_matrix
from selfboot.analysis.power import calibrated_misses
from selfboot.analysis.synergy import per_task
from selfboot.analysis.verdict import Verdict
from selfboot.judging.calibration import Calibration, calibration
from selfboot.judging.results import Asked, Part, part
from selfboot.judging.rules import (
    ALPHA,
    MARGIN_SHARE,
    Judge,
    Rules,
    four_arms,
    p_values,
    span,
    tasks,
    to_retry,
    within,
)
from selfboot.protocols.base import Run
from selfboot.registry import Claim, Direction


@dataclass(frozen=True)
class Calibrated(Rules):
    """Judged by the calibration of the claim's model."""

    @property
    def known(self) -> Calibration:
        return calibration(self.settings.model)

    @property
    def level(self) -> float:
        """The level of each of the claim's bands."""
        return self.known.level(self.claim.id, contrasts(self.claim))

    def banded(self) -> list[str]:
        """All figures have a band."""
        return list(self.known.figures(self.claim.id))

    def band(self, figure: str, runs: Sequence[Run]) -> Band:
        count = tasks(runs, figure)
        if figure in runs[0].fixed:
            return self.known.fixed_band(self.claim.id, figure, count)
        return self.known.band(self.claim.id, figure, len(runs), count or None, self.level)

    def special(self) -> dict[str, Judge]:
        own: dict[str, Judge] = {"interaction": self.interaction} if contrasts(self.claim) == 2 else {}
        return super().special() | own

    def interaction(self, runs: Sequence[Run]) -> Part:
        """Difference of differences, paired by task (§3.5): does sampling gain more, or less, on top of the recipe?"""
        found = per_task(four_arms(runs), "interaction")
        band = self.known.interaction_band(self.claim.id, len(runs), self.level)
        value, p = float(found.sum()), float(stats.ttest_1samp(found, 0.0).pvalue)
        text = f"difference of differences {value:+.1f} tasks, band {span(band, signed=True)}, p = {p:.2g} over tasks"
        ends: dict[str, policy.Detail] = {"measured": value, "lower": band.lower, "upper": band.upper, "p": p}
        verdict = Verdict("reproduced", text, ends) if value in band else to_retry(text, ends)
        return part("interaction", "interaction", verdict, within(band, difference=True), [value], of=len(found))

    def difference(
        self, runs: Sequence[Run], test: PairedTest, before: Sequence[Outcomes], after: Sequence[Outcomes]
    ) -> tuple[Verdict, Asked]:
        """Does the difference go where it went in the calibration, and as far?"""
        band = self.difference_band(runs)
        return self._difference(band, runs, test, before, after), within(band, difference=True)

    def _difference(
        self, band: Band, runs: Sequence[Run], test: PairedTest, before: Sequence[Outcomes], after: Sequence[Outcomes]
    ) -> Verdict:
        shows, n = self.shows(len(after[0])), len(after[0])
        ends: dict[str, policy.Detail] = {"measured": test.difference, "lower": band.lower, "upper": band.upper}
        details: dict[str, policy.Detail] = ends | p_values(test) | {"shows": shows}
        inside = test.difference in band
        text = f"{test.difference:+.1f} tasks {'inside' if inside else 'outside'} its band {span(band, signed=True)}"
        if shows == "none":
            return self._no_difference(runs, n, text, details) if inside else to_retry(text, details)
        p = test.up if shows == "up" else test.down
        text = f"{text}, p = {p:.2g} one-sided"
        if p <= ALPHA:
            return Verdict("reproduced", text, details) if inside else to_retry(text, details)
        if not inside:
            return Verdict("not reproduced", text, details)
        power = usual_power(self.differences, before, after)
        details["power"] = power
        if power < policy.ENOUGH_POWER:
            return Verdict("inconclusive", f"{text}; only {power:.0%} of such runs are significant", details)
        return to_retry(f"{text}; not significant", details)

    def difference_band(self, runs: Sequence[Run]) -> Band:
        """Band of the contrast in tasks; between two greedy arms, where no seed varies, flips decide its width."""
        claim, (first, last) = self.claim.id, self.settings.contrast
        if last in runs[0].fixed:
            score, before = self.known.fixed(claim, last), self.known.fixed(claim, first)
            band = baseline_band(score, 2 * self.known.flipped, tasks(runs, last))
            return Band(band.lower - before, band.upper - before, band.source, band.note)
        return self.known.difference_band(claim, first, last, len(runs), self.level)

    @property
    def differences(self) -> list[float]:
        """The contrast over the calibration's seeds."""
        return self.known.differences(self.claim.id, *self.settings.contrast)

    def shows(self, n: int) -> Direction:
        """Where the claim's contrast went in the calibration."""
        first, last = self.settings.contrast
        return self.known.shows(self.claim.id, first, last, n)

    def _no_difference(self, runs: Sequence[Run], n: int, text: str, details: Mapping[str, policy.Detail]) -> Verdict:
        """Inside its band; reproduced only where a difference of ``MARGIN_SHARE`` of the tasks would have been seen."""
        margin, power = MARGIN_SHARE * n, 1.0
        if self.settings.contrast[1] not in runs[0].fixed:
            power = calibrated_misses(self.differences, margin, len(runs), self.level)
        details = {**details, "margin": margin, "power": power}
        if power < policy.ENOUGH_POWER:
            return Verdict("inconclusive", f"{text}; one of {margin:.0f} would be seen with {power:.0%} power", details)
        return Verdict("reproduced", text, details)


def contrasts(claim: Claim) -> int:
    """How many contrasts of a claim have a band at mini scale: synergy has the difference of differences besides."""
    return 2 if claim.kind == "synergy" else 1


def usual_power(usual: Sequence[float], before: Sequence[Outcomes], after: Sequence[Outcomes]) -> float:
    """Chance that a run of as many seeds is significant, if its difference is drawn as the calibration's ``usual`` ones
    were, over the noise between the tasks of these arms (normal approximation of the paired test)."""
    noise = task_matrix(after).mean(0) - task_matrix(before).mean(0)
    mean, sd, k = statistics.fmean(usual), float(np.std(usual, ddof=1)), len(usual)
    needed = float(stats.norm.ppf(1 - ALPHA)) * max(float((noise**2).sum()), abs(mean)) ** 0.5
    return float(stats.t.sf((needed - abs(mean)) / max(sd * (1 / len(after) + 1 / k) ** 0.5, 1e-9), k - 1))
