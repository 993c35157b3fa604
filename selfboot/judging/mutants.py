"""Which wrong systems would the mini scale's claims notice? A matrix claims × mutants, from calibration figures.

    selfboot claims --mutants

A mutant changes what a right system would measure. For each claim the calibrated seed's figures are changed and held
against the stored ones (``again``), and runs of fresh seeds are changed and decided by the claim's checks. A mutant is
killed by a claim that drifts in at least four of five runs; one that changes no figure of a claim says nothing there.

What wrong content, another chat template and ignored stop strings do is taken from where they really ran
(wrong_systems.py): each score that is asked for in the same way keeps the same share. A seed that is ignored gives the
calibrated seed's case the figures of another seed, and a claim of several seeds one adapter: the hashes show that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from selfboot.judging.calibration import calibration
from selfboot.judging.error_rates import ClaimPower, powered_claims
from selfboot.judging.results import Part
from selfboot.judging.weights import honest, weights
from selfboot.judging.wrong_systems import SEED_IGNORED, STOPS_IGNORED, TEMPLATE, WRONG_CONTENT, recorded
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


def _wrong_content(one: ClaimPower, figures: Figures) -> Figures:
    """Trained on given pairs with one another's fixed programs: each lift keeps the share that recipe-7b's kept."""
    known = recorded().get(WRONG_CONTENT)
    if known is None or not one.settings.pairs:
        return figures
    gained = known.right["trained"] - known.right["base"]
    return _toward_base((known.figures["trained"] - known.right["base"]) / gained)(one, figures)


def _as_measured(fault: str, form: str) -> Mutant:
    """Where the fault really ran through the claim, what it did there. Else greedy scores on the claim's own benchmark
    of programs, asked for in this form: base and trained ones each keep the share that they kept where it ran."""

    def change(one: ClaimPower, figures: Figures) -> Figures:
        ran, settings = {real.claim: real for name, real in recorded().items() if name.startswith(fault)}, one.settings
        if own := ran.get(one.claim.id):
            return {name: value + own.figures[name] - own.right[name] for name, value in figures.items()}
        known = next((real for real in ran.values() if set(real.right) == {"base", "trained"}), None)
        if known is None or (settings.benchmark, settings.format) != ("minieval", form):
            return figures
        share = {role: known.figures[role] / known.right[role] for role in ("base", "trained")}

        def moved(arm: Arm, value: float) -> float:
            usual = arm.greedy and not (arm.benchmark or arm.model or arm.reading or arm.shots)
            return value * share[arm.role] if usual and arm.role in share else value

        return _each(one, figures, lambda name, arm, value: moved(arm, value))

    return change


def _same(one: ClaimPower, figures: Figures) -> Figures:
    return figures


MUTANTS: Mapping[str, Mutant] = {
    "random weights, or a grader that fails all": _scores(lambda value, n: 0.0),
    "adapter not applied": _toward_base(0.0),
    "half the effect": _toward_base(0.5),
    "half the pairs": _half_the_pairs,
    WRONG_CONTENT: _wrong_content,
    TEMPLATE: _as_measured(TEMPLATE, ""),
    STOPS_IGNORED: _as_measured(STOPS_IGNORED, "raw"),
    SEED_IGNORED: _same,
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
    if mutant is _same:
        return _seed_ignored(one)
    stored = _stored(one, _first(one))
    changed = mutant(one, stored)
    most = max(abs(changed[name] - value) for name, value in stored.items())
    again = most > 0 and _shown_again(one, changed)
    if most == 0 or (again and not both):
        return Cell(most, again, 0.0)
    rng = np.random.default_rng(seed)
    statuses = [one.verdict(rng, lambda figures: mutant(one, figures)) for _ in range(draws)]
    return Cell(most, again, statuses.count("drifted") / draws)


def _stored(one: ClaimPower, seed: int) -> Figures:
    """The calibration's figures of one seed."""
    return {name: measure.by_seed.get(seed, measure.values[0]) for name, measure in one.measures.items()}


def _seed_ignored(one: ClaimPower) -> Cell:
    """Whichever seed is used in truth: its figures in the calibrated seed's case, and, where several seeds are judged
    together, one adapter for all of them."""
    if not any(measure.arm.role == "trained" for measure in one.measures.values()):
        return Cell(0.0, again=False, fresh=0.0)
    stored = _stored(one, _first(one))
    others = [_stored(one, seed) for seed in sorted(one.rules.calibrated_seeds - {_first(one)})]
    changes = [max(abs(other[name] - value) for name, value in stored.items()) for other in others]
    shown = [_shown_again(one, other) for other in others]
    return Cell(float(np.median(changes)), bool(np.mean(shown) >= KILLED), float(_one_adapter(one)))


def _one_adapter(one: ClaimPower) -> bool:
    """Do the claim's assertions on its weights notice one adapter for all of its seeds?"""
    runs = []
    for seed in range(one.fresh):
        arms = {n: m.arm if m.fixed else replace(m.arm, seed=seed + 1) for n, m in one.measures.items()}
        drawn = {n: replace(d, adapter=d.adapter and "one") for n, d in honest(arms).items()}
        flags = {name: [False] for name in drawn}
        runs.append(Run(_stored(one, 0), arms, flags, drawn=drawn))
    return weights(one.settings, runs).failed


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
