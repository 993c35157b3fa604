r"""What an equation gives the value of: x, AB, f(3), \text{Area}, \frac{dy}{dx} on the left of =."""

from __future__ import annotations

import re

from selfboot.grading.algebra import Sum

_LETTER = r"(?:[A-Za-z]|\\(?:alpha|beta|gamma|delta|epsilon|theta|lambda|mu|phi|rho|sigma|tau|omega|Delta|Omega|ell))"
_INDEXED = rf"{_LETTER}(?:_(?:\{{[^{{}}]*\}}|[A-Za-z0-9]))?(?:'+|\^\{{?(?:\*|'+|\\prime)\}}?)?"
SYMBOL = re.compile(_INDEXED)
_QUANTITY = re.compile(  # what stands left of a value that it names, without spaces
    rf"{_INDEXED}|[A-Z]{{2,4}}'*|"
    rf"(?:{_INDEXED}|\\mathbb\{{?[A-Z]\}}?)(?:\^\{{?-1\}}?)?(?:\([^()]*(?:\([^()]*\)[^()]*)?\)|\[[^\[\]]*\])|"
    rf"\({_LETTER}(?:\\circ ?|[-+])?{_LETTER}\)\([^()]*\)|\({_INDEXED}(?:,{_INDEXED})*\)|"
    r"\[[A-Z]{2,8}\]|\|{1,2}[^|<>]*\|{1,2}|"
    r"m?\\(?:angle|triangle|measuredangle|overline|overrightarrow|vec|hat|bar|tilde|widehat|dot|mathcal|mathbb|det|deg|"
    r"dim|gcd|lcm|Pr|max|min|lim|sum|prod|int|sin|cos|tan|cot|sec|csc|log|ln)(?![A-Za-z]).*|"
    r"\\frac\{(?:d|\\partial)(?:\^\{?[0-9]\}?)?[A-Za-z]?\}\{(?:d|\\partial)[A-Za-z](?:\^\{?[0-9]\}?)?\}.{0,20}|"
    rf"{_INDEXED}(?:\\(?:cup|cap|setminus|times|circ|cdot) ?{_INDEXED})+"
)
_TEXT_NAME, _WORDS = re.compile(r"\\text\{[^{}]*[A-Za-z]{2}"), re.compile(r"[A-Z]?[a-z]{3,}(?: [A-Za-z]+)*")
_PRODUCT = re.compile(r"[a-eg-oq-zA-EH-O]\([^()]*[A-Za-z0-9}][-+*/^][^()]*\)")  # n(n-1) multiplies; f(3) is a call


def quantity(side: str) -> str:
    """The name of a quantity, such as x, AB, f(3), \\text{Area}; empty if the text is none."""
    squeezed = re.sub(r" (?![A-Za-z])|(?<![A-Za-z]) ", "", re.sub(r"^ ?\{([A-Za-z])\}", r"\1", side.strip()))
    if _TEXT_NAME.search(squeezed) or _WORDS.fullmatch(side.strip()):
        return "text:" + squeezed.lower()
    return squeezed if _QUANTITY.fullmatch(squeezed) and not _PRODUCT.fullmatch(squeezed) else ""


def names_quantity(left: Sum) -> bool:
    """Whether m + n, abc or a/b = 204 gives a quantity's value; x, y and z may belong to a curve's equation."""
    once = all(abs(value) == 1 == root and all(abs(n) == 1 for _, n in powers) for (root, powers), value in left.terms)
    return once and len(left.symbols) > 1 and not left.symbols & {"x", "y", "z"}
