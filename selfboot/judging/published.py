"""The rule book of the paper's scale: the paper's models against the paper's figures, one policy a kind of claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import (
    Band,
    baseline_band,
    measured_baseline_band,
    oracle_band,
    seed_spread,
    training_band,
)
from selfboot.analysis.paired import Outcomes, PairedTest, paired_test
from selfboot.analysis.verdict import Verdict
from selfboot.judging.results import Asked, Part, part
from selfboot.judging.rules import (
    ALPHA,
    MARGIN_SHARE,
    MAY_SOLVE_NOTHING,
    Judge,
    Rules,
    four_arms,
    mines,
    p_values,
    tasks,
    within,
)
from selfboot.protocols.base import Run
from selfboot.registry import Direction

FLIPS_SHARE = 18 / 164  # of the tasks: the most verdicts by which two engines differed (data/measured/gpu)
MINING_SPREAD = 2.0  # sd of seeds that mine their own pairs, by that of trainings on given ones (mini: 12.3 and 5.9)
MARGIN = 8.0  # tasks; "no difference" where the registry names no other margin
SWEEP_RISE = 27.0  # tasks: half of what the paper gains from 10 to 40 pairs


@dataclass(frozen=True)
class Published(Rules):
    """Judged by the figures that the registry names as published."""

    def banded(self) -> list[str]:
        """The published figures, but for those that the contrast or the synergy policy judges."""
        judged = self.settings.contrast[-1:] if self.claim.kind in ("seeded_training", "difference") else ("contrast",)
        return [name for name in self.settings.published if name not in judged]

    def band(self, figure: str, runs: Sequence[Run]) -> Band:
        published, count = self.settings.published[figure], tasks(runs, figure)
        if figure in runs[0].fixed:
            return self.baseline(published[0], runs[0].flips, count)
        if runs[0].arms[figure].sampled:
            return oracle_band(published[0], count or max(map(len, runs[0].outcomes.values())))
        return training_band(published, count, len(runs), wider=self.wider)

    def baseline(self, published: float, flips: float | None, count: int) -> Band:
        """The band of a greedy base score: by the flips that were measured on the spot, else by the most ever seen."""
        if flips is None:
            return baseline_band(published, FLIPS_SHARE * count, count)
        return measured_baseline_band(published, flips * count, count)

    def special(self) -> dict[str, Judge]:
        scores = (
            self.settings.recipe and self.settings.protocol
        )  # determinism trains, and scores nothing that it trained
        own: dict[str, Judge] = {"alive": self.alive} if scores else {}
        if self.claim.kind == "sweep":
            own["sweep"] = self.sweep
        if "contrast" in self.settings.published:
            own["synergy"] = self.synergy
        return super().special() | own

    @property
    def wider(self) -> float:
        """How much more widely than trainings on given pairs the claim's seeds spread."""
        return MINING_SPREAD if mines(self.settings) else 1.0

    def figure(self, name: str, runs: Sequence[Run]) -> Part:
        """A figure against its band; a base score outside says that the protocol is another one, not that the claim is
        wrong."""
        judged = super().figure(name, runs)
        mismatch = judged.failed and name in runs[0].fixed and self.claim.kind not in MAY_SOLVE_NOTHING
        return replace(judged, status="protocol mismatch") if mismatch else judged

    def alive(self, runs: Sequence[Run]) -> Part:
        """No training has destroyed its model, whatever the claim says of its score."""
        arms = {name: arm for name, arm in runs[0].arms.items() if name in runs[0].outcomes and arm.greedy}
        pairs = [
            (base, name) for name, arm in arms.items() if arm.role == "trained"
            for base, own in arms.items() if own.fixed and own.beside(arm)
        ]  # fmt: skip
        judged = [policy.alive([runs[0].outcomes[b]], [run.outcomes[a] for run in runs]) for b, a in pairs]
        worst = min(judged, key=lambda verdict: not verdict.failed)
        left = float(worst.details["measured"] or 0)
        return part("alive", "alive", worst, Asked("alive", limit=policy.LEAST_LEFT), [left])

    def sweep(self, runs: Sequence[Run]) -> Part:
        """Scores by number of pairs: the end-point rise, and no reversal beyond noise (Figure 3)."""
        trained = {name: one for name, one in runs[0].arms.items() if one.role == "trained"}
        sizes = {one.count: [run.figures[name] for run in runs] for name, one in trained.items()}
        spread = seed_spread(list(sizes.values()), tasks(runs, next(iter(trained))))
        verdict = policy.sweep(sizes, spread=spread, rise=SWEEP_RISE)
        means = [float(np.mean(scores)) for scores in sizes.values()]
        return part("sweep", "sweep", verdict, Asked("rise", limit=SWEEP_RISE), means)

    def synergy(self, runs: Sequence[Run]) -> Part:
        """Recipe with test-time sampling against test-time sampling alone, by seeds and tasks (§3.5)."""
        arms, published = four_arms(runs), self.settings.published["contrast"][0]
        scores = [[float(sum(seed)) for seed in arm] for arm in (arms.recipe, arms.recipe_tts)]
        spread = seed_spread(scores, len(arms.raw[0]))
        verdict = policy.synergy(arms, spread=spread, contrast="tts", published=published)
        asked = Asked("above zero" if published > 0 else "below zero", difference=True)
        values, ends = [run.figures["contrast"] for run in runs], [verdict.details[end] for end in ("lower", "upper")]
        direction: Direction = "up" if float(ends[0] or 0) > 0 else "down" if float(ends[1] or 0) < 0 else "none"
        verdict = replace(verdict, details={**verdict.details, "difference": float(np.mean(values))})
        return part("synergy", "synergy", verdict, asked, values, of=len(arms.raw[0]), direction=direction)

    def difference(
        self, runs: Sequence[Run], test: PairedTest, before: Sequence[Outcomes], after: Sequence[Outcomes]
    ) -> tuple[Verdict, Asked]:
        """The kind's policy against the published figures."""
        settings, (first, last), kind = self.settings, self.settings.contrast, self.claim.kind
        margin = settings.margin or MARGIN
        if kind in ("equivalence", "no_lift") and not any(map(any, before)):
            dead = Verdict("inconclusive", "the base model solves nothing, so nothing could be lost")
            return dead, Asked("no lift", limit=margin)
        if kind == "equivalence":
            middle = sum(before[0])
            asked = Asked("band", middle - margin, middle + margin)
            return policy.equivalence(before, after, margin=margin, wider=self.wider), asked
        if kind == "no_lift":
            share = FLIPS_SHARE if runs[0].flips is None else runs[0].flips
            flips = share * len(after[0])
            judged = policy.no_lift(before, after, margin=margin, wider=self.wider, flips=flips)
            return judged, Asked("no lift", limit=margin)
        start, end = settings.published.get(first), settings.published.get(last)
        if not start or not end or kind not in ("difference", "seeded_training"):
            return self._significant(before, after), Asked("significant")
        lift = float(np.mean(end) - np.mean(start))
        if kind == "difference":
            judged = policy.difference(before, after, published=lift, wider=self.wider)
            return judged, Asked("sign and size", limit=lift)
        band = training_band(end, len(after[0]), len(runs), wider=self.wider)
        return policy.seeded_training(before, after, band, claimed_lift=lift, wider=self.wider), within(band)

    def _significant(self, before: Sequence[Outcomes], after: Sequence[Outcomes]) -> Verdict:
        """A direction without a published size: significant, by a test that could have seen ``MARGIN_SHARE``."""
        test, sign = paired_test(before, after), -1 if self.claim.expects == "down" else 1
        p, margin = test.down if sign < 0 else test.up, MARGIN_SHARE * len(after[0])
        text, details = f"{test.difference:+.1f} tasks, p = {p:.2g} one-sided", p_values(test)
        if p <= ALPHA:
            return Verdict("reproduced", text, details)
        wrong = (test.up if sign < 0 else test.down) <= ALPHA
        power = policy.lift_power(before, after, sign * margin, ALPHA)
        if power < policy.REFUTING_POWER and not wrong:
            return Verdict("inconclusive", f"{text}; {margin:.0f} would be seen with {power:.0%} power", details)
        return Verdict("not reproduced", text, details)
