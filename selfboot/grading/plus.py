"""Tests by many inputs (HumanEval+, MBPP+), run in the trusted worker with batched calls.

Expected results are listed, or come from a reference solution, which runs here too: it belongs to the benchmark, as
tests do. The rule is evalplus 0.3.1's, read off its source: equal, or close where a tolerance is given or the expected
value is a float or a flat sequence of floats (then 1e-6); relative tolerance 1e-7. One difference: evalplus keeps the
tolerance that a float result switched on for all later inputs of the task; here every input is judged by itself.
"""

from __future__ import annotations

import copy
import functools
import json
import math
import reprlib
from collections.abc import Callable
from typing import Any

from selfboot.grading.values import Codec

RTOL = 1e-7
FLOAT_ATOL = 1e-6


def cases_text(inputs: list[list[Any]], expected: list[Any] | None = None) -> str:
    """Inputs, and expected results if listed, as one text that ``check_cases`` reads; built-in types survive."""
    return json.dumps(Codec().encode([inputs, expected]), separators=(",", ":"))


@functools.lru_cache(maxsize=16)
def read_cases(text: str) -> tuple[list[list[Any]], list[Any] | None]:
    inputs, expected = Codec().decode(json.loads(text))
    return inputs, expected


@functools.lru_cache(maxsize=1)  # some tasks have hundreds of megabytes of results; samples of a task come together
def reference_results(text: str, reference: str, name: str) -> list[Any]:
    """What the function ``name`` of the program ``reference`` returns for the inputs of ``text``."""
    scope: dict[str, Any] = {"__name__": "reference"}
    exec(reference, scope)
    return [scope[name](*copy.deepcopy(args)) for args in read_cases(text)[0]]


def check_cases(
    candidate: Any, text: str, atol: float = 0.0, rule: str = "", reference: tuple[str, str] = ("", "")
) -> None:
    """Raise ``AssertionError`` for the first input on which ``candidate`` is not satisfied.

    ``rule``: a name of ``RULES`` for tasks whose results are compared in a way of their own. ``reference``: source and
    name of the function whose results are expected where ``text`` lists none.
    """
    inputs, expected = read_cases(text)
    if expected is None:
        expected = reference_results(text, *reference)
    satisfied = RULES.get(rule, by_value)
    for args, result, wanted in zip(inputs, candidate.map(inputs), expected, strict=True):
        if not satisfied(args, result, wanted, atol):
            error = AssertionError()
            call = f"{candidate.__name__}({', '.join(map(BRIEF.repr, args))})"
            error.__dict__["statement"] = f"assert {call} == {BRIEF.repr(wanted)}"
            raise error


class Brief(reprlib.Repr):
    """``repr`` as far as it is shown (one line): of a value of any size it costs next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 10, 200, 200
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = 40

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() < 500 else f"<integer of {x.bit_length()} bits>"


BRIEF = Brief()


def by_value(args: list[Any], result: Any, wanted: Any, atol: float) -> bool:
    return agree(result, wanted, atol)


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


def root_found(args: list[Any], result: Any, wanted: Any, atol: float) -> bool:
    """HumanEval/32: any root of the polynomial will do."""
    (coefficients,) = args
    return bool(abs(sum(c * math.pow(result, i) for i, c in enumerate(coefficients))) <= atol)


def as_sets(args: list[Any], result: Any, wanted: Any, atol: float) -> bool:
    """MBPP tasks whose order is not asked for."""
    return set(result) == set(wanted)


def found_or_not(args: list[Any], result: Any, wanted: Any, atol: float) -> bool:
    """MBPP tasks that may answer with a match or with a truth value: None stands for no."""
    return bool(result) == (wanted is not None) if isinstance(result, bool) else (result is None) == (wanted is None)


def anything(args: list[Any], result: Any, wanted: Any, atol: float) -> bool:
    """Mbpp/164, whose text leaves open what is asked."""
    return True


def or_zero(args: list[Any], result: Any, wanted: Any, atol: float) -> bool:
    """Mbpp/295."""
    return bool(result == 0) or agree(result, wanted, atol)


def by_height(args: list[Any], result: Any, wanted: Any, atol: float) -> bool:
    """Mbpp/581, the surface of a square pyramid: its second number may be the height, too."""
    base, height = args
    surface = round(base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2))
    return agree(result, wanted, atol) or abs(result - surface) <= atol


def digit_by_digit(args: list[Any], result: Any, wanted: Any, atol: float) -> bool:
    """Mbpp/558: the sum of the differences of digits, the shorter number filled with zeros, will do as well."""
    width = max(len(str(number)) for number in args)
    pairs = zip(*(str(number).zfill(width) for number in args), strict=True)
    return agree(result, wanted, atol) or bool(result == sum(abs(int(one) - int(other)) for one, other in pairs))


# By the function's name, which is how evalplus has them.
RULES: dict[str, Callable[[list[Any], Any, Any, float], bool]] = {
    "find_zero": root_found,
    **dict.fromkeys(("similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly"), as_sets),
    **dict.fromkeys(("larg_nnum", "intersection_array", "find_dissimilar", "Diff"), as_sets),
    **dict.fromkeys(("check_str", "text_match_three", "text_starta_endb"), found_or_not),
    "are_equivalent": anything,
    "sum_div": or_zero,
    "surface_Area": by_height,
    "digit_distance_nums": digit_by_digit,
}
