"""What the tables of terminal, page, Markdown and README say of a result, so that they all say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from selfboot.judging.results import Result
from selfboot.registry import Claim

MARKS = {"reproduced": "●", "direction only": "◐", "not reproduced": "○", "inconclusive": "?", "not run": "–"}


def measured(result: Result) -> str:
    """The figures, with their difference where a band of differences stands beside them: "25 → 96 (+71)"."""
    difference = (result.details or {}).get("contrast.difference")
    if result.scale != "mini" or isinstance(difference, bool | str | None) or "→" not in result.measured:
        return result.measured
    return f"{result.measured} ({signed(float(difference))})"


def signed(value: float) -> str:
    """A difference in tasks, with a decimal only where it needs one."""
    return f"{value:+.1f}".removesuffix(".0")


def direction(result: Result, claim: Claim | None) -> str:
    """Does the sign agree with the paper's? "differs: paper none, ours up" where it does not."""
    if claim is None or not result.direction.startswith("differs ("):
        return result.direction
    return f"differs: paper {claim.expects}, ours {result.direction.removeprefix('differs (').removesuffix(')')}"


def natural(name: str) -> list[tuple[bool, int | str]]:
    """A key that sorts "mini-7" before "mini-13"."""
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", name) if part]


def seconds(value: float) -> str:
    """A duration for people: "0.4 s", "85 s", "12 min", "3.1 h"."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def number(value: float) -> str:
    """A count, or a mean of counts with one decimal where it needs one."""
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table whose cells are text, whatever stands in them."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    yield from ("| " + " | ".join(cell(one) for one in row) + " |" for row in rows)


def cell(text: str) -> str:
    """Text that stays text in a Markdown table, whatever stands in it."""
    for sign in "\\`*_{}[]<>|":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return " ".join(text.split())
