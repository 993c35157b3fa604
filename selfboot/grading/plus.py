"""Tests by many inputs and expected results (HumanEval+), run in the trusted worker with batched calls.

The rule is evalplus 0.3.1's, read off its source: equal, or close where a tolerance is given or the expected value is
a float or a flat sequence of floats (then 1e-6); relative tolerance 1e-7. One difference: evalplus keeps the tolerance
that a float result switched on for all later inputs of the task; here every input is judged by itself.
"""

from __future__ import annotations

import functools
import json
import math
from typing import Any

from selfboot.grading.values import Codec

RTOL = 1e-7
FLOAT_ATOL = 1e-6


def cases_text(inputs: list[list[Any]], expected: list[Any]) -> str:
    """Inputs and expected results as one text that ``check_cases`` reads; exact built-in types survive."""
    return json.dumps(Codec().encode([inputs, expected]), separators=(",", ":"))


@functools.lru_cache(maxsize=64)
def read_cases(text: str) -> tuple[list[list[Any]], list[Any]]:
    inputs, expected = Codec().decode(json.loads(text))
    return inputs, expected


def check_cases(candidate: Any, text: str, atol: float = 0.0, oracle: str = "") -> None:
    """Raise ``AssertionError`` for the first input on which ``candidate`` is not satisfied."""
    inputs, expected = read_cases(text)
    for args, result, wanted in zip(inputs, candidate.map(inputs), expected, strict=True):
        right = root_found(args, result, atol) if oracle == "find_zero" else agree(result, wanted, atol)
        if not right:
            error = AssertionError()
            call = f"{candidate.__name__}({', '.join(map(repr, args))})"
            error.__dict__["statement"] = f"assert {call} == {wanted!r}"
            raise error


def agree(result: Any, wanted: Any, atol: float) -> bool:
    if bool(result == wanted):
        return True
    if atol == 0 and is_floats(wanted):
        atol = FLOAT_ATOL
    return atol != 0 and type(result) is type(wanted) and close(result, wanted, atol)


def is_floats(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def close(result: Any, wanted: Any, atol: float) -> bool:
    """Elementwise, as ``numpy.allclose``: NaN is close to nothing, an infinity to itself."""
    if isinstance(wanted, list | tuple):
        return (
            isinstance(result, list | tuple)
            and len(result) == len(wanted)
            and all(close(mine, theirs, atol) for mine, theirs in zip(result, wanted, strict=True))
        )
    if not isinstance(result, int | float | complex) or not isinstance(wanted, int | float | complex):
        return False
    return bool(result == wanted or abs(result - wanted) <= atol + RTOL * abs(wanted))


def root_found(args: list[Any], result: Any, atol: float) -> bool:
    """HumanEval/32: any root of the polynomial will do."""
    (coefficients,) = args
    return abs(math.fsum(c * math.pow(result, i) for i, c in enumerate(coefficients))) <= (atol or FLOAT_ATOL)
