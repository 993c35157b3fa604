"""Two laboratories compared: for each claim and arm, which tasks flipped, and is that more than chance?

Paired by task: McNemar's exact test with one seed a side, its several-seed form with more (analysis/paired.py). With
many arms some differ by chance, so p-values are adjusted (Holm) for the arms in which anything differs; the others
could not have been significant (Tarone 1990). A task has flipped where most seeds of one laboratory solve it and most
of the other's do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfboot.analysis.paired import PairedTest, holm, paired_test, task_matrix
from selfboot.benchmarks.base import load_any
from selfboot.errors import DataError, SelfbootError
from selfboot.exchange.laboratories import Cases, Environment, Laboratory, cases_of
from selfboot.judging.results import Solved
from selfboot.registry import registry
from selfboot.report.cells import markdown_table

ALPHA = 0.05
HEAD = ("claim", "scale", "model", "arm", "A", "B", "of", "only B", "only A", "p", "p (Holm)", "more than chance")
SHOWN = 12  # flipped tasks named in the text; all are in the object


@dataclass(frozen=True)
class Change:
    """One arm of a claim in both laboratories: tasks solved, one number a seed; ``gained``: solved in the second only;
    ``adjusted``: the p-value among all arms compared."""

    claim: str
    scale: str
    model: str
    arm: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    of: int
    test: PairedTest
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    adjusted: float = 1.0

    @property
    def significant(self) -> bool:
        return self.adjusted <= ALPHA


@dataclass(frozen=True)
class Comparison:
    """``verdicts``: those that differ, by case; ``only``: claims that one of the two has not; ``differs``: of the
    manifests, what one has and the other has not."""

    names: tuple[str, str]
    changes: tuple[Change, ...]
    verdicts: Mapping[str, tuple[str, str]]
    only: Mapping[str, Sequence[str]]
    differs: Mapping[str, tuple[Sequence[str], Sequence[str]]]

    @property
    def significant(self) -> list[Change]:
        return [one for one in self.changes if one.significant]


def compare(first: Laboratory, second: Laboratory) -> Comparison:
    """The two, claim by claim. DataError where they have no claim in common."""
    a, b = cases_of(first), cases_of(second)
    both = [key for key in a if key in b]
    if not both:
        raise DataError(f"{first.name} and {second.name}: no claim in common (same scale and model); run one in both")
    found = [one for key in both for one in _changes(a[key], b[key])]
    flipped = [place for place, one in enumerate(found) if one.test.two_sided < 1]
    adjusted = dict(zip(flipped, holm([found[place].test.two_sided for place in flipped]), strict=True))
    changes = tuple(replace(one, adjusted=adjusted.get(place, 1.0)) for place, one in enumerate(found))
    verdicts = {" ".join(key): (a[key].verdicts, b[key].verdicts) for key in both}
    return Comparison(
        (first.name, second.name),
        changes,
        {name: pair for name, pair in verdicts.items() if pair[0] != pair[1]},
        {first.name: _only(a, b), second.name: _only(b, a)},
        _differs(first.environment, second.environment),
    )


def _only(own: Mapping[tuple[str, str, str], Cases], other: Mapping[tuple[str, str, str], Cases]) -> list[str]:
    return [" ".join(key) for key in own if key not in other]


def _differs(a: Environment, b: Environment) -> dict[str, tuple[list[str], list[str]]]:
    found = {}
    for name in sorted({*a, *b}):
        left, right = ([v for v in x.get(name, ()) if v not in y.get(name, ())] for x, y in ((a, b), (b, a)))
        if left or right:
            found[name] = (left, right)
    return found


def _changes(a: Cases, b: Cases) -> list[Change]:
    """Every arm that both have, on the same number of tasks."""
    names = [name for name in a.names if name in b.names]
    pairs = [(name, a.arm(name), b.arm(name)) for name in names]
    return [_change(a, name, *pair) for name, *pair in pairs if len(pair[0][0].tasks) == len(pair[1][0].tasks)]


def _change(cases: Cases, name: str, before: Sequence[Solved], after: Sequence[Solved]) -> Change:
    rows = [[one.flags for one in side] for side in (before, after)]
    was, now = (task_matrix(side).mean(0) > 0.5 for side in rows)
    ids = task_ids(cases.claim, cases.scale, before[0])
    gained, lost = (tuple(ids[i] for i in range(len(ids)) if x[i] and not y[i]) for x, y in ((now, was), (was, now)))
    first, second = (tuple(sum(flags) for flags in side) for side in rows)
    test = paired_test(rows[0], rows[1])
    return Change(*cases.key, name, first, second, len(ids), test, gained, lost)


def task_ids(claim: str, scale: str, one: Solved) -> list[str]:
    """The names of an arm's tasks; their numbers where the claim's benchmark is another one now, or not here."""
    numbers = [f"task {place}" for place in range(len(one.tasks))]
    scales = registry()[claim].scales.items() if claim in registry() else ()
    usual = next((settings.benchmark for name, settings in scales if name == scale), "")
    try:
        ids = [task.task_id for task in load_any(one.arm.benchmark or usual).tasks]
    except SelfbootError:
        return numbers
    return ids if len(ids) == len(numbers) else numbers


def render(found: Comparison) -> str:
    """The comparison as Markdown."""
    first, second = found.names
    lines = [f"A: {first}", f"B: {second}", "", _headline(found), ""]
    lines += [*markdown_table(HEAD, [_row(one) for one in found.changes]), ""]
    flipped = [one for one in found.changes if one.gained or one.lost]
    lines += [f"- {one.claim}, {one.arm}:{_named('only B', one.gained)}{_named('only A', one.lost)}" for one in flipped]
    lines += [f"- {name}: {a} in A, {b} in B" for name, (a, b) in found.verdicts.items()]
    lines += [f"- only in {lab}: {', '.join(keys)}" for lab, keys in found.only.items() if keys]
    lines += ["", "What differs in the manifests:" if found.differs else "Nothing differs in the manifests."]
    for name, (a, b) in found.differs.items():
        lines += [f"- {name}: only in A: {'; '.join(a) or '–'}; only in B: {'; '.join(b) or '–'}"]
    return "\n".join(lines)


def _headline(found: Comparison) -> str:
    arms, flipped = len(found.changes), sum(bool(one.gained or one.lost) for one in found.changes)
    return (
        f"{arms} arms on the same tasks: in {flipped} some task flipped, in {len(found.significant)} more than chance"
        f" explains (α = {ALPHA:g} for all together)."
    )


def _row(one: Change) -> tuple[str, ...]:
    solved = [", ".join(map(str, side)) for side in (one.before, one.after)]
    return (one.claim, one.scale, one.model, one.arm, *solved, str(one.of), str(len(one.gained)), str(len(one.lost)),
            f"{one.test.two_sided:.2g}", f"{one.adjusted:.2g}", "yes" if one.significant else "no")  # fmt: skip


def _named(where: str, ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return f" {where} {len(ids)} ({', '.join(ids[:SHOWN])}{more})" if ids else ""
