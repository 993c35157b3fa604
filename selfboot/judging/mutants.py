"""Which wrong systems would the mini scale's claims notice? A matrix claims × mutants, from calibration figures.

    selfboot claims --mutants

A mutant changes what a right system would measure. For each claim the calibrated seed's figures are changed and held
against the stored ones (``again``), and runs of fresh seeds are changed and decided by the claim's checks. A mutant is
killed by a claim that drifts in at least four of five runs; one that changes no figure of a claim says nothing there.

Not computed, since nobody has measured what they do: another chat template, ignored stop strings. A seed that is
ignored changes no figure; that two seeds differ is asserted by the tests of the trainer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from selfboot.judging.calibration import calibration
from selfboot.judging.error_rates import ClaimPower, powered_claims
from selfboot.judging.results import Part
from selfboot.protocols.base import Arm, Run

Figures = dict[str, float]
Mutant = Callable[[ClaimPower, Figures], Figures]
SWEEP = "pair-count-sweep"
KILLED = 0.8  # of the runs
ENOUGH = 10.0  # tasks; mutants that change less are not asked for


def _each(one: ClaimPower, figures: Figures, change: Callable[[str, Arm, float], float]) -> Figures:
    return {name: change(name, one.measures[name].arm, value) for name, value in figures.items()}


def _base(one: ClaimPower, figures: Figures, arm: Arm) -> float | None:
    """The untrained score beside a trained one: asked and judged alike."""
    found = (
        figures[name]
        for name, own in ((name, measure.arm) for name, measure in one.measures.items())
        if own.role == "base" and own.beside(arm) and (own.greedy, own.draws) == (arm.greedy, arm.draws)
    )
    return next(found, None)


def _toward_base(share: float) -> Mutant:
    """Trained scores keep this share of what training brings."""

    def change(one: ClaimPower, figures: Figures) -> Figures:
        def moved(name: str, arm: Arm, value: float) -> float:
            base = _base(one, figures, arm) if arm.role == "trained" else None
            return value if base is None else base + share * (value - base)

        return _each(one, figures, moved)

    return change


def _scores(change: Callable[[float, int], float]) -> Mutant:
    """Every score changed; ``n``: its tasks."""

    def mutant(one: ClaimPower, figures: Figures) -> Figures:
        scored = ("base", "trained", "seeds")
        return _each(one, figures, lambda name, arm, value: change(value, one.n) if arm.role in scored else value)

    return mutant


def _half_the_pairs(one: ClaimPower, figures: Figures) -> Figures:
    """Trained on half as many pairs: by the sweep's own figures, where the claim trains on pairs of the sweep."""
    counts = {40: 21, 21: 10, 10: 5, 5: 3}
    known = calibration(one.settings.model).figures(SWEEP)
    means = {measure.arm.count: float(np.mean(measure.values)) for measure in known.values()}

    def halved(name: str, arm: Arm, value: float) -> float:
        count = arm.count or one.settings.count
        given = arm.role == "trained" and arm.greedy and not arm.pairs and one.settings.pairs == "self-mined"
        half = counts.get(count) if given and one.settings.benchmark == "minieval" and not one.settings.format else None
        return value if half not in means or count not in means else value - means[count] + means[half]

    return _each(one, figures, halved)


MUTANTS: Mapping[str, Mutant] = {
    "random weights, or a grader that fails all": _scores(lambda value, n: 0.0),
    "adapter not applied": _toward_base(0.0),
    "half the effect": _toward_base(0.5),
    "half the pairs": _half_the_pairs,
    "a sixteenth of the tasks lost": _scores(lambda value, n: value * 15 / 16),
    "everything solved, or a grader that passes all": _scores(lambda value, n: float(n)),
}


@dataclass(frozen=True)
class Cell:
    """A mutant at a claim: the most that it changes a figure, in tasks, and the shares of runs that notice it."""

    change: float
    again: bool  # does the calibrated seed show it?
    fresh: float  # share of runs of fresh seeds that drift

    @property
    def killed(self) -> bool:
        return self.again or self.fresh >= KILLED

    @property
    def survives(self) -> bool:
        """Large enough to be asked for, and not noticed."""
        return self.change >= ENOUGH and not self.killed


def matrix(draws: int, seed: int = 0, both: bool = True) -> dict[str, dict[str, Cell]]:
    """Every calibrated claim by every mutant; without ``both``, fresh seeds only where the calibrated one is silent."""
    return {
        one.claim.id: {name: _cell(one, mutant, draws, seed, both) for name, mutant in MUTANTS.items()}
        for one in powered_claims()
    }


def _cell(one: ClaimPower, mutant: Mutant, draws: int, seed: int, both: bool) -> Cell:
    stored = {name: measure.by_seed.get(_first(one), measure.values[0]) for name, measure in one.measures.items()}
    changed = mutant(one, stored)
    most = max(abs(changed[name] - value) for name, value in stored.items())
    again = most > 0 and _shown_again(one, changed)
    if most == 0 or (again and not both):
        return Cell(most, again, 0.0)
    rng = np.random.default_rng(seed)
    statuses = [one.verdict(rng, lambda figures: mutant(one, figures)) for _ in range(draws)]
    return Cell(most, again, statuses.count("drifted") / draws)


def _first(one: ClaimPower) -> int:
    return min(one.rules.calibrated_seeds, default=0)


def _shown_again(one: ClaimPower, changed: Figures) -> bool:
    """Does the calibrated seed's check notice the figures, given any device?"""
    if not one.rules.calibrated_seeds:
        return False
    arms = {name: measure.arm for name, measure in one.measures.items()}
    seeded = {name: arm if arm.fixed else replace(arm, seed=_first(one)) for name, arm in arms.items()}
    scored = {name: [False] * one.n for name, arm in arms.items() if arm.role in ("base", "trained", "seeds")}
    part: Part = one.rules.again([Run(changed, seeded, scored)])
    return part.retry
