"""False alarm and power of every calibrated claim at mini scale, at its own n, simulated through its very checks.

    selfboot claims --power --draws 400

Null: our model still does what its calibration saw. Alternative: training (or sampling) changes nothing, the claim's
after-arm scores what its before-arm does; for a claim of no difference, the after-arm is an eighth of the tasks higher.
``false_alarm`` and ``power`` are the chances of "drifted" under each; ``false_pass`` of "as calibrated" under the
alternative. A claim is judged over the mean of its seeds, or where every seed is a case of its own (``by_seed``) over
one. Mutants (mutants.py) change the drawn figures in other ways.

Runs are drawn from the calibration's predictive distribution (normal; location, scale and correlation of the figures
uncertain as k seeds leave them) and handed to the checks and the retry of the claim's test.

Not covered: how outcomes really spread over tasks. Where training changes the model, both arms' solved tasks are put in
random places, which makes the paired tests noisier than they are: power is understated. Where one model is only sampled
or read in another way, the larger arm holds the smaller. Claims without a calibrated contrast (determinism, yields).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from selfboot.analysis.power import Rng, solved
from selfboot.analysis.verdict import VerdictStatus
from selfboot.benchmarks.base import load_any
from selfboot.judging.calibrated import Calibrated
from selfboot.judging.calibration import Calibration, Measure, calibration, lacking
from selfboot.judging.checks import Check, checks
from selfboot.judging.decide import decide
from selfboot.judging.rules import MARGIN_SHARE
from selfboot.judging.weights import honest
from selfboot.protocols.base import Run
from selfboot.registry import Claim, Direction, Settings, registry

RARE = 5
Change = Callable[[dict[str, float]], dict[str, float]]


def _same(figures: dict[str, float]) -> dict[str, float]:
    return figures


def _shifted(offset: Mapping[str, float]) -> Change:
    return lambda figures: {name: value + offset.get(name, 0.0) for name, value in figures.items()}


@dataclass(frozen=True)
class Simulated:
    """Frequencies over ``draws`` runs under the alternative, ``RARE`` times as many under the null."""

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
        return checks(self.claim, "mini", replace(self.settings, seeds=()))

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

    @property
    def shift(self) -> float:
        """What the alternative adds to the after-arm, in tasks."""
        before, after = (float(np.mean(self.figures[name])) for name in self.settings.contrast)
        return MARGIN_SHARE * self.n if self.shows == "none" else before - after

    @property
    def alternative(self) -> str:
        """The alternative in words."""
        return f"{self.shift:+.0f} of {self.n}" if self.shows == "none" else f"no difference ({self.n} tasks)"

    @property
    def nested(self) -> bool:
        """Do the arms' solved tasks hold one another? Where both are the same untrained model's."""
        return all(self.measures[name].arm.role == "base" for name in self.settings.contrast)

    def simulate(self, draws: int, seed: int = 0) -> Simulated:
        """How often the judge says what, over ``draws`` runs; false alarms are rare, so more runs look for them."""
        rng = np.random.default_rng(seed)
        offset = {self.settings.contrast[1]: self.shift}
        null = [self.verdict(rng, _same) for _ in range(RARE * draws)]
        other = [self.verdict(rng, _shifted(offset)) for _ in range(draws)]
        seen, passed = other.count("drifted"), other.count("as calibrated")
        return Simulated(null.count("drifted") / len(null), seen / draws, passed / draws, draws)

    def verdict(self, rng: Rng, change: Change) -> VerdictStatus:
        """One decided run, its figures changed: the checks and the retry of the claim's test."""
        draw = self._truth(rng)
        return decide(self.checks, lambda fresh: [self._run(rng, change(draw())) for _ in range(self.fresh)]).status

    def _truth(self, rng: Rng) -> Callable[[], dict[str, float]]:
        """A possible truth, given the calibration: a function that draws one seed's figures from it."""
        seeded = [name for name in self.figures if name not in self.fixed]
        fixed = {name: max(self.figures[name][0] + self._flip(rng), 0.0) for name in sorted(self.fixed)}
        if not seeded:
            return lambda: dict(fixed)
        values = np.array([self.figures[name] for name in seeded])
        k, mean = values.shape[1], values.mean(axis=1)
        spread = (values - mean[:, None]) / math.sqrt(k - 1) * math.sqrt((k - 1) / rng.chisquare(k - 1))
        centre = mean + spread @ rng.normal(size=k) / math.sqrt(k)
        return lambda: fixed | dict(zip(seeded, centre + spread @ rng.normal(size=k), strict=True))

    def _flip(self, rng: Rng) -> float:
        flips = int(rng.binomial(self.n, self.known.flipped(self.n) / self.n))
        return float(2 * rng.binomial(flips, 0.5) - flips)

    def _run(self, rng: Rng, figures: dict[str, float]) -> Run:
        """What a protocol would give back. A score has at least the benchmark's tasks, or as many as it solves."""
        arms = {name: measure.arm for name, measure in self.measures.items()}
        capped = {name: min(max(figures[name], 0.0), float(self.n)) for name in self._scored}
        outcomes = {
            name: solved(rng, max(self.n, math.ceil(figures[name])), figures[name]) for name in sorted(self.fixed)
        }
        for name, figure in capped.items():
            outcomes[name] = [i < round(figure) for i in range(self.n)] if self.nested else solved(rng, self.n, figure)
        return Run({name: figures[name] for name in self.figures} | capped, arms, outcomes, drawn=honest(arms))

    @property
    def _scored(self) -> list[str]:
        """The figures whose outcomes are judged by task: the contrast's, and those of a kind's own checks."""
        own = [name for name, measure in self.measures.items() if measure.arm.role in ("base", "trained")]
        return own if self.claim.kind in ("synergy", "plateau") else list(self.settings.contrast)
