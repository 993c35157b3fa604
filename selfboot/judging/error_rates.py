"""False alarm and power of every calibrated claim at mini scale, at its own n: by formula, and by the judge itself.

    selfboot claims --power --draws 400

Null: the mini model still does what its calibration saw. Alternative: training (or sampling) changes nothing, the
claim's after-arm scores what its before-arm does; for a claim of no difference, the after-arm is an eighth of the tasks
higher.
A claim of no difference with less than 80 % power against that is never as calibrated, only unsettled (calibrated.py).
A claim is judged over the mean of its seeds, or where every seed is a case of its own (``by_seed``) over one.
``false_alarm`` and ``power`` are the chances of "drifted" under each; ``false_pass`` of "as calibrated" under the
alternative.

Simulation: runs drawn from the calibration's predictive distribution (location, scale and correlation of the figures
uncertain as k seeds leave them), handed to the very checks that the claims use, retry included. Formula: one
figure at a time, two tries with a shared calibration error; over a claim's parts the false alarm lies between the
largest and, for independent parts, 1 − Π(1 − p). Its power is a lower bound: other parts can only add to it.

Not covered: how outcomes really spread over tasks. Where training changes the model, both arms' solved tasks are put in
random places, which makes the paired tests noisier than they are: power is understated. Where one model is only sampled
or read in another way, the larger arm holds the smaller. Claims without a calibrated contrast (determinism, yields).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from selfboot.analysis.power import Rng, calibrated_misses, solved
from selfboot.analysis.verdict import ENOUGH_POWER, VerdictStatus
from selfboot.benchmarks.base import load_any
from selfboot.judging.calibrated import Calibrated, contrasts
from selfboot.judging.calibration import Calibration, Measure, calibration, lacking
from selfboot.judging.checks import Check, checks
from selfboot.judging.decide import decide
from selfboot.judging.rules import ALPHA, MARGIN_SHARE
from selfboot.protocols.base import Run
from selfboot.registry import Claim, Direction, Settings, registry


@dataclass(frozen=True)
class Formula:
    """Chances of "drifted": under the null between two bounds, under the alternative at least ``power``."""

    false_alarm: tuple[float, float]
    power: float

    @property
    def text(self) -> tuple[str, str]:
        """Both in per cent."""
        low, high = (f"{end:.1%}" for end in self.false_alarm)
        return low if low == high else f"{low}–{high}", f"≥ {min(self.power, 0.999):.1%}"


@dataclass(frozen=True)
class Simulated:
    """Frequencies over ``draws`` runs under each hypothesis."""

    false_alarm: float
    power: float
    false_pass: float
    draws: int


def powered_claims() -> Iterator[ClaimPower]:
    """Every claim that has a calibrated band and a contrast at mini scale."""
    for claim in registry().values():
        settings = claim.scales.get("mini")
        if settings and settings.contrast and not lacking(claim.id, settings):
            yield ClaimPower(claim, settings)


@dataclass(frozen=True)
class ClaimPower:
    """One claim at mini scale."""

    claim: Claim
    settings: Settings

    @property
    def known(self) -> Calibration:
        return calibration(self.settings.model)

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """Calibrated figures by name."""
        return self.known.figures(self.claim.id)

    @cached_property
    def figures(self) -> dict[str, tuple[float, ...]]:
        """Their values, in seed order; fixed ones have one."""
        return {name: measure.values for name, measure in self.measures.items()}

    @property
    def fixed(self) -> frozenset[str]:
        return frozenset(name for name, measure in self.measures.items() if measure.fixed)

    @cached_property
    def rules(self) -> Calibrated:
        return Calibrated(self.claim, self.settings)

    @cached_property
    def checks(self) -> list[Check]:
        """The checks of the claim's test."""
        return checks(self.claim, "mini", self.settings)

    @cached_property
    def n(self) -> int:
        return len(load_any(self.settings.benchmark).tasks)

    @cached_property
    def shows(self) -> Direction:
        """Where the contrast went in the calibration."""
        return self.rules.shows(self.n)

    @property
    def fresh(self) -> int:
        """The seeds that are judged together."""
        return 1 if self.settings.by_seed else max(1, len(self.settings.seeds))

    @cached_property
    def level(self) -> float:
        return self.rules.level

    @property
    def shift(self) -> float:
        """What the alternative adds to the after-arm, in tasks."""
        before, after = (float(np.mean(self.figures[name])) for name in self.settings.contrast)
        return MARGIN_SHARE * self.n if self.shows == "none" else before - after

    @property
    def alternative(self) -> str:
        """The alternative in words."""
        return f"{self.shift:+.0f} of {self.n}" if self.shows == "none" else f"no difference ({self.n} tasks)"

    # By formula

    def formula(self) -> Formula:
        """Both chances in closed form (module docstring)."""
        parts = [self._misses(name, 0.0) for name in self.figures]
        if contrasts(self.claim) == 2:
            parts.append(calibrated_misses(self.known.interactions(self.claim.id), 0.0, self.fresh, self.level))
        after = self.settings.contrast[1]
        found = self.rules.differences
        if self.shows == "none":
            return Formula(_bounds(parts), calibrated_misses(found, self.shift, self.fresh, self.level))
        seen, unseen = (self._significant(shift) for shift in (0.0, self.shift))
        lost = (1 - seen) ** 2 * (seen >= ENOUGH_POWER) + min(
            1 - seen, 1 - self.level
        )  # twice, or outside its band too
        outside = calibrated_misses(found, self.shift, self.fresh, self.level) if len(found) > 1 else 1.0
        missed = self._misses(after, self.shift)
        return Formula((max(parts), _bounds([*parts, lost])[1]), max((1 - unseen) * outside, missed))

    def _misses(self, name: str, shift: float) -> float:
        """Chance that a figure lies outside its band; for a seeded one twice."""
        values = self.figures[name]
        if len(values) == 1:
            band, walk = (
                self.known.fixed_band(self.claim.id, name, max(self.n, math.ceil(values[0]))),
                self._walk,
            )
            low, high = band.whole
            above = 1 - walk.cdf(high - values[0] - shift)
            return float(above + (walk.cdf(low - values[0] - shift - 1) if low > 0 else 0.0))
        return calibrated_misses(values, shift, self.fresh, self.level)

    @property
    def _walk(self) -> Any:
        half = max(self.known.flipped, 1e-9) / 2
        return stats.skellam(half, half)

    def _significant(self, shift: float) -> float:
        """Chance of a paired test with the claimed sign, solved tasks in random places; several seeds by their mean."""
        before, after = self.settings.contrast
        total = 0.0
        for b, p_b in self._counts(before, 0.0):
            for a, p_a in self._counts(after, shift):
                both = np.arange(min(a, b) if self.nested else max(0, a + b - self.n), min(a, b) + 1)
                gains, losses = (a - both, b - both) if self.shows == "up" else (b - both, a - both)
                clear = stats.binom.sf(gains - 1, gains + losses, 0.5) <= ALPHA
                chances = np.ones(1) if self.nested else stats.hypergeom.pmf(both, self.n, a, b)
                total += p_b * p_a * float(chances[clear].sum())
        return total

    @property
    def nested(self) -> bool:
        """Do the arms' solved tasks hold one another? Where both are the same untrained model's."""
        return all(self.measures[name].arm.role == "base" for name in self.settings.contrast)

    def _counts(self, name: str, shift: float) -> list[tuple[int, float]]:
        """A figure's whole values and their chances, those above 1e-4."""
        values, grid = self.figures[name], np.arange(self.n + 1)
        if len(values) == 1:
            chances = self._walk.pmf(grid - round(values[0] + shift))
        else:
            k, sd = len(values), max(float(np.std(values, ddof=1)), 1e-6)
            own = stats.t(k - 1, float(np.mean(values)) + shift, sd * math.sqrt(1 / self.fresh + 1 / k))
            chances = own.cdf(grid + 0.5) - own.cdf(grid - 0.5)
        return [(int(x), float(p)) for x, p in zip(grid, chances, strict=True) if p > 1e-4]

    # By simulation

    def simulate(self, draws: int, seed: int = 0) -> Simulated:
        """How often the judge says what, over ``draws`` runs under each hypothesis."""
        rng = np.random.default_rng(seed)
        null, other = ([self._verdict(rng, shift) for _ in range(draws)] for shift in (0.0, self.shift))
        failed, seen, passed = null.count("drifted"), other.count("drifted"), other.count("as calibrated")
        return Simulated(failed / draws, seen / draws, passed / draws, draws)

    def _verdict(self, rng: Rng, shift: float) -> VerdictStatus:
        """One decided run: the checks and the retry of the claim's test."""
        draw = self._truth(rng, shift)
        return decide(self.checks, lambda fresh: self._runs(rng, draw)).status

    def _truth(self, rng: Rng, shift: float) -> Callable[[], dict[str, float]]:
        """A possible truth, given the calibration: a function that draws one seed's figures from it."""
        seeded = [name for name in self.figures if name not in self.fixed]
        fixed = {name: max(self.figures[name][0] + self._flip(rng), 0.0) for name in sorted(self.fixed)}
        offset = {self.settings.contrast[1]: shift}
        if not seeded:
            return lambda: {name: value + offset.get(name, 0.0) for name, value in fixed.items()}
        values = np.array([self.figures[name] for name in seeded])
        k, mean = values.shape[1], values.mean(axis=1)
        spread = (values - mean[:, None]) / math.sqrt(k - 1) * math.sqrt((k - 1) / rng.chisquare(k - 1))
        centre = mean + spread @ rng.normal(size=k) / math.sqrt(k)

        def draw() -> dict[str, float]:
            drawn = dict(zip(seeded, centre + spread @ rng.normal(size=k), strict=True))
            return {name: x + offset.get(name, 0.0) for name, x in (fixed | drawn).items()}

        return draw

    def _flip(self, rng: Rng) -> float:
        flips = int(rng.binomial(self.n, self.known.flipped / self.n))
        return float(2 * rng.binomial(flips, 0.5) - flips)

    def _runs(self, rng: Rng, draw: Callable[[], dict[str, float]]) -> list[Run]:
        return [self._run(rng, draw()) for _ in range(self.fresh)]

    def _run(self, rng: Rng, figures: dict[str, float]) -> Run:
        """What a protocol would give back. A score has at least the benchmark's tasks, or as many as it solves."""
        arms = {name: measure.arm for name, measure in self.measures.items()}
        capped = {name: min(max(figures[name], 0.0), float(self.n)) for name in self._scored}
        outcomes = {
            name: solved(rng, max(self.n, math.ceil(figures[name])), figures[name]) for name in sorted(self.fixed)
        }
        for name, figure in capped.items():
            outcomes[name] = [i < round(figure) for i in range(self.n)] if self.nested else solved(rng, self.n, figure)
        return Run({name: figures[name] for name in self.figures} | capped, arms, outcomes)

    @property
    def _scored(self) -> list[str]:
        """The figures whose outcomes are judged by task: the contrast's, and those of a kind's own checks."""
        own = [name for name, measure in self.measures.items() if measure.arm.role in ("base", "trained")]
        return own if self.claim.kind in ("synergy", "plateau") else list(self.settings.contrast)


def _bounds(parts: list[float]) -> tuple[float, float]:
    return max(parts), 1 - math.prod(1 - part for part in parts)
