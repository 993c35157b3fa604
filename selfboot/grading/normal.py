r"""The normal form of an answer: one form, and one vote key, for all ways to write it.

1/2, 0.5, \frac12 and \dfrac{1}{2} are one answer; so are 2\sqrt{2} and \sqrt8, {1,2} and 2, 1, x=5, AB=5 and 5,
1,000\text{ dollars} and 1000, 90^\circ and 90, [-2,7] and -2 \le x \le 7. Brackets count: (0,1) is not [0,1], and a
pair is not a set. Two forms are compared in form.py.

Time is linear in the text, and nothing here raises on any text.
"""

from __future__ import annotations

import re
from dataclasses import replace

from selfboot.grading.algebra import MAX_CHARS, combine, parse_sum, primitive
from selfboot.grading.form import TEXT, Form, named, raw, sum_form, united
from selfboot.grading.intervals import ALL_REALS, REALS, RELATION, all_but, combined, interval
from selfboot.grading.quantities import SYMBOL, names_quantity, quantity
from selfboot.grading.spelling import clean, encloses
from selfboot.grading.units import letter_unit, without_unit

MAX_PARTS, MAX_NESTING = 200, 4
_WHOLE_TEXT = re.compile(TEXT + r"\{([^{}]*)\}")
_ANY_TEXT = re.compile(TEXT + r"\{([^{}]*)\}")
_WORDS = re.compile(r"[A-Za-z][A-Za-z' .-]*")
_ARTICLE = re.compile(r"^(?:an?|the) (?=[a-z]{2})")
_LETTER = re.compile(r"(?:(?:[Oo]ption|[Cc]hoice) ?)?\(? ?([A-Za-z]) ?\)?\.?")
_DIFFERENCE = re.compile("[A-Za-z]{1,3}(?: ?- ?[A-Za-z]{1,3})+")
_SEPARATING_TEXT = re.compile(TEXT + r"\{ ?,? ?(?:and|or) ?\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|;")
_LOGICAL = re.compile(r"\\l(or|and)(?![A-Za-z])")
_OR = re.compile(TEXT + r"\{ ?,? ?or ?\}|(?<![A-Za-z\\])or(?![A-Za-z])")
_BASE = re.compile(r"\(?(-?[0-9A-Z]+)\)? ?(?:_ ?\{? ?\(?(?:base )?|\(?base ?)([0-9]{1,2}|[a-z]{3,9})\)? ?\}?\)?")
_CLOCK = re.compile(r"0?([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))? ?(?:([ap])\.?m\.?)?", re.IGNORECASE)
_MEMBER = re.compile(r"[A-Za-z] ?\\in(?![A-Za-z])")
_BUILDER = re.compile(
    r"([A-Za-z])( ?\\in ?\\reals)? ?(?:\\mid(?![A-Za-z])|\||:|\\colon|" + TEXT + r"\{ ?such that ?\})"
)
_COMMA, _COMMA_OR_SEMICOLON, _CUP, _EQUALS = (re.compile(p) for p in (",", "[,;]", r"\\cup(?![A-Za-z])", "="))
_DOLLAR = re.compile(r"\\dollar(?![A-Za-z]) *|\\dollar")
_MATRIX = re.compile(r"\\begin\{([pbB]?)matrix\}(.*)\\end\{\1matrix\}", re.DOTALL)
_UNEQUAL = re.compile(r"[A-Za-z] ?\\ne(?![A-Za-z])(.*)", re.DOTALL)
_APPROX = re.compile(r"\\approx(?![A-Za-z])")
_UNSPACED = re.compile(r"[-(]*[1-9][0-9]{0,2}(?:\^\\circ|\\degree ?)?(?:,[1-9][0-9]{2}(?:\^\\circ|\\degree ?)?)+\)?")
_POINT = re.compile(r"[A-Z]\(")  # P(1,2)
_CHOICE = re.compile(r"(?:\\text ?\{ ?\(([A-H])\) ?\}|\(([A-H])\)) ?(?=\S)")
_ROOT = re.compile(r"_\{?[0-9]\}?$")
_BASES = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def normal_form(text: str) -> Form:
    """The normal form of one extracted answer. Never raises; what cannot be read exactly is ``raw``."""
    if len(text) > MAX_CHARS:
        return Form("raw", text=text)
    form = _form(clean(text), 0)
    apart = clean(text, thousands=False) if "," in text and form.constant else ""
    return replace(form, other=_form(apart, 0)) if _UNSPACED.fullmatch(apart) else form


def _form(text: str, nesting: int) -> Form:
    text = text.strip()
    form = _read(text, nesting)
    return form if form.latex else replace(form, latex=text)


def _read(text: str, nesting: int) -> Form:
    if r"\dollar" in text[:10]:
        return replace(_form(_DOLLAR.sub("", text), nesting), unit="dollar")
    if nesting <= MAX_NESTING:
        for reader in _READERS:
            form = reader(text, nesting)
            if form is not None:
                return form
    return _number_with_unit(text)


def _text(text: str, _: int) -> Form | None:
    """Words: in any text command, or at least three plain letters. A single letter, or (C), is a symbol."""
    whole = _WHOLE_TEXT.fullmatch(text)
    content = (whole[1] if whole else text).strip()
    letter = _LETTER.fullmatch(content)
    if letter:
        return Form("sum", value=parse_sum(letter[1]))
    if _WORDS.fullmatch(content) and (whole or _is_word(content)):
        words = _ARTICLE.sub("", " ".join(content.lower().rstrip(". ").split()))
        words = "∅" if words in ("empty set", "null set") else words
        return REALS if ALL_REALS.fullmatch(words) else Form("text", text=words)
    return _form(clean(content), MAX_NESTING) if whole and content else None


def _is_word(letters: str) -> bool:
    """Whether plain letters are words, and no product (xy) or difference (p - q) of symbols."""
    return letters.lower() in ("no", "on") or (len(letters) > 2 and not _DIFFERENCE.fullmatch(letters))


def _choice(text: str, nesting: int) -> Form | None:
    """(C) 5: the letter of a choice, and what stands behind it as the second reading."""
    found = _CHOICE.match(text)
    if found is None or not re.match(r"[-0-9\\A-Za-z]", text[found.end() :]) or found.end() == len(text):
        return None
    rest = _form(text[found.end() :], nesting + 1)
    letter = Form("sum", value=parse_sum(found[1] or found[2]))
    return replace(letter, other=rest) if rest.constant or rest.kind == "text" else None


def _untexted(text: str) -> str:
    return " ".join(_ANY_TEXT.sub(r"\1", text).split())


def _clock(text: str, _: int) -> Form | None:
    """2:30 PM: words that agree with 2:30, but not with 2:30 AM; without AM and PM it may be a ratio."""
    found = _CLOCK.fullmatch(_untexted(text))
    if found is None:
        return None
    hour, minute, second, half = found.groups()
    ratio = sum_form(f"{hour}/{minute}") if not second and not half else None
    form = Form("text", text=":".join(filter(None, (hour, minute, second))), unit=f"{half.lower()}m" if half else "")
    return replace(form, other=ratio if ratio and ratio.constant else None)


def _ratio(text: str, _: int) -> Form | None:
    r"""3:4 as \frac34; 1:2:3 as a sequence, scaled to begin with 1."""
    if text.count(":") not in (1, 2):
        return None
    values = [sum_form(part).value.rational for part in text.split(":") if part.strip()]
    if len(values) != text.count(":") + 1 or not all(values):
        return None
    scaled = [Form("sum", value=parse_sum(str(value / values[0]))) for value in values if value and values[0]]
    if len(scaled) == 2:
        return Form("sum", value=parse_sum(str(1 / (scaled[1].value.rational or 1))))
    return Form("seq", parts=tuple(scaled), brackets="::")


def _base(text: str, _: int) -> Form | None:
    found = _BASE.fullmatch(_untexted(text))
    if found is None:
        return None
    digits, base = found.groups()
    base = str(_BASES.index(base) + 2) if base in _BASES else base
    if not base.isdigit() or not re.search("[0-9]" if int(base) < 11 else ".", digits):
        return None
    return Form("base", text=f"{digits}_{int(base)}", other=sum_form(digits) if digits.lstrip("-").isdigit() else None)


def _member(text: str, nesting: int) -> Form | None:
    found = _MEMBER.match(text)
    return _form(text[found.end() :], nesting + 1) if found else None


def _matrix(text: str, nesting: int) -> Form | None:
    found = _MATRIX.fullmatch(text)
    if found is None or r"\begin" in found[2]:
        return None
    rows = [row.split("&") for row in re.split(r"\\\\(?:\[[^\[\]]*\])?|\\cr", found[2]) if row.strip()]
    if sum(map(len, rows)) > MAX_PARTS:
        return None
    cells = [tuple(_form(cell, nesting + 1) for cell in row) for row in rows]
    return Form("matrix", parts=tuple(Form("seq", parts=row, brackets="[]") for row in cells), brackets="[]")


def _union(text: str, nesting: int) -> Form | None:
    parts = _split(text, _CUP)
    return united([_form(part, nesting + 1) for part in parts]) if len(parts) > 1 else None


def _list(text: str, nesting: int) -> Form | None:
    """Answers side by side, in no order: 1,2 or 2 \\text{ and } 1. A name that all share (x=1 or x=2) is dropped."""
    if "=" in text or RELATION.search(text):
        text = _LOGICAL.sub(lambda found: " or " if found[1] == "or" else " and ", text)
    parts = [part for part in _split(_SEPARATING_TEXT.sub(",", text), _COMMA) if part.strip()]
    if len(parts) < 2:
        return None
    forms = [_form(part, nesting + 1) for part in parts]
    if all(RELATION.search(part) and form.kind in ("seq", "union") for part, form in zip(parts, forms, strict=True)):
        return combined(forms, either=bool(_OR.search(text)))
    return _gathered(forms)


def _gathered(forms: list[Form]) -> Form:
    flat = [inner for form in forms for inner in (form.parts if form.kind == "list" else (form,))]
    names = [form.name for form in flat]
    if len(set(names)) == len(flat) > 1 and len({_ROOT.sub("", name) for name in names}) == 1 and all(names):
        roots = _gathered([replace(form, name="") for form in flat])  # x_1=1, x_2=2
        return replace(_gathered([named(form) for form in flat]), other=roots)
    if len(set(names)) == 1 or (names[0] and not any(names[1:])):  # x=1, x=2 or x=1, 2
        flat = [replace(form, name="") for form in flat]
    elif any(form.kind != "sum" for form in flat if form.name):
        return raw(",".join(form.key for form in flat))
    else:
        flat = [named(form) for form in flat]
    unique = {form.key: form for form in flat}
    parts = tuple(unique[key] for key in sorted(unique))
    return parts[0] if len(parts) == 1 else Form("list", parts=parts)


def _bracketed(text: str, nesting: int) -> Form | None:
    r"""(1,2), (0,1], ]0,1[, \{1,2\}, \{x \mid x>3\}: ordered in round or square brackets, unordered in braces."""
    if text.startswith(r"\{") and text.endswith(r"\}"):
        return _in_braces(text[2:-2].strip(), nesting)
    if _POINT.match(text) and encloses(text[1:]):
        point = _bracketed(text[1:], nesting)
        return replace(point, name=text[0]) if point and point.kind == "seq" else None
    opening, closing = text[:1], text[-1:]
    if opening == "]" or (opening == "[" and closing == "["):  # ]0,1[ is the open interval
        opening, closing = {"]": "(", "[": "["}.get(opening, ""), {"[": ")", "]": "]"}.get(closing, "")
    elif opening not in ("(", "[") or closing not in (")", "]") or not encloses(text):
        return None
    parts = [part for part in _split(text[1:-1], _COMMA_OR_SEMICOLON) if part.strip()]
    if len(parts) < 2 or not opening or not closing:
        return _form(text[1:-1], nesting + 1) if len(parts) == 1 and opening + closing == "()" else None
    return Form("seq", parts=tuple(_form(part, nesting + 1) for part in parts), brackets=opening + closing)


def _in_braces(inside: str, nesting: int) -> Form | None:
    builder = _BUILDER.match(inside)
    if builder:
        form = _form(inside[builder.end() :], nesting + 1)
        return form if RELATION.search(inside) and form.kind in ("seq", "union") else None
    parts = [part for part in _split(inside, _COMMA_OR_SEMICOLON) if part.strip()]
    if len(parts) == 1:
        return _form(inside, nesting + 1)
    return _gathered([_form(part, nesting + 1) for part in parts]) if parts else None


def _reals(text: str, nesting: int) -> Form | None:
    r"""\mathbb{R}, with or without single points taken out, x \ne 1, 2; and the empty set."""
    if text == r"\emptyset":
        return Form("text", text="∅")
    unequal = _UNEQUAL.fullmatch(text)
    if unequal and not RELATION.search(unequal[1]):
        return all_but(_form(unequal[1], nesting + 1))
    found = re.fullmatch(r"\\reals(?: ?(?:\\setminus|\\backslash|-|\\) ?\\\{(.*)\\\})?", text, re.DOTALL)
    if found is None:
        return None
    return all_but(_form(found[1], nesting + 1)) if found[1] else REALS


def _interval(text: str, _: int) -> Form | None:
    return interval(text)


def _approximation(text: str, nesting: int) -> Form | None:
    r"""2/3 \approx 0.67 is 2/3; x \approx 7.07 and \approx 7.07 are 7.07."""
    sides = _split(text, _APPROX)
    if len(sides) < 2:
        return None
    exact = [side for side in sides if side.strip() and not quantity(side)]
    name = sides[0] if quantity(sides[0]) else ""
    return _form(f"{name} = {exact[0]}" if name and "=" not in exact[0] else exact[0], nesting + 1) if exact else None


def _equation(text: str, nesting: int) -> Form | None:
    """x=5 is 5 with a name; an equation of sums is their difference, scaled; 2+3=5 is 5."""
    sides = _split(text, _EQUALS)
    if len(sides) == 2 and not quantity(sides[0]) and SYMBOL.fullmatch("".join(sides[1].split())):
        sides.reverse()
    name = quantity(sides[0]) if len(sides) > 1 else ""
    if name and len(sides) == 2:
        return _definition(name, sides[1], nesting)
    if len(sides) > 2:
        return _chain(name, sides[1:] if name else sides, nesting)
    return _plain_equation(sum_form(sides[0]), sum_form(sides[1]), text) if len(sides) == 2 else None


def _definition(name: str, right: str, nesting: int) -> Form | None:
    """f(x)=2x+3 and AB=5; x=2x+3 is an equation, and A=B says nothing about a value."""
    form = _form(right, nesting + 1)
    symbol = sum_form(name[:1]).value.symbols
    if form.kind == "sum" and symbol & form.value.symbols and not name.startswith("text:"):
        return _plain_equation(sum_form(name), form, f"{name}={right}")
    return replace(form, name=name)


def _chain(name: str, sides: list[str], nesting: int) -> Form | None:
    r"""x = \frac{10}{4} = 2.5: the last side, if no exact side before it contradicts."""
    forms = [_form(side, nesting + 1) for side in sides]
    numbers = [form for form in forms if form.constant]
    unlike, unsaid = len({form.key for form in numbers}) > 1, not name and len(numbers) < len(forms) - 1
    return None if unlike or unsaid or not forms[-1].constant else replace(forms[-1], name=name)


def _plain_equation(left: Form, right: Form, text: str) -> Form | None:
    if right.kind == "sum" and left.kind == "raw" and not _letters(left.text):
        return right  # 5! = 120
    if left.kind != "sum" or right.kind != "sum":
        return None
    if not left.value.symbols and not right.value.symbols:
        return right
    value = primitive(combine(left.value, right.value, -1))
    other = right if right.constant and names_quantity(left.value) else None
    return Form("equation", value=value, latex=text, other=other)


def _letters(latex: str) -> bool:
    return bool(re.search("[A-Za-z]", re.sub(r"\\[A-Za-z]+", "", latex)))


def _plus_minus(text: str, _: int) -> Form | None:
    if text.count(r"\pm") != 1:
        return None
    forms = [sum_form(text.replace(r"\pm", sign)) for sign in ("+", "-")]
    return _gathered(forms) if all(form.kind == "sum" for form in forms) else None


def _number_with_unit(text: str) -> Form:
    r"""A sum, without the percent sign, degree sign or unit behind it: 12 \text{ cm}^2, 90 \degree, 10 inches, 12ft."""
    percent = re.search(r" ?\\?% ?$", text)
    bare, unit, scale = (text[: percent.start()] if percent else text), "", 1
    if not percent:
        bare, unit, scale = without_unit(text)
    form = sum_form(bare)
    if scale > 1:
        form = sum_form(f"({bare})*{scale}")
    if form.kind == "text":
        return form
    if form.kind != "sum" and (re.search(TEXT + r"\{", bare) or not re.search(TEXT + r"\{", text)):
        return raw(text)
    form = replace(form, unit="" if unit == "percent" else unit, percent=bool(percent) or unit == "percent", latex=bare)
    return replace(form, other=_with_letter_unit(text)) if form.kind == "sum" and not unit else form


def _with_letter_unit(text: str) -> Form | None:
    found = letter_unit(text)
    form = sum_form(found[0]) if found else None
    return replace(form, unit=found[1]) if found and form and form.constant else None


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


_READERS = (
    _text, _choice, _clock, _base, _reals, _member, _matrix, _approximation, _bracketed, _list, _equation, _union,
    _interval, _ratio, _plus_minus,
)  # fmt: skip
