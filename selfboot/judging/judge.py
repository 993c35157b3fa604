"""From measured runs to judgements: which band applies at which scale, and what the policy says of it.

At paper scale bands come from published figures; at mini scale from the calibration of our own organism: all figures
of a claim must lie in their prediction intervals, which hold together with 99 %, and the difference between the arms of
its ``contrast`` must go where it went in the calibration, by a paired test. Whether the measured DIRECTION agrees with
the paper's is judged apart and never enters the verdict at mini scale.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import Band, baseline_band, oracle_band, seed_spread, training_band
from selfboot.analysis.paired import Outcomes, PairedTest, paired_test, task_matrix
from selfboot.analysis.power import calibrated_misses
from selfboot.analysis.synergy import FourArms, four_names, per_task
from selfboot.analysis.verdict import Verdict
from selfboot.judging.calibration import SHOWN_SHARE, Calibration, calibration
from selfboot.protocols.base import Run
from selfboot.registry import Claim, Direction, Scale, Settings

ALPHA = 0.05
BASELINE_FLIPS = 6  # assumed at paper scale until measured there (bands.md)
MARGIN = 8.0  # tasks; "no difference" at paper scale where the registry names no other margin
MARGIN_SHARE = 1 / 8  # of the tasks: at mini scale "no difference" must be able to see one of this size
SWEEP_RISE = 27.0  # bands.md
MAY_SOLVE_NOTHING = ("floor", "boundary")  # kinds of claim with a model that is too weak
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
        """A synergy's difference of differences, every figure with a band, and last, for the table, the contrast."""
        parts = {"interaction": self.interaction(runs)} if contrasts(self.claim) == 2 and self.scale == "mini" else {}
        parts |= {name: self.figure(name, runs) for name in self.banded(runs[0])}
        return parts | ({"contrast": self.contrast(runs)} if self.settings.contrast else {})

    def banded(self, run: Run) -> list[str]:
        """The figures that have a band at this scale: all of them at mini scale, the published ones at paper scale."""
        if self.scale == "mini":
            return list(run.figures)
        judged = self.settings.contrast[-1:] if self.claim.kind in ("seeded_training", "difference") else ("contrast",)
        return [name for name in run.figures if name in self.settings.published and name not in judged]

    def figure(self, name: str, runs: Sequence[Run]) -> Judgement:
        """The mean of a figure over the runs' seeds, against its band."""
        values = [run.figures[name] for run in runs]
        band = self._band(name, runs)
        alive = name in runs[0].greedy and self.claim.kind not in MAY_SOLVE_NOTHING
        verdict = policy.baseline(float(np.mean(values)), band, alive=alive)
        if verdict.failed and name not in runs[0].greedy:
            verdict = _strike(verdict.reason, verdict.details)
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
            verdict = self._mini_direction(runs, test, before, after)
            band = span(self._difference_band(runs), signed=True)
        else:
            verdict, band = self._paper_direction(before, after, len(runs))
        return Judgement(verdict, measured, band, self._direction(test, len(after[0])))

    def synergy(self, runs: Sequence[Run], published: float) -> Judgement:
        """Recipe with test-time sampling against test-time sampling alone, by seeds and tasks (§3.5)."""
        arms = four_arms(runs)
        scores = [[float(sum(seed)) for seed in arm] for arm in (arms.recipe, arms.recipe_tts)]
        spread = seed_spread(scores, len(arms.raw[0]))
        verdict = policy.synergy(arms, spread=spread, contrast="tts", published=published)
        values = [run.figures["contrast"] for run in runs]
        return Judgement(verdict, _numbers(values), f"{'>' if published > 0 else '<'} 0")

    def interaction(self, runs: Sequence[Run]) -> Judgement:
        """Difference of differences, paired by task (§3.5): does sampling gain more, or less, on top of the recipe?"""
        found = per_task(four_arms(runs), "interaction")
        band = self._known.interaction_band(self.claim.id, len(runs), self.level)
        value, p = float(found.sum()), float(stats.ttest_1samp(found, 0.0).pvalue)
        text = f"difference of differences {value:+.1f} tasks, band {span(band, signed=True)}, p = {p:.2g} over tasks"
        ends: dict[str, policy.Detail] = {"measured": value, "lower": band.lower, "upper": band.upper, "p": p}
        verdict = Verdict("reproduced", text, ends) if value in band else _strike(text, ends)
        return Judgement(verdict, f"{value:+.1f}", span(band, signed=True))

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

    @property
    def level(self) -> float:
        """The level of each of the claim's bands at mini scale."""
        return self._known.level(self.claim.id, contrasts(self.claim))

    def _band(self, name: str, runs: Sequence[Run]) -> Band:
        tasks = len(runs[0].arms[name]) if name in runs[0].arms else 0
        if self.scale == "mini":
            measure = f"{self.claim.id}/{name}"
            if name in runs[0].greedy:
                return self._known.greedy_band(measure, tasks)
            return self._known.band(measure, len(runs), tasks or None, self.level)
        published = self.settings.published[name]
        if name in runs[0].greedy:
            return baseline_band(published[0], BASELINE_FLIPS, tasks)
        if any(name.startswith(word) or f" {word}" in name for word in SAMPLED):
            return oracle_band(published[0], tasks or len(next(iter(runs[0].arms.values()))))
        return training_band(published, tasks, len(runs))

    def _difference_band(self, runs: Sequence[Run]) -> Band:
        """Band of the contrast in tasks; between two greedy arms, where no seed varies, flips decide its width."""
        first, last = self._measures
        if self.settings.contrast[1] in runs[0].greedy:
            score, before = self._known.fixed(last), self._known.fixed(first)
            band = baseline_band(score, 2 * self._known.fixed("flips"), len(runs[0].arms[self.settings.contrast[1]]))
            return Band(band.lower - before, band.upper - before, band.source, band.note)
        return self._known.difference_band(first, last, len(runs), self.level)

    def _mini_direction(
        self, runs: Sequence[Run], test: PairedTest, before: Sequence[Outcomes], after: Sequence[Outcomes]
    ) -> Verdict:
        """Does the difference go where it went in the calibration, and as far?"""
        band, shows, n = self._difference_band(runs), self.shows(len(after[0])), len(after[0])
        ends: dict[str, policy.Detail] = {"measured": test.difference, "lower": band.lower, "upper": band.upper}
        details: dict[str, policy.Detail] = ends | _test_details(test) | {"shows": shows}
        inside = test.difference in band
        text = f"{test.difference:+.1f} tasks {'inside' if inside else 'outside'} its band {span(band, signed=True)}"
        if shows == "none":
            return self._no_difference(runs, n, text, details) if inside else _strike(text, details)
        p = test.up if shows == "up" else test.down
        text = f"{text}, p = {p:.2g} one-sided"
        if p <= ALPHA:
            return Verdict("reproduced", text, details) if inside else _strike(text, details)
        if not inside:
            return Verdict("not reproduced", text, details)
        power = usual_power(self._known.differences(*self._measures), before, after)
        details["power"] = power
        if power < policy.ENOUGH_POWER:
            return Verdict("inconclusive", f"{text}; only {power:.0%} of such runs are significant", details)
        return _strike(f"{text}; not significant", details)

    def shows(self, tasks: int) -> Direction:
        """Where the claim's contrast went in the calibration."""
        return self._known.shows(*self._measures, tasks)

    @property
    def _measures(self) -> tuple[str, str]:
        """The calibrated measures of the contrast."""
        first, last = (f"{self.claim.id}/{name}" for name in self.settings.contrast)
        return first, last

    def _no_difference(self, runs: Sequence[Run], n: int, text: str, details: Mapping[str, policy.Detail]) -> Verdict:
        """Inside its band; reproduced only where a difference of ``MARGIN_SHARE`` of the tasks would have been seen."""
        margin, power = MARGIN_SHARE * n, 1.0
        if self.settings.contrast[1] not in runs[0].greedy:
            found, level = self._known.differences(*self._measures), self.level
            power = calibrated_misses(found, margin, len(runs), level)
        details = {**details, "margin": margin, "power": power}
        if power < policy.ENOUGH_POWER:
            return Verdict("inconclusive", f"{text}; one of {margin:.0f} would be seen with {power:.0%} power", details)
        return Verdict("reproduced", text, details)

    def _paper_direction(
        self, before: Sequence[Outcomes], after: Sequence[Outcomes], fresh: int
    ) -> tuple[Verdict, str]:
        """The kind's policy against the published figures."""
        settings, (first, last) = self.settings, self.settings.contrast
        margin = settings.margin or MARGIN
        if self.claim.kind in ("equivalence", "no_lift") and not any(map(any, before)):
            return Verdict("inconclusive", "the base model solves nothing, so nothing could be lost"), ""
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
        return self._significant(before, after), "significant"

    def _significant(self, before: Sequence[Outcomes], after: Sequence[Outcomes]) -> Verdict:
        """A direction without a published size: significant, by a test that could have seen ``MARGIN_SHARE``."""
        test, sign = paired_test(before, after), -1 if self.claim.expects == "down" else 1
        p, margin = test.down if sign < 0 else test.up, MARGIN_SHARE * len(after[0])
        text, details = f"{test.difference:+.1f} tasks, p = {p:.2g} one-sided", _test_details(test)
        if p <= ALPHA:
            return Verdict("reproduced", text, details)
        wrong = (test.up if sign < 0 else test.down) <= ALPHA
        power = policy.lift_power(before, after, sign * margin, ALPHA)
        if power < policy.ENOUGH_POWER and not wrong:
            return Verdict("inconclusive", f"{text}; {margin:.0f} would be seen with {power:.0%} power", details)
        return Verdict("not reproduced", text, details)

    def _direction(self, test: PairedTest, tasks: int) -> str:
        """Where this run went, beside the paper's direction."""
        ours: Direction = "up" if test.up <= ALPHA else "down" if test.down <= ALPHA else "none"
        ours = ours if abs(test.difference) > SHOWN_SHARE * tasks else "none"
        return "agrees" if ours == self.claim.expects else f"differs ({ours})"


def contrasts(claim: Claim) -> int:
    """How many contrasts of a claim have a band at mini scale: synergy has the difference of differences besides."""
    return 2 if claim.kind == "synergy" else 1


def four_arms(runs: Sequence[Run]) -> FourArms:
    """The arms of the synergy protocol over its runs."""
    return FourArms(*([run.arms[name] for run in runs] for name in four_names(runs[0].arms)))


def second_strike(first: Mapping[str, Judgement], second: Mapping[str, Judgement]) -> dict[str, Judgement]:
    """Parts after fresh seeds: outside twice is not reproduced, once is chance."""
    return {name: _struck(part, second[name]) if part.wants_second_strike else part for name, part in first.items()}


def _struck(first: Judgement, second: Judgement) -> Judgement:
    verdict = policy.second_strike(first.verdict, second.verdict)
    return Judgement(verdict, f"{first.measured}; then {second.measured}", first.band, second.direction)


def usual_power(usual: Sequence[float], before: Sequence[Outcomes], after: Sequence[Outcomes]) -> float:
    """Chance that a run of as many seeds is significant, if its difference is drawn as the calibration's ``usual`` ones
    were, over the noise between the tasks of these arms (normal approximation of the paired test)."""
    noise = task_matrix(after).mean(0) - task_matrix(before).mean(0)
    mean, sd, k = statistics.fmean(usual), float(np.std(usual, ddof=1)), len(usual)
    needed = float(stats.norm.ppf(1 - ALPHA)) * max(float((noise**2).sum()), abs(mean)) ** 0.5
    return float(stats.t.sf((needed - abs(mean)) / max(sd * (1 / len(after) + 1 / k) ** 0.5, 1e-9), k - 1))


def _strike(reason: str, details: Mapping[str, policy.Detail]) -> Verdict:
    """Not as it was: to be tried again with fresh seeds."""
    return Verdict("direction only", reason, {**details, "second_strike": True})


def span(band: Band, signed: bool = False) -> str:
    """A band as text, in whole tasks; ``signed``: of a difference."""
    low, high = band.whole
    return f"{low:+d}…{high:+d}" if signed or low < 0 else f"{low}–{high}"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _test_details(test: PairedTest) -> dict[str, policy.Detail]:
    return {"difference": test.difference, "up": test.up, "down": test.down, "two_sided": test.two_sided}
