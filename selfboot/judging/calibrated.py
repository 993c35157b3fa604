"""The rule book of the mini scale: our own small model must do again what it did over the calibration's seeds.

All figures of a claim must lie in their bands, by the shape in which they spread over seeds: a prediction interval;
joined with the calibration's range where they are skewed; where an interval would be wider than two fifths of the
tasks, the share of seeds that rise. The difference between the arms of its contrast must go where it went in the
calibration, by a paired test. What the paper says never enters. A claim fails by chance in 0.15 % of all runs, its
retry included.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import Band
from selfboot.analysis.paired import Outcomes, PairedTest, task_matrix
from selfboot.analysis.power import calibrated_misses, level_missed_twice
from selfboot.analysis.synergy import per_task
from selfboot.analysis.verdict import Verdict
from selfboot.judging.calibration import BUDGET, FLIPPED_OF, Calibration, Shape, calibration, flips_half
from selfboot.judging.results import Asked, Part, part
from selfboot.judging.rules import (
    ALPHA,
    MARGIN_SHARE,
    Judge,
    Rules,
    arm,
    four_arms,
    mines,
    p_values,
    span,
    tasks,
    to_retry,
    within,
)
from selfboot.protocols.base import Run
from selfboot.registry import Claim, Direction

DEVICES = 8.0  # tasks of 164 that a trained score of one seed differs by between devices: 2.58 × rms 3.1; twice as
# many where the trained model mines again (measured: up to 16)


@dataclass(frozen=True)
class Calibrated(Rules):
    """Judged by the calibration of the claim's model."""

    @property
    def known(self) -> Calibration:
        return calibration(self.settings.model)

    @property
    def chance(self) -> float:
        """The chance that one figure of one case fails though nothing has changed: its share of ``BUDGET``."""
        own = self.claim.scales.get("mini", self.settings)
        cases = len(own.seeds) if own.by_seed else 1
        return BUDGET / (cases * (len(self.known.figures(self.claim.id)) + contrasts(self.claim)))

    def level(self, fresh: int) -> float:
        """The level of each of the claim's bands for ``fresh`` seeds, the retry counted in."""
        return level_missed_twice(self.chance, self.known.seeds(self.claim.id), fresh)

    def banded(self) -> list[str]:
        """All figures have a band."""
        return list(self.known.figures(self.claim.id))

    def band(self, figure: str, runs: Sequence[Run]) -> Band:
        count = tasks(runs, figure)
        if figure in runs[0].fixed:
            return self.known.fixed_band(self.claim.id, figure, count, self.chance)
        return self.seeded_band(figure, len(runs), count)

    def seeded_band(self, figure: str, fresh: int, count: int) -> Band:
        """The band of the mean of ``fresh`` seeds; ``count``: the figure's tasks, 0 where it is no score."""
        skewed = self.shape(figure, fresh, count) == "skewed"
        made = self.known.range_band if skewed else self.known.band
        return made(self.claim.id, figure, fresh, count or None, self.level(fresh))

    def shape(self, figure: str, fresh: int, count: int) -> Shape:
        """How the figure spreads, as ``fresh`` seeds are judged."""
        return self.known.shape(self.claim.id, figure, count, self.level(fresh), fresh)

    def figure(self, name: str, runs: Sequence[Run]) -> Part:
        """A figure against its band; where that would be too wide, the seeds that rise."""
        base = self._base_of(name, runs)
        if base and self._wide(name, runs):
            return self.rises(name, base, runs)
        return super().figure(name, runs)

    def contrast(self, runs: Sequence[Run]) -> Part:
        """The contrast; where its second arm is too wide for a band, the seeds that rise."""
        judged, (first, last) = super().contrast(runs), self.settings.contrast
        if not self._wide(last, runs):
            return judged
        share = self.rises(last, first, runs)
        details = {**judged.details, **share.details}
        return replace(judged, status=share.status, reason=share.reason, asked=share.asked, details=details,
                       retry=share.retry)  # fmt: skip

    def rises(self, name: str, base: str, runs: Sequence[Run]) -> Part:
        """Does the score rise above the base for as many seeds as in the calibration? (posterior predictive)"""
        up, k = self.known.rising(self.claim.id, base, name)
        found, m = sum(run.figures[name] > run.figures[base] for run in runs), len(runs)
        usual = stats.betabinom(m, up + 0.5, k - up + 0.5)
        p = 2 * min(float(usual.cdf(found)), float(usual.sf(found - 1)))
        level = self.level(m)
        ends = stats.binomtest(up, k).proportion_ci(level, "exact")
        details: dict[str, policy.Detail] = {"rising": found, "seeds": m, "usual": up, "of": k, "p": min(p, 1.0)}
        text = f"{found} of {m} seeds rise above the base, {up} of {k} in the calibration (p = {min(p, 1.0):.2g})"
        verdict = Verdict("reproduced", text, details) if p > 1 - level else to_retry(text, details)
        asked = Asked("share", float(ends.low), float(ends.high), limit=up / k)
        return part(name, "figure", verdict, asked, [run.figures[name] for run in runs], arm=arm(runs, name),
                    of=tasks(runs, name))  # fmt: skip

    def _wide(self, name: str, runs: Sequence[Run]) -> bool:
        count = tasks(runs, name)
        if not count or name in runs[0].fixed:
            return False
        return self.shape(name, len(runs), count) == "wide"

    def _base_of(self, name: str, runs: Sequence[Run]) -> str:
        """The untrained score beside a trained one, on the same benchmark; "" without one."""
        own = runs[0].arms[name]
        beside = (name for name, one in runs[0].arms.items() if one.fixed and one.beside(own))
        return next(beside, "") if own.role == "trained" else ""

    def special(self) -> dict[str, Judge]:
        own: dict[str, Judge] = {"interaction": self.interaction} if contrasts(self.claim) == 2 else {}
        again = {"again": self.again} if self.calibrated_seeds & set(self.settings.seeds) else {}
        return super().special() | own | again

    @property
    def calibrated_seeds(self) -> set[int]:
        """The seeds that the calibration has of every figure."""
        seeded = [set(one.seeds) for one in self.known.figures(self.claim.id).values() if not one.fixed]
        return set.intersection(*seeded) if seeded else set()

    def again(self, runs: Sequence[Run]) -> Part:
        """The same seed as in the calibration gives the same figures, up to what devices compute differently.
        The sharpest check, and the cheapest: it needs one seed, and no spread of seeds hides anything from it."""
        own = [run for run in runs if run.seed in self.calibrated_seeds]
        found = [(self._off(name, run), name, run) for run in own for name in run.figures]
        (most, off), name, run = max(found, key=lambda one: abs(one[0][1]) - one[0][0])
        details: dict[str, policy.Detail] = {"off": off, "tolerance": most, "figure": name, "seed": run.seed}
        where = f"{name}, seed {run.seed}: {run.figures[name]:g}"
        text = f"{where}, {off:+g} from the calibration's; devices differ by {most:.1f} at most"
        verdict = Verdict("reproduced", text, details) if abs(off) <= most else to_retry(text, details)
        return part("again", "again", verdict, Asked("again", limit=most), [off], arm=arm([run], name))

    def _off(self, name: str, run: Run) -> tuple[float, float]:
        """How far a figure may be off, and how far it is."""
        measure, count = self.known.measure(self.claim.id, name), len(run.outcomes.get(name, ())) or FLIPPED_OF
        trained = measure.arm.role in ("trained", "items", "contrast") and bool(self.settings.recipe)
        most = float(flips_half(self.known.flipped(count), self.chance))
        if trained:
            most = DEVICES * math.sqrt(count / FLIPPED_OF) * (2 if mines(self.settings) else 1)
        return most, run.figures[name] - measure.by_seed[0 if measure.fixed else run.seed]

    def interaction(self, runs: Sequence[Run]) -> Part:
        """Difference of differences, paired by task (§3.5): does sampling gain more, or less, on top of the recipe?"""
        found = per_task(four_arms(runs), "interaction")
        band = self.known.interaction_band(self.claim.id, len(runs), self.level(len(runs)))
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
        wrong = test.down if shows == "up" else test.up
        if not inside or wrong <= ALPHA:
            return to_retry(text, details)
        power = usual_power(self.differences, before, after)
        details["power"] = power
        if power < policy.REFUTING_POWER:
            return Verdict("inconclusive", f"{text}; only {power:.0%} of such runs are significant", details)
        return to_retry(f"{text}; not significant", details)

    def difference_band(self, runs: Sequence[Run]) -> Band:
        """Band of the contrast in tasks; between two greedy arms, where no seed varies, flips decide its width."""
        claim, (first, last) = self.claim.id, self.settings.contrast
        if last in runs[0].fixed:
            score, before = self.known.fixed(claim, last), self.known.fixed(claim, first)
            half = flips_half(2 * self.known.flipped(tasks(runs, last)), self.chance)
            return Band(score - before - half, score - before + half, "calibrated", "flips")
        band = self.known.difference_band(claim, first, last, len(runs), self.level(len(runs)))
        half = flips_half(self.known.flipped(tasks(runs, first)), self.chance) if first in runs[0].fixed else 0
        return band.union(band.lower - half, band.upper + half)

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
            power = calibrated_misses(self.differences, margin, len(runs), self.level(len(runs)))
        details = {**details, "margin": margin, "power": power}
        if power < policy.ENOUGH_POWER:
            return Verdict("inconclusive", f"{text}; one of {margin:.0f} would be seen with {power:.0%} power", details)
        return Verdict("reproduced", text, details)


@dataclass(frozen=True)
class OwnBands(Calibrated):
    """Judged by a calibration of any one model, which its user has made (`selfboot calibrate --scale small`)."""

    table: Calibration

    @property
    def known(self) -> Calibration:
        return self.table


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
