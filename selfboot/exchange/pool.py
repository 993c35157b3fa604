"""Several laboratories as one: for each claim the mean lift over laboratories, and one e-value of all of them.

*Lifts* are shares of the tasks. The tasks are fixed, so what varies between laboratories is the seed (of training, of
sampling), and an estimate's variance is that of its seeds, borrowed from the binomial where there are few
(``bands.seed_spread``). They are pooled by random effects (analysis/meta.py), without the paper and with its figures as
one more laboratory. Scores without a seed have no variance, and are only shown.

*E-values* may be multiplied where they are independent. Laboratories that run the same model share its untrained
answers: theirs are joined task by task, as seeds of one run, and give one e-value. Those of different models, or of
arms that are both drawn anew, are multiplied. A run that repeats another to the bit is counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from selfboot.analysis.bands import seed_spread
from selfboot.analysis.e_value import product, shown
from selfboot.analysis.meta import Pooled, random_effects
from selfboot.exchange.laboratories import Cases, Laboratory, cases_of
from selfboot.judging.results import Solved, log_e_of
from selfboot.published import figures
from selfboot.registry import Direction, registry
from selfboot.report.cells import markdown_table

PAPER = "the paper"
HEAD = ("claim", "scale", "verdicts", "lift", "95 %", "I²", "τ", "Q (df), p", PAPER, f"with {PAPER}", "I²", "e-value",
        "factors")  # fmt: skip
LEGEND = (
    "Lifts in % of the tasks; τ: how far the laboratories' true lifts spread; factors: independent e-values that are"
    " multiplied. Laboratories with the same model share its untrained answers, so they are joined into one e-value."
)


@dataclass(frozen=True)
class Estimate:
    """One laboratory's lift on one model: means of ``seeds`` seeds, as shares of the tasks; ``variance`` of the lift, 0
    where nothing in it has a seed."""

    laboratory: str
    model: str
    seeds: int
    before: float
    after: float
    variance: float

    @property
    def lift(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class PooledClaim:
    """One claim at one scale over all laboratories. ``alone``, ``with_paper``: None where no estimate has a variance,
    or the paper has no such figure. ``factors``: how many independent e-values ``log_e`` is the product of."""

    claim: str
    scale: str
    estimates: tuple[Estimate, ...]
    paper: Estimate | None
    alone: Pooled | None
    with_paper: Pooled | None
    log_e: float | None
    factors: int
    verdicts: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Runs:
    """A laboratory's two arms of a claim on one model."""

    laboratory: str
    cases: Cases
    before: tuple[Solved, ...]
    after: tuple[Solved, ...]

    @property
    def fixed(self) -> bool:
        """Has the first arm no seed? Then every laboratory with this model has it."""
        return self.before[0].arm.fixed


def pool(laboratories: Sequence[Laboratory]) -> list[PooledClaim]:
    """Every claim with two arms that a laboratory has, in the order of the paper."""
    found: dict[tuple[str, str], list[_Runs]] = {}
    for laboratory in laboratories:
        for cases in cases_of(laboratory).values():
            if len(cases.contrast) == 2 and all(map(cases.arm, cases.contrast)):
                before, after = (tuple(cases.arm(name)) for name in cases.contrast)
                found.setdefault((cases.claim, cases.scale), []).append(_Runs(laboratory.name, cases, before, after))
    order = {name: place for place, name in enumerate(registry())}
    keys = sorted(found, key=lambda key: (order.get(key[0], len(order)), key[1]))
    return [_pooled(*key, found[key]) for key in keys]


def _pooled(claim: str, scale: str, given: Sequence[_Runs]) -> PooledClaim:
    runs, notes = _once(given)
    estimates = tuple(_estimate(one) for one in runs)
    paper = paper_s(claim)
    alone = _random_effects(estimates)
    log_e, factors = _joint(runs, given[0].cases.results[0].expects)
    verdicts = Counter(result.verdict for one in given for result in one.cases.results)
    return PooledClaim(
        claim, scale, estimates, paper, alone,
        _random_effects((*estimates, paper)) if paper and alone else None, log_e, factors,
        ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()), tuple(notes),
    )  # fmt: skip


def _once(given: Sequence[_Runs]) -> tuple[list[_Runs], list[str]]:
    """The runs without those that repeat an earlier laboratory's to the bit: the same model, seed and outcomes."""
    seen, kept, notes = set[tuple[str, int, str]](), list[_Runs](), list[str]()
    for one in given:
        marks = {(one.cases.model, row.arm.seed, row.tasks): row for row in one.after}
        new = tuple(row for mark, row in marks.items() if mark not in seen)
        if len(new) < len(marks):
            repeated = f"{len(marks) - len(new)} of {len(marks)} runs"
            notes.append(f"{one.laboratory}: {repeated} repeat an earlier laboratory's, and count once")
        seen |= set(marks)
        if new:
            kept.append(_Runs(one.laboratory, one.cases, one.before, new))
    seeds = Counter((one.cases.model, row.arm.seed) for one in kept for row in one.after if row.arm.seed)
    if shared := sum(count - 1 for count in seeds.values()):
        notes.append(f"{shared} runs share model and seed with another laboratory's: they are not independent of it")
    return kept, notes


def _estimate(one: _Runs) -> Estimate:
    before, after = ([sum(row.flags) for row in side] for side in (one.before, one.after))
    n = len(one.after[0].tasks)
    varying = [solved for side, solved in ((one.before, before), (one.after, after)) if not side[0].arm.fixed]
    variance = sum(seed_variance(solved, n) for solved in varying)
    was, now = (float(np.mean(solved)) / n for solved in (before, after))
    return Estimate(one.laboratory, one.cases.model, len(after), was, now, variance)


def seed_variance(solved: Sequence[float], n: int) -> float:
    """Variance of the mean of scores (tasks of ``n``, one a seed) as a share of the tasks; never 0, as a score of none
    or all of the tasks would have it."""
    spread = max(seed_spread([solved], n).sd, 0.5)
    return float(spread**2 / len(solved) / n**2)


def paper_s(claim: str) -> Estimate | None:
    """The paper's own lift, where it prints both scores."""
    settings = registry()[claim].scales.get("paper") if claim in registry() else None
    entry = figures().get(claim)
    if settings is None or entry is None or not entry.n or len(settings.contrast) != 2:
        return None
    scores = [settings.published.get(name) or entry.figures.get(name) for name in settings.contrast]
    if not scores[0] or not scores[1]:
        return None
    before, after = (float(np.mean(one)) / entry.n for one in scores if one)
    return Estimate(PAPER, entry.model, len(scores[1]), before, after, seed_variance(scores[1], entry.n))


def _random_effects(estimates: Iterable[Estimate]) -> Pooled | None:
    varying = [one for one in estimates if one.variance]
    return random_effects([one.lift for one in varying], [one.variance for one in varying]) if varying else None


def _joint(runs: Sequence[_Runs], expects: Direction) -> tuple[float | None, int]:
    """The log e-value of all runs, and of how many independent ones it is the product."""
    groups: dict[tuple[str, str, int], list[_Runs]] = {}
    for one in runs:
        own = "" if one.fixed else one.laboratory
        groups.setdefault((one.cases.model, own, len(one.after[0].tasks)), []).append(one)
    found = [_log_e(group, expects) for group in groups.values()]
    logs = [one for one in found if one is not None]
    return (product(logs), len(logs)) if logs else (None, 0)


def _log_e(group: Sequence[_Runs], expects: Direction) -> float | None:
    rows = [row for one in group for row in (*one.before, *one.after)]
    return log_e_of(rows, group[0].cases.contrast, expects)


def render(found: Sequence[PooledClaim], names: Sequence[str]) -> str:
    """The pooled claims as Markdown: a line a claim, then a line an estimate."""
    lines = [f"Laboratories: {', '.join(names)}", ""]
    lines += [*markdown_table(HEAD, [_row(one) for one in found]), ""]
    head = ("claim", "scale", "laboratory", "model", "seeds", "before", "after", "lift", "± 1 SE")
    lines += markdown_table(head, [row for one in found for row in _rows(one)])
    lines += ["", LEGEND]
    return "\n".join([*lines, *(f"- {one.claim}, {one.scale}: {note}" for one in found for note in one.notes)])


def _row(one: PooledClaim) -> tuple[str, ...]:
    alone, both = one.alone, one.with_paper
    own = _spread(alone) if alone else ("–",) * 5
    lifts = [estimate.lift for estimate in one.estimates]
    middle = own[0] if alone else _percent(float(np.mean(lifts)))
    paper = _percent(one.paper.lift) if one.paper else "–"
    joined = (f"{_percent(both.effect)} ({_ends(both)})", f"{both.i2:.0%}") if both else ("–", "–")
    e = "–" if one.log_e is None else shown(one.log_e)
    return (one.claim, one.scale, one.verdicts, middle, *own[1:], paper, *joined, e, str(one.factors))


def _spread(found: Pooled) -> tuple[str, ...]:
    test = f"{found.q:.1f} ({found.df}), p = {found.p:.2g}" if found.df else "–"
    return _percent(found.effect), _ends(found), f"{found.i2:.0%}", f"{100 * found.tau2**0.5:.1f}", test


def _ends(found: Pooled) -> str:
    return f"{_percent(found.lower)} to {_percent(found.upper)}"


def _rows(one: PooledClaim) -> Iterable[tuple[str, ...]]:
    for estimate in (*one.estimates, *([one.paper] if one.paper else [])):
        shares = [f"{100 * value:.1f}" for value in (estimate.before, estimate.after)]
        error = f"{100 * estimate.variance**0.5:.1f}" if estimate.variance else "no seed"
        yield (one.claim, one.scale, estimate.laboratory, estimate.model, str(estimate.seeds), *shares,
               _percent(estimate.lift), error)  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:+.1f}"
