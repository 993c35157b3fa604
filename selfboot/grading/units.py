r"""Units behind a number: 12 \text{ cm}^2, 90 \degree, 10 inches, 12ft, 5 million dollars."""

from __future__ import annotations

import re

from selfboot.grading.form import TEXT

_UNIT_NAMES = (  # each by its first spelling
    "mm millimeter millimetre", "cm centimeter centimetre", "m meter metre", "km kilometer kilometre", "in inch inche",
    "ft foot feet", "yd yard", "mi mile", "s sec second", "min minute", "h hr hour", "day", "week", "month", "year yr",
    "cent", "dollar", "g gram", "kg kilogram", "mg milligram", "degree deg", "radian rad", "mph", "L liter litre",
    "mL ml milliliter millilitre", "lb pound", "oz ounce",
)  # fmt: skip
_UNITS = {name: names.split()[0] for names in _UNIT_NAMES for name in names.split()}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NO_UNITS = frozenset(  # words that say something else about the number in front of them
    ["or", "if", "for", "pi", "base", "times", "mod", "not", "where", "when", "with", "at", "least", "most", "more",
     "less", "fewer", "than", "plus", "minus", "remainder", "below", "dozen", "factorial", "over", "divided"]
)  # fmt: skip
_NO_UNIT_FIRST = frozenset({"and", "squared", "cubed", "to"})
_POWER = r" ?(\^ ?\{? ?-?[0-9] ?\}?)?"
_TRAILING_TEXT = re.compile(rf"(.*\S) ?/? ?{TEXT}\{{([^{{}}]*)\}}{_POWER}", re.DOTALL)
_TRAILING_WORDS = re.compile(
    rf"(.*(?:[0-9)}}]|\\pi)) ([A-Za-z][A-Za-z /]{{1,40}}?|[mgshLNJWV]/[a-z]+){_POWER}", re.DOTALL
)
_GLUED = "|".join(sorted((name for name in _UNITS if len(name) > 1), key=len, reverse=True))
_GLUED_UNIT = re.compile(rf"(.*[0-9)}}])((?:{_GLUED})s?|[mgshL]/(?:{_GLUED}|[sh])|km/h){_POWER}", re.DOTALL)
_LETTER_UNIT = re.compile(r"(.*(?:[0-9)}]|\\pi)) ([mgshLNJWV])" + _POWER, re.DOTALL)


def without_unit(text: str) -> tuple[str, str, int]:
    """The text in front of a unit, the unit, and what its word multiplies by: 5 million dollars is 5, dollar, 10^6."""
    if text.endswith(r"\degree"):
        return text.removesuffix(r"\degree"), "degree", 1
    found = _TRAILING_TEXT.fullmatch(text) or _TRAILING_WORDS.fullmatch(text) or _GLUED_UNIT.fullmatch(text)
    if found is None or not _is_unit(found[2]):
        return text, "", 1
    bare, words = found[1].removesuffix(r"\degree"), found[2].split()
    scale = _SCALES.get(words[0].lower().removesuffix("s"), 1) if words else 1
    more = _TRAILING_TEXT.fullmatch(bare)
    if more and _is_unit(more[2]):
        return more[1], "", scale
    return bare, _unit(" ".join(words[1:] if scale > 1 else words), found[3]), scale


def _is_unit(words: str) -> bool:
    """Whether words behind a number can be what it counts."""
    names = words.lower().split()
    counted = re.search(r"(?<![A-Za-z0-9^])[0-9]", words) and not words.strip().startswith("(")  # 3/4 of 8
    return not (counted or _NO_UNITS & set(names) or _NO_UNIT_FIRST & set(names[:1]))


def letter_unit(text: str) -> tuple[str, str] | None:
    """The text in front of a unit of one letter, and the unit; None where there is none: 5 m may be five metres."""
    found = _LETTER_UNIT.fullmatch(text)
    return (found[1], _unit(found[2], found[3])) if found else None


def _unit(words: str, power: str | None) -> str:
    """One spelling of a known unit, such as cm^2; unknown ones count as none, so they contradict nothing."""
    names = words.replace(".", " ").split()
    if [name.lower() for name in names] in (["percent"], ["per", "cent"], ["%"]):
        return "percent"
    exponent = "".join(c for c in power or "" if c.isdigit())
    for word, meaning in (("square", "2"), ("sq", "2"), ("squared", "2"), ("cubic", "3"), ("cubed", "3")):
        if word in names:
            names.remove(word)
            exponent = meaning
    name = names[0] if len(names) == 1 else ""
    known = next((_UNITS[n] for n in (name, name.lower(), name.lower().removesuffix("s")) if n in _UNITS), "")
    return f"{known}^{exponent}" if known and exponent else known
