r"""Sets of real numbers: x > 3, -2 \le x < 7, |x - 1| < 3, x < 1 or x > 2, all numbers but 2."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from selfboot.grading.algebra import combine, parse_sum
from selfboot.grading.form import Form, sum_form, united

RELATION = re.compile(r"(<|>|\\le(?![A-Za-z])|\\ge(?![A-Za-z])|\\ne(?![A-Za-z]))")
ALL_REALS = re.compile(r"(?:set of )?(?:all |any )real(?:s| numbers?)|x is any real number")
REALS = Form(
    "seq",
    parts=(Form("sum", value=parse_sum(r"-\infty")), Form("sum", value=parse_sum(r"\infty"))),
    brackets="()",
    latex=r"(-\infty,\infty)",
)


def combined(intervals: list[Form], *, either: bool) -> Form:
    """x<-1 or x>2: a union. x>2 and x<5: where they meet; if they nowhere meet, people mean a union."""
    if len(intervals) == 2 and not either and {form.kind for form in intervals} == {"seq"}:
        above = next((form for form in intervals if form.parts[1].key == "infty"), None)
        below = next((form for form in intervals if form.parts[0].key == "-1*infty"), None)
        if above and below and above is not below:
            return _meeting(above, below)
    return united(intervals)


def _meeting(above: Form, below: Form) -> Form:
    """(2, ∞) and (-∞, 5) as (2, 5); of rays whose ends are not both rational nobody here knows whether they meet."""
    low, high = above.parts[0].value.rational, below.parts[1].value.rational
    if low is None or high is None:
        return Form("text", text=f"{above.key} and {below.key}")
    if low >= high:
        return united([above, below])
    return Form("seq", parts=(above.parts[0], below.parts[1]), brackets=above.brackets[0] + below.brackets[1])


def all_but(points: Form) -> Form | None:
    """All real numbers but one or several."""
    if points.kind == "list":
        rational = sorted(part.value.rational for part in points.parts if part.value.rational is not None)
        if len(rational) < len(points.parts) or any(part.kind != "sum" for part in points.parts):
            return None
        ends = [Form("sum", value=parse_sum(f"{value.numerator}/{value.denominator}")) for value in rational]
    elif points.constant:
        ends = [points]
    else:
        return None
    ends = [REALS.parts[0], *(replace(end, name="") for end in ends), REALS.parts[1]]
    return united([Form("seq", parts=pair, brackets="()") for pair in itertools.pairwise(ends)])


def interval(text: str) -> Form | None:
    r"""x > 3, x \le 2, -2 \le x < 7, |x - 1| < 3 as intervals."""
    pieces = RELATION.split(text)
    signs = pieces[1::2]
    if len(signs) not in (1, 2) or r"\ne" in signs or len({sign in ("<", r"\le") for sign in signs}) > 1:
        return None
    distance = re.fullmatch(r"\|([^|]*)\|", pieces[0].strip())
    if distance and len(signs) == 1:
        return _ball(sum_form(distance[1]), signs[0], sum_form(pieces[2]))
    sides = [sum_form(piece) for piece in pieces[::2]]
    if any(side.kind != "sum" for side in sides):
        return None
    if signs[0] in (">", r"\ge"):
        sides, signs = sides[::-1], [{">": "<", r"\ge": r"\le"}[sign] for sign in reversed(signs)]
    at = [k for k, side in enumerate(sides) if side.value.symbols - {"infty"}]
    if len(at) != 1 or not _single(sides[at[0]]) or (len(sides) == 3 and at[0] != 1):
        return None
    low = sides[at[0] - 1] if at[0] else REALS.parts[0]
    high = sides[at[0] + 1] if at[0] + 1 < len(sides) else REALS.parts[1]
    closed = [sign == r"\le" for sign in signs]
    return _between(low, high, bool(at[0]) and closed[0], at[0] < len(signs) and closed[-1])


def _single(form: Form) -> bool:
    """Whether it is one unknown alone."""
    return form.kind == "sum" and len(form.value.symbols) == 1 and str(form.value) in form.value.symbols - {"infty"}


def _between(low: Form, high: Form, includes_low: bool, includes_high: bool) -> Form:
    opening = "[" if includes_low and low.key != "-1*infty" else "("
    closing = "]" if includes_high and high.key != "infty" else ")"
    return Form("seq", parts=(low, high), brackets=opening + closing)


def _ball(inside: Form, sign: str, radius: Form) -> Form | None:
    r"""|x - a| < r as (a - r, a + r), |x - a| \ge r as its complement; a and r rational."""
    symbols, size = inside.value.symbols, radius.value.rational
    if inside.kind != "sum" or len(symbols) != 1 or size is None or size <= 0 or radius.kind != "sum":
        return None
    shift = combine(parse_sum("".join(symbols)), inside.value, -1).rational if len("".join(symbols)) == 1 else None
    if shift is None:
        return None
    low, high = (Form("sum", value=parse_sum(f"({shift + side})")) for side in (-size, size))
    includes = sign in (r"\le", r"\ge")
    if sign in ("<", r"\le"):
        return _between(low, high, includes, includes)
    return united([_between(REALS.parts[0], low, False, includes), _between(high, REALS.parts[1], includes, False)])
