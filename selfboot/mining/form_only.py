"""The form-only control: pairs of right form and wrong content, made from mined ones.

Everything a pair teaches about form stays (prompt, one complete function of the asked name, nothing after it); what it
teaches about the task is wrong. If training on such pairs lifts as much as on the mined ones, the lift is form.
- "swapped"    the body of another pair's ``fixed`` under this pair's header, as text, so that the style stays the
               model's own: nothing about the task is taught
- "corrupted"  ``fixed`` with one mechanical corruption (corruption.py): nearly right, so much content is still taught
Each wrong solution is well formed and was seen to FAIL the pair's own tests; a pair without one is left out.

Not covered: bodies of functions with another number of parameters (never swapped), and helpers beside the asked
function (a swapped body that needs one fails for its absence).
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from selfboot.analysis.failures import asked_name, well_formed
from selfboot.formats.tolerant import parse
from selfboot.mining.base import Grader, derive
from selfboot.mining.corruption import corruptions
from selfboot.records import CodeJob, Pair

Content = Literal["swapped", "corrupted"]
TRIES = 8  # wrong solutions that are graded a pair


def form_only_pairs(pairs: Sequence[Pair], grader: Grader, content: Content = "swapped", seed: int = 42) -> list[Pair]:
    """The pairs with ``fixed`` made wrong, in their order; ``meta["content"]`` says how. Same seed, same pairs."""
    options = [_options(pairs, index, content, seed) for index in range(len(pairs))]
    jobs = [_job(pair, code) for pair, wrong in zip(pairs, options, strict=True) for _, code in wrong]
    outcomes = iter(grader.grade(jobs))
    made = []
    for pair, wrong in zip(pairs, options, strict=True):
        graded = [(how, code, next(outcomes)) for how, code in wrong]
        for how, code in [(how, code) for how, code, outcome in graded if not outcome.passed][:1]:
            made.append(Pair(pair.signature, pair.tests, pair.broken, pair.error, code, {**pair.meta, "content": how}))
    return made


def _options(pairs: Sequence[Pair], index: int, content: Content, seed: int) -> list[tuple[str, str]]:
    """Up to ``TRIES`` well-formed other programs for one pair, each with what was done to it."""
    pair, name = pairs[index], _name(pairs[index])
    if not well_formed(pair.fixed, name):
        return []
    made = _swapped(pairs, index) if content == "swapped" else corruptions(pair.fixed)
    found = [(f"{content}: {how}", code) for how, code in made if well_formed(code, name)]
    random.Random(derive(seed, "form-only", index)).shuffle(found)
    return found[:TRIES]


def _swapped(pairs: Sequence[Pair], index: int) -> Iterator[tuple[str, str]]:
    """The pair's header over the body of every other pair's function with as many parameters."""
    own = _halves(pairs[index])
    for donor in (_halves(pair) for place, pair in enumerate(pairs) if place != index):
        if own and donor and donor.body != own.body and len(donor.parameters) == len(own.parameters):
            body = donor.body
            for old, new in zip(donor.parameters, own.parameters, strict=True):
                body = re.sub(rf"\b{re.escape(old)}\b", new, body)
            yield f"body of {donor.name}", own.header + body


@dataclass(frozen=True)
class _Halves:
    """A program cut in two: all up to the asked function's docstring, and that function's body."""

    name: str
    parameters: tuple[str, ...]
    header: str
    body: str


def _halves(pair: Pair) -> _Halves | None:
    tree, name = parse(pair.fixed), _name(pair)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name] if tree else []
    if not functions:
        return None
    function = functions[-1]
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body or body[0].lineno == function.lineno:
        return None
    lines = pair.fixed.split("\n")
    first, last = body[0].lineno - 1, function.end_lineno
    parameters = tuple(node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg))
    return _Halves(name, parameters, "\n".join(lines[:first]) + "\n", "\n".join(lines[first:last]) + "\n")


def _name(pair: Pair) -> str:
    return asked_name(pair.signature, pair.tests)


def _job(pair: Pair, program: str) -> CodeJob:
    return CodeJob(program, _name(pair), "\n".join(pair.tests), trusted_tests=False)
