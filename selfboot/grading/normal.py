r"""The normal form of an answer: one form, and one vote key, for all ways to write it.

1/2, 0.5, \frac12 and \dfrac{1}{2} are one answer; so are 2\sqrt{2} and \sqrt8, {1,2} and 2, 1, x=5 and 5, 10{,}080 and
10,080, 90^\circ and 90, [-2,7] and -2 \le x \le 7. Brackets count: (0,1) is not [0,1], and a pair is not a set.

``same`` decides from the forms alone: True, False, or None when one of them is outside exact algebra (kind ``raw``);
then the symbolic checker in answers.py is asked. Time is linear in the text, and nothing here raises on any text.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from selfboot.grading.algebra import MAX_CHARS, ZERO, Inexact, Sum, combine, parse_sum, primitive

Kind = Literal["sum", "text", "base", "list", "seq", "matrix", "union", "equation", "raw"]
MAX_PARTS, MAX_NESTING = 200, 4

_UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": r"\div ", "π": r"\pi ",
        "√": r"\sqrt ", "∞": r"\infty ", "°": r"^\circ ", "≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ", "∈": r"\in ",
        "±": r"\pm ", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "²": "^2", "³": "^3", "€": "", "£": "",
    }
)  # fmt: skip
_TEXT_COMMAND = r"\\(?:text(?:bf|rm|it|sf|tt|normal)?|mbox|hbox|mathrm|mathbf|mathit|mathsf|operatorname)\s*"
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<=[0-9])(?:\{,\}|,\\!|\\,)\s*(?=[0-9]{3})", ""),  # 10{,}080, 10,\!080, 10\,080
        (r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits)(?![A-Za-z])", ""),
        (r"(?<!\\)\\[,;:! ]|~|\\(?:quad|qquad|thinspace)(?![A-Za-z])", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\\(?:leq|leqslant|leqq)(?![A-Za-z])", r"\\le"),
        (r"\\(?:geq|geqslant|geqq)(?![A-Za-z])", r"\\ge"),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\mathrm\{([A-Za-z])\}", r"\1"),
        (r"\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree(?:s)?(?![A-Za-z])", r"\\degree "),
        (r"\\\$", r"\\dollar "),
        (r"\$", ""),
        (r"(?<=\S)\s*\\approx(?![A-Za-z]).*$", ""),  # 2/3 \approx 0.67
        (r"(?<![\\A-Za-z])(sin|cos|tan|cot|sec|csc|log|ln|sqrt|pi|infty)(?![A-Za-z])", r"\\\1"),
        (r"\s+", " "),
    )
)  # fmt: skip
_WHOLE_TEXT = re.compile(_TEXT_COMMAND + r"\{([^{}]*)\}")
_TRAILING_TEXT = re.compile(r"(.*?[^\s])\s*" + _TEXT_COMMAND + r"\{([^{}]*)\}\s*(\^\s*\{?[0-9]\}?)?", re.DOTALL)
_TRAILING_WORDS = re.compile(r"(.*[0-9)}])\s+([A-Za-z][A-Za-z ]{1,40}?)\s*(\^\s*\{?[0-9]\}?)?", re.DOTALL)
_SEPARATING_TEXT = re.compile(_TEXT_COMMAND + r"\{\s*,?\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|;")
_WORDS = re.compile(r"[A-Za-z][A-Za-z' .-]*")
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+)(?:\.[0-9]+)?")
_MIXED = re.compile(r"(-?)\s*([0-9]{1,50}) ([0-9]{1,50})\s*/\s*([0-9]{1,50})")
_BASE = re.compile(r"(-?[0-9A-Z]+)\s*_\s*\{?\s*([0-9]{1,2})\s*\}?")
_MEMBER = re.compile(r"[A-Za-z]\s*\\in(?![A-Za-z])")
_COMMA = re.compile(",")
_DIGITS_APART = re.compile("[0-9] [0-9]")
_DOLLAR = re.compile(r"\\dollar(?![A-Za-z]) *|\\dollar")
_MATRIX = re.compile(r"\\begin\{([pbvBV]?)matrix\}(.*)\\end\{\1matrix\}", re.DOTALL)
_NAMED = re.compile(r"\s*(?:[A-Za-z]|\\[a-z]+)\s*(?:_\s*\{?[A-Za-z0-9]+\}?)?\s*(?:\(\s*[A-Za-z]\s*\))?\s*")
_RELATION = re.compile(r"(<|>|\\le(?![A-Za-z])|\\ge(?![A-Za-z]))")
_NO_UNITS = frozenset({"and", "or", "if", "for", "pi", "base", "times", "mod"})
_UNIT_NAMES = (
    "mm millimeter millimetre", "cm centimeter centimetre", "m meter metre", "km kilometer kilometre", "in inch inche",
    "ft foot feet", "yd yard", "mi mile", "s sec second", "min minute", "h hr hour", "day", "week", "month", "year",
    "cent", "dollar", "g gram", "kg kilogram", "degree", "radian rad", "mph", "liter litre", "pound lb",
)  # fmt: skip
_UNITS = {name: names.split()[0] for names in _UNIT_NAMES for name in names.split()}


@dataclass(frozen=True)
class Form:
    """A normal form. ``value``: a sum, or an equation's left side minus its right; ``text``: of text, base and raw.

    ``parts``: of a list, a sequence in ``brackets``, a union, a matrix (its rows). ``name``: x in x=5; ``unit``: known
    ones only, in one spelling.
    """

    kind: Kind
    value: Sum = ZERO
    text: str = ""
    parts: tuple[Form, ...] = ()
    brackets: str = ""
    name: str = ""
    unit: str = ""
    percent: bool = False

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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


# ---------------------------------------------------------------- reading


def clean(text: str) -> str:
    """LaTeX with layout, thousands separators, currency and spacing variants taken out."""
    text = text.strip().translate(_UNICODE)
    for opening, closing in ((r"\(", r"\)"), (r"\[", r"\]")):
        if text.startswith(opening) and text.endswith(closing):
            text = text[2:-2]
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return text.strip(" ,;:*").rstrip(". ").strip(" *")


def normal_form(text: str) -> Form:
    """The normal form of one extracted answer. Never raises; what cannot be read exactly is ``raw``."""
    return Form("raw", text=text) if len(text) > MAX_CHARS else _form(clean(text), 0)


def _form(text: str, nesting: int) -> Form:
    text = text.strip()
    if r"\dollar" in text[:10]:
        return replace(_form(_DOLLAR.sub("", text), nesting), unit="dollar")
    for reader in (_text, _base, _member, _matrix, _union, _list, _bracketed, _interval, _equation, _plus_minus):
        form = reader(text, nesting) if nesting <= MAX_NESTING else None
        if form is not None:
            return form
    return _number_with_unit(text)


def _raw(text: str) -> Form:
    """What is not exact: mathematics for the symbolic checker, but words, nothing, or digits apart are text."""
    squeezed = _squeezed(text)
    plain = not squeezed or _DIGITS_APART.search(squeezed) or re.search(_TEXT_COMMAND + r"\{", text)
    return Form("text" if plain else "raw", text=squeezed)


def _squeezed(text: str) -> str:
    """Without spaces, but for those between digits: 1 1 is not 11."""
    return re.sub(r"(?<![0-9]) +| +(?![0-9])", "", " ".join(text.split()))


def _text(text: str, _: int) -> Form | None:
    """Words: in any text command, or at least three plain letters. A single letter, or (C), is a symbol."""
    whole = _WHOLE_TEXT.fullmatch(text)
    content = (whole[1] if whole else text).strip()
    letter = re.fullmatch(r"\(?\s*([A-Za-z])\s*\)?", content)
    if letter:
        return Form("sum", value=parse_sum(letter[1]))
    if _WORDS.fullmatch(content) and (whole or len(content) > 2 or content.lower() in ("no", "on")):
        return Form("text", text=" ".join(content.lower().rstrip(". ").split()))
    return _form(content, MAX_NESTING) if whole and content else None


def _base(text: str, _: int) -> Form | None:
    found = _BASE.fullmatch(text)
    return Form("base", text=f"{found[1]}_{int(found[2])}") if found and re.search("[0-9]", found[1]) else None


def _member(text: str, nesting: int) -> Form | None:
    found = _MEMBER.match(text)
    return _form(text[found.end() :], nesting + 1) if found else None


def _matrix(text: str, nesting: int) -> Form | None:
    found = _MATRIX.fullmatch(text)
    if found is None or r"\begin" in found[2]:
        return None
    rows = [row.split("&") for row in re.split(r"\\\\", found[2]) if row.strip()]
    if sum(map(len, rows)) > MAX_PARTS:
        return None
    cells = [tuple(_form(cell, nesting + 1) for cell in row) for row in rows]
    return Form("matrix", parts=tuple(Form("seq", parts=row, brackets="[]") for row in cells), brackets="[]")


def _union(text: str, nesting: int) -> Form | None:
    parts = _split(text, re.compile(r"\\cup(?![A-Za-z])"))
    if len(parts) < 2:
        return None
    return Form("union", parts=tuple(sorted((_form(p, nesting + 1) for p in parts), key=lambda f: f.key)))


def _list(text: str, nesting: int) -> Form | None:
    """Answers side by side, in no order: 1,2 or 2 \\text{ and } 1. A name that all share (x=1 or x=2) is dropped."""
    if _THOUSANDS.fullmatch(text):
        return _sum(text.replace(",", "").replace(" ", ""))
    parts = [part for part in _split(_SEPARATING_TEXT.sub(",", text), _COMMA) if part.strip()]
    return _gathered([_form(part, nesting + 1) for part in parts]) if len(parts) > 1 else None


def _gathered(forms: list[Form]) -> Form:
    flat = [inner for form in forms for inner in (form.parts if form.kind == "list" else (form,))]
    names = {form.name for form in flat}
    if len(names) == 1:
        flat = [replace(form, name="") for form in flat]
    elif any(form.kind != "sum" for form in flat if form.name):
        return _raw(",".join(form.key for form in flat))
    else:
        flat = [_named(form) for form in flat]
    unique = {form.key: form for form in flat}
    parts = tuple(unique[key] for key in sorted(unique))
    return parts[0] if len(parts) == 1 else Form("list", parts=parts)


def _named(form: Form) -> Form:
    """x=5 as the equation x - 5 = 0, where the name matters."""
    if not form.name:
        return form
    return Form("equation", value=primitive(combine(parse_sum(form.name), form.value, -1)))


def _bracketed(text: str, nesting: int) -> Form | None:
    r"""(1,2), (0,1], \{1,2\}: ordered in round or square brackets, unordered in braces."""
    braces = text.startswith(r"\{") and text.endswith(r"\}")
    inside = text[2:-2] if braces else text[1:-1]
    if not braces and not (text[:1] in ("(", "[") and text[-1:] in (")", "]") and _encloses(text)):
        return None
    parts = [part for part in _split(inside, _COMMA) if part.strip()]
    if len(parts) == 1 and not (text[0] == "(" and text[-1] == ")"):
        return _form(inside, nesting + 1) if braces else None
    if len(parts) < 2:
        return None
    forms = [_form(part, nesting + 1) for part in parts]
    return _gathered(forms) if braces else Form("seq", parts=tuple(forms), brackets=text[0] + text[-1])


def _interval(text: str, _: int) -> Form | None:
    r"""x > 3, x \le 2, -2 \le x < 7 as intervals."""
    pieces = _RELATION.split(text)
    signs = pieces[1::2]
    if len(signs) not in (1, 2) or len({sign in ("<", r"\le") for sign in signs}) > 1:
        return None
    sides = [_sum(piece) for piece in pieces[::2]]
    if any(side.kind != "sum" for side in sides):
        return None
    if signs[0] in (">", r"\ge"):
        sides, signs = sides[::-1], [{">": "<", r"\ge": r"\le"}[sign] for sign in reversed(signs)]
    at = [k for k, side in enumerate(sides) if side.value.symbols]
    if len(at) != 1 or not re.fullmatch(r"[A-Za-z]", str(sides[at[0]].value)):
        return None
    return _between(sides, signs, at[0])


def _between(sides: list[Form], signs: list[str], at: int) -> Form | None:
    if len(sides) == 3 and at != 1:
        return None
    infinity = parse_sum(r"\infty")
    low = sides[at - 1] if at else Form("sum", value=combine(ZERO, infinity, -1))
    high = sides[at + 1] if at + 1 < len(sides) else Form("sum", value=infinity)
    opening = "[" if at and signs[at - 1] == r"\le" else "("
    closing = "]" if at < len(signs) and signs[at] == r"\le" else ")"
    return Form("seq", parts=(low, high), brackets=opening + closing)


def _equation(text: str, nesting: int) -> Form | None:
    """x=5 is 5 with a name; an equation of sums is their difference, scaled; 2+3=5 is 5."""
    sides = text.split("=")
    if len(sides) != 2:
        return None
    if not _NAMED.fullmatch(sides[0]) and _NAMED.fullmatch(sides[1]):
        sides.reverse()
    right = _form(sides[1], nesting + 1)
    if _NAMED.fullmatch(sides[0]):
        name = "".join(sides[0].split())
        mentioned = right.kind == "sum" and _sum(name[:1]).value.symbols & right.value.symbols
        return None if mentioned else replace(right, name=name)
    left = _sum(sides[0])
    if left.kind != "sum" or right.kind != "sum":
        return None
    if not left.value.symbols and not right.value.symbols:
        return right
    return Form("equation", value=primitive(combine(left.value, right.value, -1)))


def _plus_minus(text: str, _: int) -> Form | None:
    if text.count(r"\pm") != 1:
        return None
    forms = [_sum(text.replace(r"\pm", sign)) for sign in ("+", "-")]
    return _gathered(forms) if all(form.kind == "sum" for form in forms) else None


def _number_with_unit(text: str) -> Form:
    r"""A sum, without the percent sign, degree sign or unit behind it: 12 \text{ cm}^2, 90 \degree, 10 inches."""
    percent = re.search(r"\\?%\s*$", text)
    bare = text[: percent.start()] if percent else text
    unit = ""
    if bare.endswith(r"\degree"):
        bare, unit = bare.removesuffix(r"\degree"), "degree"
    found = _TRAILING_TEXT.fullmatch(bare) or _TRAILING_WORDS.fullmatch(bare)
    if found and not unit and not _NO_UNITS & set(found[2].lower().split()):
        bare, unit = found[1], _unit(found[2], found[3])
    form = _sum(bare)
    if form.kind != "sum":
        return _raw(text)
    return replace(form, unit="" if unit == "percent" else unit, percent=bool(percent) or unit == "percent")


def _unit(words: str, power: str | None) -> str:
    """One spelling of a known unit, such as cm^2; unknown ones count as none, so they contradict nothing."""
    names = words.lower().replace(".", " ").split()
    if names in (["percent"], ["per", "cent"]):
        return "percent"
    exponent = "".join(c for c in power or "" if c.isdigit())
    for word, meaning in (("square", "2"), ("sq", "2"), ("cubic", "3")):
        if word in names:
            names.remove(word)
            exponent = meaning
    name = names[0] if len(names) == 1 else ""
    known = _UNITS.get(name) or _UNITS.get(name.removesuffix("s"))
    return f"{known}^{exponent}" if known and exponent else known or ""


def _sum(text: str) -> Form:
    mixed = _MIXED.fullmatch(text.strip())
    try:
        if mixed:
            sign, whole, above, below = mixed.groups()
            value = Fraction(int(whole)) + Fraction(int(above), int(below))
            return Form("sum", value=parse_sum(f"{sign}({value})"))
        return Form("sum", value=parse_sum(text))
    except (Inexact, ZeroDivisionError):
        return _raw(text)


def _split(text: str, separator: re.Pattern[str]) -> list[str]:
    """Parts between separators outside all brackets; at most MAX_PARTS + 1."""
    parts: list[str] = []
    depth = start = 0
    for found in re.finditer(rf"\\[{{}}]|[(\[{{]|[)\]}}]|{separator.pattern}", text):
        token = found[0]
        if token in ("(", "[", "{", r"\{"):
            depth += 1
        elif token in (")", "]", "}", r"\}"):
            depth -= 1
        elif depth == 0 and len(parts) < MAX_PARTS:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def _encloses(text: str) -> bool:
    """Whether the first bracket closes only at the end: true of (1,2], false of (x-1)(x+1)."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return at == len(text) - 1
    return False


# ---------------------------------------------------------------- comparing


def same(a: Form, b: Form) -> bool | None:
    """Whether two forms are the same answer: True, False, or None when the forms cannot tell."""
    kinds = {a.kind, b.kind}
    if _contradict(a, b):
        return False
    if a.key == b.key:
        return True
    if kinds & {"text", "base"}:
        return False
    if kinds == {"sum"} and a.percent != b.percent:
        return _as_share(a) == _as_share(b)
    if kinds == {"sum", "equation"}:
        return _named(a) == _named(b)
    return False if a.exact and b.exact else None


def _contradict(a: Form, b: Form) -> bool:
    """Stated units, or the names of constants (x=5, y=5), that differ."""
    if a.unit and b.unit and a.unit != b.unit:
        return True
    constants = a.kind == b.kind == "sum" and not a.value.symbols | b.value.symbols
    return constants and bool(a.name and b.name) and a.name != b.name


def _as_share(form: Form) -> Sum | Fraction:
    value = form.value.rational
    return form.value if value is None else value / 100 if form.percent else value
