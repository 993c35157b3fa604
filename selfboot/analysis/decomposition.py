"""How much of a lift is form, how much is skill? Paired, task by task, from the same model read in several ways.

Three readings of the UNTRAINED model on the same tasks: chat as the benchmark scores it, chat under tolerant extraction
(formats/tolerant.py), and raw completion, read as tolerantly (formats/raw_tolerant.py), since base models run on there
too. Each task that training gains is put where the base model already had it:
- "form"    the very same completion passes once the extraction forgives its form: how to hand it in was learned
- "latent"  not that completion, but the base solves the task by raw completion: the chat prompt kept it from it
- "new"     the base solves it in none of these ways
Tasks lost by training are counted beside. ``residual`` asks the same question from the other side: with form forgiven
on BOTH sides, does training still lift?

Tolerant extraction doesn't forgive everything, so "form" is a lower bound; greedy raw completion doesn't show all that
a base model can do, so "new" is an upper bound on new skill. All counts are in tasks; several seeds are averaged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfboot.analysis.failures import CLASSES
from selfboot.analysis.paired import Outcomes, PairedTest, paired_test, task_matrix
from selfboot.errors import DataError


@dataclass(frozen=True)
class SeedShares:
    """One seed: tasks gained, by where the base already had them (they add up to ``gained``), and tasks lost."""

    gained: int
    form: int
    latent: int
    new: int
    lost: int

    @property
    def lift(self) -> int:
        return self.gained - self.lost


@dataclass(frozen=True)
class Decomposition:
    """A lift taken apart. Scores in tasks of ``n``; ``seeds`` one entry a training seed."""

    n: int
    base: int
    tolerant: int
    raw: int | None
    trained: tuple[int, ...]
    seeds: tuple[SeedShares, ...]
    form: PairedTest  # base chat -> base chat read tolerantly
    residual: PairedTest | None  # base -> trained, both read tolerantly

    @property
    def lift(self) -> float:
        """Mean lift in tasks."""
        return float(np.mean([seed.lift for seed in self.seeds]))

    @property
    def recovered(self) -> float | None:
        """Net share of the lift that tolerant extraction of the UNTRAINED model recovers; None without a lift."""
        return self.form.difference / self.lift if self.lift > 0 else None

    def share(self, part: str) -> float | None:
        """Share of the gained tasks that is "form", "latent" or "new", over all seeds; None when nothing was gained."""
        gained = sum(seed.gained for seed in self.seeds)
        return sum(getattr(seed, part) for seed in self.seeds) / gained if gained else None


def decompose(
    base: Outcomes,
    tolerant: Outcomes,
    trained: Sequence[Outcomes],
    raw: Outcomes | None = None,
    trained_tolerant: Sequence[Outcomes] | None = None,
) -> Decomposition:
    """Take a lift apart. One bool a task, the same tasks in the same order everywhere; ``trained`` one list a seed.

    ``tolerant`` must be the tolerant reading of the very completions that ``base`` scored.
    """
    rows = [base, tolerant, *trained, *([raw] if raw is not None else []), *(trained_tolerant or [])]
    task_matrix(rows)  # same tasks everywhere, or a DataError
    if not trained:
        raise DataError("decomposition: no trained score; give one list of outcomes a seed")
    return Decomposition(
        n=len(base),
        base=sum(base),
        tolerant=sum(tolerant),
        raw=None if raw is None else sum(raw),
        trained=tuple(sum(seed) for seed in trained),
        seeds=tuple(_shares(base, tolerant, raw or [False] * len(base), seed) for seed in trained),
        form=paired_test([base], [tolerant]),
        residual=paired_test([tolerant], trained_tolerant) if trained_tolerant else None,
    )


def _shares(base: Outcomes, tolerant: Outcomes, raw: Outcomes, trained: Outcomes) -> SeedShares:
    gained = [(t, r) for b, t, r, after in zip(base, tolerant, raw, trained, strict=True) if after and not b]
    form = sum(t for t, _ in gained)
    latent = sum(r and not t for t, r in gained)
    lost = sum(b and not after for b, after in zip(base, trained, strict=True))
    return SeedShares(len(gained), form, latent, len(gained) - form - latent, lost)


def transitions(before: Sequence[str], after: Sequence[Sequence[str]]) -> dict[tuple[str, str], float]:
    """Mean number of tasks a seed that go from one class (analysis/failures.py) to another.

    ``before``: a class a task; ``after``: the same for every seed. Sums to the number of tasks.
    """
    if any(len(seed) != len(before) for seed in after) or not after:
        raise DataError(
            f"transitions: {len(before)} tasks before, {[len(s) for s in after]} after; want the same tasks"
        )
    counts = Counter((a, b) for seed in after for a, b in zip(before, seed, strict=True))
    order = {name: place for place, name in enumerate(CLASSES)}
    ordered = sorted(counts, key=lambda pair: (order.get(pair[0], 99), order.get(pair[1], 99)))
    return {pair: counts[pair] / len(after) for pair in ordered}


def mean_tally(seeds: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Mean number of attempts a class over several tallies, in the order of ``CLASSES``."""
    if not seeds:
        raise DataError("mean tally: no tallies; give one a seed")
    means = {name: sum(tally.get(name, 0) for tally in seeds) / len(seeds) for name in CLASSES}
    return {name: mean for name, mean in means.items() if mean}


def sentence(found: Decomposition) -> str:
    """The decomposition in one or two sentences, as the report and the command line print it."""
    after = ", ".join(str(score) for score in found.trained)
    lead = f"{found.base} → {after} of {found.n}; tolerant extraction of the untrained model: {found.tolerant}"
    lead += "" if found.raw is None else f", its raw completion: {found.raw}"
    if found.recovered is None:
        return f"{lead}. No lift to take apart."
    shown = ("form", "new") if found.raw is None else ("form", "latent", "new")
    shares = {part: found.share(part) for part in shown}
    split = ", ".join(f"{part} {share:.0%}" for part, share in shares.items() if share is not None)
    worth = f"{found.form.difference:+.0f} tasks without any training, {found.recovered:.0%} of the lift"
    tail = f"Tolerant extraction alone is worth {worth}. Tasks gained by training: {split}."
    if found.residual is not None:
        p = found.residual.two_sided
        tail += f" With form forgiven on both sides training still moves {found.residual.difference:+.1f} (p={p:.2g})."
    return f"{lead}. {tail}"
