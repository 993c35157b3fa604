r"""The form of an answer and the comparison of two forms; normal.py reads forms from LaTeX.

``same`` compares two forms: True, False, or None where a part of one is outside exact algebra (kind ``raw``) and nobody
was given to ask about it. Some texts can be read in two ways (150,210 is a number or a list; 5 m five metres or a
product): the second way is the form's ``other``, which counts where the other side leaves no doubt.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from selfboot.grading.algebra import ZERO, Ambiguous, Inexact, Sum, combine, parse_sum, primitive

Kind = Literal["sum", "text", "base", "list", "seq", "matrix", "union", "equation", "raw"]
Ask = Callable[[str, str], bool]
TEXT = r"\\text ?"
_MIXED = re.compile(r"(-?) ?([0-9]{1,50}) ([0-9]{1,50}) ?/ ?([0-9]{1,50})")
_DIGITS_APART = re.compile("[0-9] [0-9]")
_DERIVATIVE = re.compile(r"\\frac ?\{ ?d ?[A-Za-z]? ?\} ?\{ ?d ?[A-Za-z] ?\}")


@dataclass(frozen=True)
class Form:
    """A normal form. ``value``: a sum, or an equation's left side minus its right; ``text``: of text, base and raw.

    ``parts``: of a list, a sequence in ``brackets``, a union, a matrix (its rows). ``name``: x in x=5; ``unit``: known
    ones only, in one spelling. ``latex``: the text as it was read, for who is asked about raw forms. ``other``: the
    second reading of an ambiguous text.
    """

    kind: Kind
    value: Sum = ZERO
    text: str = ""
    parts: tuple[Form, ...] = ()
    brackets: str = ""
    name: str = ""
    unit: str = ""
    percent: bool = False
    latex: str = field(default="", compare=False)
    other: Form | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """The vote key: equal for all ways to write this answer (units and the name of an unknown do not count)."""
        inner = [part.key for part in self.parts]
        match self.kind:
            case "sum":
                return str(self.value)
            case "equation":
                return f"{self.value} = 0"
            case "text":
                return f"text:{self.text}"
            case "list":
                return "{" + ", ".join(sorted(inner)) + "}"
            case "union":
                return " U ".join(sorted(inner))
            case "seq" | "matrix":
                return self.brackets[0] + ", ".join(inner) + self.brackets[1]
            case _:
                text = self.text if len(self.text) <= 200 else f"{self.text[:40]}…{_digest(self.text)}"
                return f"tex:{text}" if self.kind == "raw" else text

    @property
    def exact(self) -> bool:
        """Whether equality with another exact form is decided by the forms alone."""
        return self.kind != "raw" and all(part.exact for part in self.parts)

    @property
    def constant(self) -> bool:
        """Whether it is an exact number, a multiple of π included."""
        return self.kind == "sum" and not self.value.symbols


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def raw(text: str) -> Form:
    """What is not exact: mathematics for the symbolic checker, but words, nothing, or digits apart are text."""
    content = squeezed(text)
    plain = not content or _DIGITS_APART.search(content) or re.search(TEXT + r"\{", text)
    return Form("text" if plain else "raw", text=content)


def squeezed(text: str) -> str:
    """Without spaces, but for those between digits: 1 1 is not 11."""
    return re.sub(r"(?<![0-9]) +| +(?![0-9])", "", " ".join(text.split()))


def sum_form(text: str) -> Form:
    text = text.strip()
    mixed = _MIXED.fullmatch(text)
    if _DERIVATIVE.search(text):
        return replace(raw(text), latex=text)
    try:
        if mixed:
            sign, whole, above, below = mixed.groups()
            value = Fraction(int(whole)) + Fraction(int(above), int(below))
            return Form("sum", value=parse_sum(f"{sign}({value})"), latex=f"{sign}({value})")
        return Form("sum", value=parse_sum(text), latex=text)
    except Ambiguous:
        return Form("text", text=squeezed(text), latex=text)
    except (Inexact, ZeroDivisionError):
        return replace(raw(text), latex=text)


def united(forms: list[Form]) -> Form:
    unique = {form.key: form for form in forms}
    return Form("union", parts=tuple(unique[key] for key in sorted(unique)))


def named(form: Form) -> Form:
    """x=5 as the equation x - 5 = 0, where the name matters."""
    if not form.name:
        return form
    try:
        return Form("equation", value=primitive(combine(parse_sum(form.name), form.value, -1)), latex=form.latex)
    except Inexact:
        return Form("seq", parts=(Form("text", text=form.name), replace(form, name="")), brackets="==")


def same(a: Form, b: Form, ask: Ask | None = None) -> bool | None:
    """Whether two forms are the same answer, in either order.

    ``ask`` says whether two LaTeX texts outside exact algebra are equal; without it the verdict on them is None.
    """
    verdict = _same(a, b, ask)
    if a.other is None and b.other is None:
        return verdict
    second = _same(a.other or a, b.other or b, ask)
    both = a.other is not None and b.other is not None
    return second if verdict is both else verdict


def _same(a: Form, b: Form, ask: Ask | None) -> bool | None:
    if _contradict(a, b):
        return False
    if a.key == b.key:
        return True
    kinds = {a.kind, b.kind}
    if kinds & {"text", "base"}:
        return False
    if kinds == {"sum"} and a.percent != b.percent:
        return _as_share(a) == _as_share(b)
    if kinds == {"sum", "equation"}:
        return named(a) == named(b)
    if a.exact and b.exact:
        return False
    if len(kinds) == 1 and a.parts and b.parts:
        return _same_parts(a, b, ask)
    return ask(a.latex, b.latex) if ask else None


def _same_parts(a: Form, b: Form, ask: Ask | None) -> bool | None:
    """Part by part; where their order does not count, each part on the left looks for one on the right."""
    if len(a.parts) != len(b.parts) or a.brackets != b.brackets:
        return False
    verdicts: list[bool | None] = []
    rest = list(b.parts)
    for part in a.parts:
        candidates = rest if a.kind in ("list", "union") else rest[:1]
        found = {id(other): _same(part, other, ask) for other in candidates}
        match = next((other for other in candidates if found[id(other)]), None)
        verdicts.append(True if match else None if None in found.values() else False)
        rest.remove(match or candidates[0])
    return False if False in verdicts else None if None in verdicts else True


def _contradict(a: Form, b: Form) -> bool:
    """Stated units, or the names of constants and tuples (x=5, y=5), that differ."""
    if a.unit and b.unit and a.unit != b.unit:
        return True
    names = [form.name for form in (a, b) if form.name and not form.name.startswith("text:")]
    valued = (a.constant and b.constant) or a.kind == b.kind == "seq"
    return valued and len(names) == 2 and names[0] != names[1]


def _as_share(form: Form) -> Sum | Fraction:
    value = form.value.rational
    return form.value if value is None else value / 100 if form.percent else value
