"""What the tables of terminal, page, Markdown and README say of a result, so that they all say the same.

Every word about a result is made here, from its parts and arms; nothing is parsed back from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from selfboot.analysis.bands import Band
from selfboot.analysis.verdict import VerdictStatus
from selfboot.errors import DataError
from selfboot.judging.results import Asked, Part, Result
from selfboot.judging.rules import span
from selfboot.protocols.base import Arm, Role
from selfboot.registry import registry

MARKS: Mapping[VerdictStatus, str] = {
    "reproduced": "●", "direction only": "◐", "not reproduced": "○", "protocol mismatch": "≠", "inconclusive": "?",
    "as calibrated": "●", "drifted": "○", "unsettled": "?", "not run": "–", "measured": "●", "broken": "○",
    "not enough pairs": "–",
}  # fmt: skip
ROLES: Mapping[Role, str] = {"seeds": "seeds that gave a pair", "asked": "problems asked", "valid": "valid problems"}


def label(arm: Arm) -> str:
    """An arm in words, with its seed: "base", "40 pairs, seed 7", "trained, best of 8, minilib"."""
    return ", ".join([group(arm), *([f"seed {arm.seed}"] if arm.seed else [])])


def group(arm: Arm) -> str:
    """An arm in words, whatever its seed: what the seeds of one setting have in common."""
    shots = f"{arm.shots} shots" if arm.shots else ""
    return ", ".join(part for part in (_what(arm), shots, _judged(arm), arm.benchmark, arm.reading) if part)


def _what(arm: Arm) -> str:
    of = f"{arm.model} " if arm.model else ""
    if arm.round:
        return f"{of}{'items ' if arm.role == 'items' else ''}round {arm.round}"
    if arm.count:
        return f"{of}{arm.pairs} {arm.count}" if arm.pairs else f"{of}{arm.count} pairs"
    return f"{of}{ROLES.get(arm.role, arm.role)}{f' {arm.pairs}' if arm.pairs else ''}"


def _judged(arm: Arm) -> str:
    words = {"first": "first sample", "any": f"best of {arm.draws}", "vote": f"vote of {arm.draws}",
             "estimate": f"pass@{arm.draws}"}  # fmt: skip
    return words[arm.judged] if arm.sampled else ""


ARMS = {"paper": "as the paper reads", "ours": "as ours reads"}


def beside(result: Result, differing: bool = False) -> list[str]:
    """The claim's other arm on the same weights, a line a score: "base: 25 as ours reads, 23 as the paper reads".

    ``differing``: only scores of which a task is solved in one arm alone.
    """
    other = ARMS["ours" if result.arm == "paper" else "paper"]
    return [
        f"{group(one.arm)}: {_numbers(one.judged)} {ARMS[result.arm]}, {_numbers(one.other)} {other}"
        f" (of {one.of} tasks {one.won:.4g} won, {one.lost:.4g} lost)"
        for one in result.beside
        if one.won or one.lost or not differing
    ]


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def measured(result: Result) -> str:
    """The claim's main figures; their difference where a band of differences stands beside them: "25 → 96 (+71)"."""
    main = result.main
    told = "; then ".join(_measured(one) for one in ([main.first] if main.first else []) + [main])
    difference = main.details.get("difference")
    if main.kind != "contrast" or not main.asked.difference or not isinstance(difference, int | float):
        return told
    return f"{told} ({signed(float(difference))})"


def _measured(part: Part) -> str:
    values = numbers(part.measured)
    points = " → ".join(f"{value:.0f}" for value in part.measured)
    told = {
        "contrast": f"{numbers(part.before)} → {values}",
        "interaction": f"{part.measured[0]:+.1f}",
        "sweep": points,
        "plateau": f"{numbers(part.before)} → {points}",
        "rate": f"{values} of {part.of}",
        "identical": f"{values} of {part.of} identical",
        "pairs": f"not enough pairs: {values} of {part.of}",
    }
    return told.get(part.kind, values)


def numbers(values: Sequence[float]) -> str:
    """Several figures: "104, 112, 95"."""
    return ", ".join(f"{value:.4g}" for value in values)


def band(result: Result) -> str:
    """What the main figure is held against."""
    return asked(result.main.asked)


def asked(one: Asked) -> str:
    """A band or another criterion, as text."""
    words = {
        "no lift": f"lift < {one.limit:g}",
        "sign and size": f"{one.limit:+.0f} and significant",
        "above zero": "> 0",
        "below zero": "< 0",
        "rise": f"rise ≥ {one.limit:.0f}",
        "plateau": "round 1 brings most",
        "boundary": f"ends ≤ {one.limit:+.0f}",
        "again": f"± {one.limit:.1f}",
        "share": f"{one.lower:.0%}–{one.upper:.0%} of seeds rise",
        "weights": "trained by pairs, other by seed, base unchanged",
        "paired": f"± {one.limit:g} would show",
        "pairs": f"≥ {one.limit:g} pairs",
        "alive": f"≥ {one.limit:.0%} of the base",
        "rate above": f"> {one.limit:.0%}",
        "rate below": f"< {one.limit:.0%}",
        "settled": f"settled by {one.lower:.0f} of {one.upper:.0f}",
        "band": span(Band(one.lower, one.upper), signed=one.difference),
    }
    return words.get(one.criterion, one.criterion)


def reasons(result: Result) -> list[str]:
    """Why the verdict is what it is, a line a part; and what came of asking for an early decision."""
    return [
        *(f"{part.name}: {part.status}, {part.reason}" for part in result.parts),
        *([f"--until settled: {result.until}"] if result.until else []),
    ]


def signed(value: float) -> str:
    """A difference in tasks, with a decimal only where it needs one."""
    return f"{value:+.1f}".removesuffix(".0")


def direction(result: Result) -> str:
    """Is it what the paper says, and how large: "same direction, 0.9 × its size", "opposite: paper none, ours up"."""
    word, size = result.agreement, shown_size(result)
    if word == "opposite":
        return f"opposite: paper {result.expects}, ours {result.main.direction}"
    return f"{word}, {size:.1f} × its size" if size is not None else word


def shown_size(result: Result) -> float | None:
    """Our difference by the paper's, where both go the same way; None where the paper has none to compare with."""
    return result.size if result.agreement == "same direction" and result.expects != "none" else None


FREE, LIFTED = "training-free", "recipe-7b"  # the control, and the lift that it stands beside


def without_training(results: Sequence[Result]) -> list[str]:
    """How much of the lift costs no training, a line a model: by tasks, as the judged arm reads."""
    return [line for result in results if result.claim == FREE for line in _beside_lift(result, results)]


def _beside_lift(free: Result, results: Sequence[Result]) -> Iterator[str]:
    like = (free.scale, free.model, free.weights, free.arm)
    lifts = [
        r.main
        for r in results
        if r.claim == LIFTED and r.main.kind == "contrast" and (r.scale, r.model, r.weights, r.arm) == like
    ]
    scores = {group(one.arm): one.judged[0] for one in free.beside}
    if not lifts or "base" not in scores:
        return
    base = scores.pop("base")
    after = [value for part in lifts for value in part.measured]
    gained = sum(after) / len(after) - base
    best = max(scores.values(), default=base)
    had = max(0.0, min(gained, best - base))
    told = ", ".join(f"{name.removeprefix('base, ')} {value:.4g}" for name, value in scores.items())
    yield (
        f"{free.model}: untrained {base:.4g}, trained {base + gained:.4g} ({LIFTED}); without training {told}."
        f" Of the {gained:.4g} tasks gained {had:.4g} are had without training."
    )


def properties(result: Result) -> dict[str, str]:
    """For JUnit XML: what the table says, as text."""
    plain = ("claim", "case", "section", "title", "tier", "scale", "model", "paper", "weights", "seconds", "verdict")
    told = {name: str(getattr(result, name)) for name in plain}
    return told | {
        "measured": measured(result),
        "band": band(result),
        "direction": direction(result),
        "reason": "; ".join(reasons(result)),
    }


def ordered(results: Sequence[Result]) -> list[Result]:
    """Results in the registry's order of claims, then by scale, model and case; claims it does not know come last."""
    place = {name: at for at, name in enumerate(registry())}
    return sorted(results, key=lambda r: (place.get(r.claim, len(place)), r.scale, r.model, natural(r.name)))


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
    yield from plain_table(head, [[cell(one) for one in row] for row in rows])


def plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table whose cells are Markdown of our own."""
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join(["---"] * len(head)) + " |"
    yield from ("| " + " | ".join(row) + " |" for row in rows)


def cell(text: str) -> str:
    """Text that stays text in a Markdown table, whatever stands in it."""
    for sign in "\\`*_{}[]<>|":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return " ".join(text.split())


def between(text: str, start: str, end: str, content: str, where: Path) -> str:
    """``text`` with ``content`` between the two markers. DataError that names the file ``where`` without them."""
    if start not in text or end not in text:
        raise DataError(f"{where}: the markers {start!r} and {end!r} are missing; put them where the tables go")
    before, rest = text.split(start, 1)
    return f"{before}{start}\n{content}\n{end}{rest.split(end, 1)[1]}"
