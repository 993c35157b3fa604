"""From measured scores to a judgement: which band applies at which scale, and what the policy says of it.

At paper scale bands come from published figures; at mini scale from the calibration of our own organism. Whether the
measured DIRECTION agrees with the paper's is judged apart from the band and never enters the verdict at mini scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import Band, baseline_band, seed_spread, training_band
from selfboot.analysis.paired import paired_test
from selfboot.analysis.verdict import Verdict
from selfboot.calibration import calibration
from selfboot.claims import Claim, Scale, Settings
from selfboot.errors import DataError

Flags = Sequence[bool]
ALPHA = 0.05
BASELINE_FLIPS = 6  # assumed at paper scale until measured there (bands.md)


@dataclass(frozen=True)
class Judgement:
    """A verdict with what a reader of the table needs: the figures as text, and the paper's direction beside ours."""

    verdict: Verdict
    measured: str
    band: str
    direction: str


@dataclass(frozen=True)
class Judge:
    """Judges measurements of one claim at one scale."""

    claim: Claim
    scale: Scale
    settings: Settings

    def baseline(self, base: Flags, measure: str = "chat") -> Judgement:
        """A greedy score of the untrained model."""
        band = self._greedy_band(measure, len(base))
        return self._judgement(policy.baseline(sum(base), band), f"{sum(base)}", band, "")

    def lift(self, base: Flags, trained: Sequence[Flags], measure: str, point: int | None = None) -> Judgement:
        """Scores after training (one list a seed): in the band, and significantly above the base model."""
        band, claimed = self._trained_band(measure, len(trained), len(base), point), self._claimed(measure, point)
        judged = policy.seeded_training([base], trained, band, claimed_lift=claimed)
        return self._judgement(judged, _arrow(base, trained), band, self._direction([base], trained))

    def trained_score(self, base: Flags, trained: Sequence[Flags], measure: str) -> Judgement:
        """Scores after training where no particular direction is asserted: in the band."""
        band = self._trained_band(measure, len(trained), len(base), None)
        mean = float(np.mean([sum(flags) for flags in trained]))
        judged = policy.baseline(mean, band)
        return self._judgement(judged, _arrow(base, trained), band, self._direction([base], trained))

    def no_change(self, base: Flags, trained: Sequence[Flags], measure: str, margin: float) -> Judgement:
        """ "+0": equivalence at paper scale; at mini scale what the organism is calibrated to do."""
        if self.scale == "mini":
            return self.trained_score(base, trained, measure)
        judged = policy.equivalence([base], trained, margin=margin)
        band = Band(sum(base) - margin, sum(base) + margin, "stated")
        return self._judgement(judged, _arrow(base, trained), band, self._direction([base], trained))

    def sweep(self, base: Flags, points: Mapping[int, Sequence[Flags]], measure: str) -> Judgement:
        """Scores by number of pairs: every point in its band, the end-point rise, no reversal beyond noise."""
        scores = {size: [float(sum(flags)) for flags in seeds] for size, seeds in points.items()}
        sizes = sorted(points)
        spread = seed_spread(self._known_spread(measure, sizes, scores), len(base))
        parts = {"trend": policy.sweep(scores, spread=spread, rise=self._rise(measure, sizes, len(points[sizes[0]])))}
        for i, size in enumerate(sizes):
            band = self._trained_band(f"{measure}-{size}", len(points[size]), len(base), i)
            parts[f"n={size}"] = policy.baseline(float(np.mean(scores[size])), band)
        direction = self._direction(points[sizes[0]], points[sizes[-1]])
        measured = " → ".join(f"{np.mean(scores[size]):.0f}" for size in sizes)
        bands = " ".join(f"{size}:{_span(self._trained_band(f'{measure}-{size}', len(points[size]), len(base), i))}"
                         for i, size in enumerate(sizes))  # fmt: skip
        return Judgement(policy.combine(parts), measured, bands, direction)

    def fall(self, right: Flags, wrong: Flags, measure: str) -> Judgement:
        """A second greedy score that must lie significantly below the first (exact McNemar)."""
        test = paired_test([right], [wrong])
        if self.scale == "mini":
            band = self._greedy_band(measure, len(right))
            judged = policy.difference([right], [wrong], published=-1.0, band=_shift(band, -sum(right)))
        else:
            band = Band(0, sum(right), "stated")
            judged = Verdict(
                "reproduced" if test.down <= ALPHA else "not reproduced", f"{test.difference:+.0f} (p={test.down:.2g})"
            )
        return self._judgement(judged, _arrow(right, [wrong]), band, self._direction([right], [wrong]))

    def same(self, first: Sequence[str], second: Sequence[str]) -> Judgement:
        """Two runs with one seed: identical token or weight hashes."""
        judged = policy.determinism(first, second)
        same = sum(a == b for a, b in zip(first, second, strict=True))
        return Judgement(
            judged, f"{same} of {len(first)} identical", "all", "agrees" if not judged.failed else "differs"
        )

    # Bands of this scale

    def _greedy_band(self, measure: str, n: int) -> Band:
        if self.scale == "mini":
            return calibration(self.settings.model).greedy_band(measure)
        if self.settings.base is None:
            raise DataError(f"claim {self.claim.id}: no published base score in the registry to judge a baseline by")
        return baseline_band(self.settings.base, BASELINE_FLIPS, n)

    def _trained_band(self, measure: str, fresh: int, n: int, point: int | None) -> Band:
        if self.scale == "mini":
            return calibration(self.settings.model).band(measure, fresh)
        published = self.settings.after if point is None else (self.settings.after[point],)
        return training_band(published, n, fresh)

    def _claimed(self, measure: str, point: int | None) -> float:
        if self.scale == "mini":
            known = calibration(self.settings.model)
            return float(np.mean(known.values(measure))) - known.fixed("chat")
        after = self.settings.after if point is None else (self.settings.after[point],)
        return float(np.mean(after)) - float(self.settings.base or 0)

    def _known_spread(self, measure: str, sizes: Sequence[int], scores: Mapping[int, list[float]]) -> list[list[float]]:
        if self.scale == "mini":
            return [calibration(self.settings.model).values(f"{measure}-{size}") for size in sizes]
        return [list(values) for values in scores.values()]

    def _rise(self, measure: str, sizes: Sequence[int], fresh: int) -> float:
        """The end-point rise that is asked for: 27 tasks (bands.md), or what the calibration makes of it."""
        if self.scale == "paper":
            return 27.0
        from selfboot.analysis.bands import calibrated_band

        known = calibration(self.settings.model)
        ends = zip(known.values(f"{measure}-{sizes[0]}"), known.values(f"{measure}-{sizes[-1]}"), strict=True)
        return calibrated_band([last - first for first, last in ends], fresh).lower

    def _direction(self, before: Sequence[Flags], after: Sequence[Flags]) -> str:
        test = paired_test(before, after)
        ours = "up" if test.up <= ALPHA / 2 else "down" if test.down <= ALPHA / 2 else "none"
        return "agrees" if ours == self.claim.expects else f"differs ({ours})"

    def _judgement(self, verdict: Verdict, measured: str, band: Band, direction: str) -> Judgement:
        return Judgement(verdict, measured, _span(band), direction)


def _arrow(base: Flags, trained: Sequence[Flags]) -> str:
    return f"{sum(base)} → {', '.join(str(sum(flags)) for flags in trained)}"


def _span(band: Band) -> str:
    low, high = band.whole
    return f"{low}–{high}"


def _shift(band: Band, by: float) -> Band:
    return Band(band.lower + by, band.upper + by, band.source, band.note)
