r"""Where a completion holds its answer: ``strict``, where the format wants it, and ``lenient``, else where people look
for it. What a model thought (up to ``</think>``) is read by neither, if it said anything after it.

gsm8k, minimath  strict: the number right behind ``####``. Lenient: else the number of a ``####`` line that gives an
                 answer, the last \boxed number, the last number.
math             strict: the last balanced \boxed{…}. Lenient: else what follows the last "answer is" or "Final Answer".
aime             strict: the last \boxed integer, 0 to 999. Lenient: else the last number of the last five lines.

Inside a box whose content is not admissible nothing is searched: \boxed{-204} is not 204. Headings (#### Step 1) are no
answers, and the dash of a list is no minus. Linear in the text, whatever the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from selfboot.errors import DataError
from selfboot.grading.normal import normal_form

Style = Literal["gsm8k", "math", "aime", "minimath"]
STYLES: tuple[Style, ...] = ("gsm8k", "math", "aime", "minimath")
MAX_DIGITS, MAX_POWER, TAIL = 300, 300, 20_000
_BRACES = re.compile(r"\\+(?:boxed|fbox|framebox)\s*\{|\\.|[{}]", re.DOTALL)
_BARE_BOX = re.compile(r"\\boxed\s*(\\[dt]?frac\s*(?:\{[^{}]*\}|[0-9])\s*(?:\{[^{}]*\}|[0-9])|[^\s${}\\][^\s${}\\]*)")
_SEPARATOR = re.compile(r"(?<=[0-9])(?:\{,\}|,\\!|\\,)(?=[0-9]{3})")
_FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
_VULGAR = re.compile(f"([0-9]?)([{''.join(_FRACTIONS)}])")
_SCALES = {"hundred": 2, "thousand": 3, "k": 3, "K": 3, "M": 6, "million": 6, "billion": 9, "trillion": 12}
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w).%])[-−–](?=\\?[$€£.0-9])|(?<=[=(≈:] )[-−]\s|(?<=[=(≈])[-−]\s)?(?:\\?[$€£]\s?(?P<minus>-)?)?"
    r"(?:(?P<mixed>[0-9]{1,9})\s(?P<above>[0-9]{1,9})\s?/\s?(?P<under>[1-9][0-9]{0,8})(?![0-9./])|"
    r"(?:(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|"
    r"[1-9][0-9]{0,2}(?:[ \u202f\u00a0][0-9]{3})+(?![0-9]|\s?/|-|,[0-9])|[0-9]+)"
    r"(?P<part>\.[0-9]+)?|(?P<only>\.[0-9]+))"
    r"(?:\s?/\s?(?P<below>[0-9]+)(?![0-9./])|[eE](?P<exponent>[-+]?[0-9]{1,3})(?![0-9A-Za-z])|"
    r"\s?(?:\\times|\\cdot|×|·|\*|[xX])\s?10\s?\^\s?\{?(?P<power>-?[0-9]{1,3})\}?|"
    r"(?:\s(?P<scale>hundred|thousand|million|billion|trillion)s?|(?P<letter>[kKM]))(?![A-Za-z]))?)"
)
_MARKED = re.compile(r"(?<!#)####(?!#)[ \t]*([^\n]*)")
_MARKUP = re.compile(r"[*_\\$€£({\s]*")
_HEADING = re.compile(
    r"\W*(?:(?:step|part|case|problem|question|section|example|method|phase|stage)\b|[0-9]+[.):]\s+\S)", re.I
)
_GOES_ON = re.compile(r"\s*[-+*×=^]\s*[0-9($]")
_SAID = re.compile(
    r"answer\**(?:\s+(?:is|should be|must be|equals)(?:\s+(?:therefore|thus|simply|just|indeed|equal to|given by))?|"
    r"\s*[:=：]|\s+[-–—]\s)[:*\s]*(?=([^\n]+))|"
    r"(?:^|\n)\W{0,9}(?:the\s)?(?:final\s)?answer[^\w\n]{0,9}\n\s*(?=([^\n]+))",
    re.IGNORECASE,
)
_INLINE = re.compile(r"[*\s]*(?:\$\$?((?:[^$\\]|\\.)+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\])")
_SENTENCE_END = re.compile(r"\.(?:\s|$)|,? (?:since|because|which)\b|<\||</s>|<e(?:os|nd_of_turn)>")
_THOUGHT = re.compile(r"</think(?:ing)?>")
_FRACTION = r"\\[dtc]?frac\s*(?:\{[^{}]*\}|[0-9])\s*(?:\{[^{}]*\}|[0-9])"
_PART_OF_MORE = re.compile(_FRACTION + r"|\\sqrt\s*\{[^{}]*\}|[\^_]\s*(?:\{[^{}]*\}|[0-9]+)")
_INTEGER_END = re.compile(r"(?!\w|[.,][0-9]|\s?\\(?:sqrt|pi|frac|cdot|times)|\s?[\^!])")


@dataclass(frozen=True)
class Reading:
    """The answer texts found in a completion; ``None`` where a reading finds none."""

    strict: str | None
    lenient: str | None


@dataclass(frozen=True)
class Box:
    """A box with something in it: where it begins and ends, and its content."""

    start: int
    end: int
    content: str


def read_answer(text: str, style: Style) -> Reading:
    """Where each reading of ``style`` finds the answer in a completion."""
    if style not in _READERS:
        raise DataError(f"answer style {style!r}: choose one of {', '.join(STYLES)}")
    return _READERS[style](_said_aloud(text))


def _said_aloud(text: str) -> str:
    """What stands behind the model's thoughts, if it closed them and said something."""
    ends = [found.end() for found in _THOUGHT.finditer(text)]
    return text[ends[-1] :] if ends and text[ends[-1] :].strip() else text


# ---------------------------------------------------------------- boxes


def last_boxed(text: str) -> str | None:
    r"""The content of the last balanced \boxed{…} that is not empty (the outer one of nested ones); \boxed 5 counts."""
    found = boxes(text)
    return found[-1].content if found else None


def boxes(text: str) -> list[Box]:
    """All boxes that are balanced and not empty, by where they end, in one pass; an outer one follows those in it."""
    starts: list[tuple[int, int] | None] = []
    found: list[Box] = []
    for token in _BRACES.finditer(text):
        if token[0] == "{":
            starts.append(None)
        elif token[0] == "}":
            start = starts.pop() if starts else None
            if start and (content := text[start[1] : token.start()].strip()):
                found.append(Box(start[0], token.end(), content))
        elif token[0].endswith("{") and len(token[0]) > 2:
            starts.append((token.start(), token.end()))
    bare = [Box(b.start(), b.end(), content) for b in _BARE_BOX.finditer(text) if (content := b[1].rstrip(".,"))]
    return sorted([*found, *bare], key=lambda box: box.end)


def _unboxed(text: str) -> str:
    """The text without its boxes."""
    pieces: list[str] = []
    end = len(text)
    for box in reversed(boxes(text)):
        if box.end <= end:
            pieces.append(text[box.end : end])
            end = box.start
    return " ".join([text[:end], *reversed(pieces)])


# ---------------------------------------------------------------- numbers


def numbers(text: str) -> list[tuple[Fraction, str]]:
    """Every number in a text with its spelling: 1,234  $5.50  -3  3/4  2 1/2  1.8e3  5 million. A dash is no minus."""
    return [(value, _spelled(m)) for m in _NUMBER.finditer(_plain(text)) if (value := _value(m)) is not None]


def _plain(text: str) -> str:
    """1,000 for LaTeX's 1{,}000 and 1,\\!000; 2 1/2 for 2½."""
    return _VULGAR.sub(lambda found: f"{found[1]} {_FRACTIONS[found[2]]}".strip(), _SEPARATOR.sub(",", text))


def _spelled(match: re.Match[str]) -> str:
    """The number as text, its minus next to it."""
    return re.sub(r"^([-−–])\s", r"\1", match[0].strip())


def _value(match: re.Match[str]) -> Fraction | None:
    if len(match[0]) > MAX_DIGITS:
        return None
    negative = bool(match["sign"] or match["minus"])
    if match["mixed"]:
        value = int(match["mixed"]) + Fraction(int(match["above"]), int(match["under"]))
        return -value if negative else value
    whole = re.sub(r"\D", "", match["whole"] or "0")
    value = Fraction(whole + (match["part"] or match["only"] or ""))
    power = int(match["exponent"] or match["power"] or _SCALES.get(match["scale"] or match["letter"], 0))
    below = int(match["below"] or 1)
    if below == 0 or abs(power) > MAX_POWER:
        return None
    return (-value if negative else value) * Fraction(10) ** power / below


def marked_number(text: str) -> str | None:
    """The number right behind the first ``####`` that has one (a model that runs on writes more of them)."""
    for line in _MARKED.finditer(text):
        content = re.sub(r"^([-−])\s(?=\S)", r"\1", _plain(line[1]))
        start = _MARKUP.match(content)
        found = _NUMBER.match(content, start.end() if start else 0) or _NUMBER.match(content)
        if found is None or _HEADING.match(content) or _GOES_ON.match(content, found.end()):
            continue
        if _value(found) is not None:
            return _spelled(found)
    return None


# ---------------------------------------------------------------- styles


def _number_reading(text: str) -> Reading:
    strict = marked_number(text)
    if strict is not None:
        return Reading(strict, strict)
    for line in _MARKED.finditer(text):
        found = numbers(line[1].rpartition("=")[2])
        if found and not _HEADING.match(line[1]):
            return Reading(None, found[0][1])
    box = last_boxed(text)
    if box is not None and normal_form(box).kind == "sum" and normal_form(box).value.rational is not None:
        return Reading(None, box)
    found = numbers(_unboxed(text)[-TAIL:])
    return Reading(None, found[-1][1] if found else None)


def _math_reading(text: str) -> Reading:
    box = last_boxed(text)
    if box is not None:
        return Reading(box, box)
    said = [found[1] or found[2] for found in _SAID.finditer(text[-TAIL:])]
    if not said:
        return Reading(None, None)
    inline = _INLINE.match(said[-1])
    answer = (inline[1] or inline[2] or inline[3]) if inline else _SENTENCE_END.split(said[-1])[0]
    return Reading(None, answer.strip(" *\t") or None)


def _aime_reading(text: str) -> Reading:
    box = last_boxed(text)
    if box is not None and aime_integer(box) is not None:
        return Reading(box, box)
    last = _last_integer("\n".join(_unboxed(text)[-TAIL:].splitlines()[-5:]))
    return Reading(None, last if last is not None and aime_integer(last) is not None else None)


def _last_integer(text: str) -> str | None:
    """The last number of a text as it stands there; None if it is a part of a fraction, a root or a power."""
    last = None
    ends = [found.end() for found in _PART_OF_MORE.finditer(text)]
    for found in _NUMBER.finditer(text):
        before = text[found.start() - 1 : found.start()]
        if not (before.isalnum() or (before in (".", ",", "_") and before)) and _INTEGER_END.match(text, found.end()):
            last = found
    return None if last is None or (ends and ends[-1] >= last.end()) else _spelled(last)


def aime_integer(text: str) -> int | None:
    """The integer from 0 to 999 that a text says, as m + n = 204 says 204."""
    form = normal_form(text)
    if form.kind == "equation":
        form = normal_form(text.rpartition("=")[2])
    value = form.value.rational if form.kind == "sum" else None
    return int(value) if value is not None and value.denominator == 1 and 0 <= value <= 999 else None


_READERS = {"gsm8k": _number_reading, "minimath": _number_reading, "math": _math_reading, "aime": _aime_reading}
