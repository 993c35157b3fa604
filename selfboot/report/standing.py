"""Where every claim stands at every scale, in the two words of the verdict policy, and what that says in all.

A scale is a column. Where a scale's model is the user's own (small), each model is a column of its own. Trial runs on
other weights stand nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from selfboot.analysis.verdict import VerdictStatus, worst
from selfboot.judging.results import Agreement, Result
from selfboot.registry import registry
from selfboot.report.cells import MARKS, ordered

Says = Literal["agrees", "contradicts", "no effect", "open"]
PAPER = "paper"
OWN_MODELS = ("mini", PAPER)  # scales whose models the registry chooses, claim by claim
NAMES = {"mini": "Mini model", "small": "Small model", PAPER: "Paper's models"}
CALIBRATED: tuple[VerdictStatus, ...] = ("as calibrated", "drifted", "unsettled")
NOTHING_SHOWN = ("not enough pairs", "broken")  # verdicts of a claim whose arms could not be compared
AGREEMENTS: tuple[Agreement, ...] = ("opposite", "no effect", "silent", "same direction")  # least like the paper first
BY_VERDICT: dict[VerdictStatus, Says] = {
    "reproduced": "agrees", "direction only": "agrees", "not reproduced": "contradicts",
}  # fmt: skip
BY_DIRECTION: dict[Agreement, Says] = {
    "same direction": "agrees", "opposite": "contradicts", "no effect": "no effect", "silent": "open",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A scale, and the model where the user chose it ("": the registry's)."""

    scale: str
    model: str = ""

    @property
    def name(self) -> str:
        """As a head of a table: "Mini model", "Small model: smollm2-135m"."""
        name = NAMES.get(self.scale, f"{self.scale} scale")
        return f"{name}: {self.model}" if self.model else name

    @property
    def short(self) -> str:
        """As a head of a narrow column: "mini", "smollm2-135m"."""
        return self.model or self.scale


@dataclass(frozen=True)
class Standing:
    """One claim in one column: the results of all its cases, at least one."""

    claim: str
    column: Column
    results: tuple[Result, ...]

    @property
    def verdict(self) -> VerdictStatus:
        """The worst of its cases."""
        return worst(result.verdict for result in self.results)

    @property
    def agreement(self) -> Agreement:
        """The direction of its cases; where they differ, the one that is least like the paper's."""
        return min((result.agreement for result in self.results), key=AGREEMENTS.index)

    @property
    def says(self) -> Says:
        """What it says of the paper. The paper's own models say it by their verdict, others by their direction."""
        if self.column.scale == PAPER:
            return BY_VERDICT.get(self.verdict, "open")
        return "open" if self._weak else BY_DIRECTION[self.agreement]

    @property
    def word(self) -> str:
        """The verdict of the paper's own models; of others the direction, unless the run was too weak to see one."""
        if self.column.scale == PAPER:
            return self.verdict
        return self.verdict if self._weak else self.agreement

    @property
    def _weak(self) -> bool:
        """Could the run not have shown a direction?"""
        return self.verdict in NOTHING_SHOWN or (self.verdict == "unsettled" and self.agreement == "no effect")


def column_of(result: Result) -> Column:
    """Where a result stands."""
    return Column(result.scale, "" if result.scale in OWN_MODELS else result.model)


def columns(results: Sequence[Result]) -> list[Column]:
    """The registry's scales and those of the results, the smallest first, the paper's last."""
    known = [scale for scale in NAMES if any(scale in claim.scales for claim in registry().values())]
    found = {column_of(result) for result in results if result.weights == "trained"}
    found |= {Column(scale) for scale in known if scale not in {column.scale for column in found}}
    order = [name for name in NAMES if name != PAPER]
    return sorted(found, key=lambda one: (one.scale == PAPER, _place(one.scale, order), one.scale, one.model))


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def standings(results: Sequence[Result]) -> list[Standing]:
    """Every claim that has results, in the registry's order."""
    found: dict[tuple[str, Column], list[Result]] = {}
    for result in ordered([result for result in results if result.weights == "trained"]):
        found.setdefault((result.claim, column_of(result)), []).append(result)
    return [Standing(claim, column, tuple(cases)) for (claim, column), cases in found.items()]


def claims_of(column: Column, found: Sequence[Standing]) -> int:
    """How many claims there are to run in this column."""
    return max(len(found), sum(column.scale in claim.scales for claim in registry().values()))


def headline(results: Sequence[Result], named: bool = True) -> list[str]:
    """All results, a sentence a column, by claims and not by cases; the paper's models come first.

    ``named``: with the claims that do not go in the paper's direction.
    """
    found = standings(results)
    shown = [column for column in columns(results) if column.scale == PAPER or _in(found, column)]
    return [_said(column, _in(found, column), named) for column in sorted(shown, key=lambda one: one.scale != PAPER)]


def _in(found: Sequence[Standing], column: Column) -> list[Standing]:
    return [one for one in found if one.column == column]


def _said(column: Column, found: Sequence[Standing], named: bool) -> str:
    total = len(found) if column.scale == "mini" else claims_of(column, found)
    words = [one.verdict for one in found]
    if column.scale == "mini" and set(words) <= set(CALIBRATED) and found:
        first = f"{words.count('as calibrated')} of {total} claims as calibrated"
        rest = counted([word for word in words if word != "as calibrated"])
    else:
        first, rest = f"{len(found)} of {total} claims run", counted(words)
    states = ", ".join(part for part in (first, rest) if part)
    told = "" if column.scale == PAPER else f"; of their directions {', '.join(_directions(found, named))}"
    return f"{column.name}: {states}{told}."


def _directions(found: Sequence[Standing], named: bool) -> Iterator[str]:
    yield f"{sum(one.word == 'same direction' for one in found)} like the paper"
    for word in ("opposite", "no effect", "silent"):
        claims = [one.claim for one in found if one.word == word]
        if claims:
            yield f"{len(claims)} {word}" + (f" ({', '.join(claims)})" if named else "")


def counted(words: Sequence[VerdictStatus]) -> str:
    """ "36 as calibrated, 2 unsettled"."""
    return ", ".join(f"{words.count(word)} {word}" for word in MARKS if word in words)
