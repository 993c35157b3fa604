"""Broken attempts for repair documents: failures of form, as chat models make them, and mechanical slips of logic.

Error lines are ours, not the interpreter's, so that the corpus does not depend on the Python version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from random import Random

from selfboot.organism.program import Program

SWAPS = (
    (" <= ", " < "),
    (" >= ", " > "),
    (" == ", " != "),
    (" + ", " - "),
    (" > ", " >= "),
    (" < ", " <= "),
    (" % 2 == 0", " % 2 == 1"),
    ("sorted(", "list("),
    (".upper()", ".lower()"),
    ("max(", "min("),
    (" and ", " or "),
    ("return [", "return sum(["),
    ("[0]", "[1]"),
    (" * ", " + "),
    ("= 0\n", "= 1\n"),
    ("+= ", "= "),
    (" not in ", " in "),
)


# A set of strings comes out in another order in each process. How it did when the weights were trained: the first
# failing assert, by the hash of broken program and asserts; a program that is not named failed none.
SET_ORDERS_TEXT = {
    0: """
    00b54f7d310388a2 00fb117a5606d3f7 0fd364d07d544b6e 116d822789191703 1e6351ba35f6ee17 2587a1f53329953e
    2f4d58d0f7219230 30e1eff004c42baa 3ee12e1877679db9 4130727be8696ed8 44b3bc8694aa69e5 4a7f9c8b01885e65
    5f464946e3a98f0c 6473b9a72e590434 69b8e9928b18175f 7b2dc23cd51be917 7b37f0d86933025a 85760677c6f97b27
    89fe9150b2b961f8 9f99d7024f520a79 acef6009d10afd5f ad4c6d77d8fb26ed ad93db9375c206b4 c7a3fe43bb6e4334
    cb58bb577195c97d cd5fad57058d2183 dd65957e5ae59b18 ed1dbb21bccb62aa
    """,
    1: """
    3a1fd98ce24b5fd2 3c81dbe3bd29eddc 5a4efbf7a8ad9bad 65777b7c2fe5a824 6f90481d0342bcf7 6f9517c26cf6f6d0
    73ccf24de799ad4d 77155edc3af87c26 7ee3d48cb6a16544 7ff452c436c65b22 80950065bfdaea1c 964385b3e72aaa7a
    a4af0eaee0782667 aa1472f01abde8ac afcb7e2e06177898 b694574225b3dc59 bf88a8ce43af3acd cb835d10072c4ebc
    ce7cc563f2668ee4 e2d6bdd95d551235 eb7d205a283276d9 f2c019fa3a3b4ea2 f7be19c5e6e76718
    """,
    2: """
    1f94c1642b8836b5 49c8a360fee0c335 705adac5a27c10e9 a8bbb8af0726ca7c ad8c52a62b1b70ca f81c1d84d4c2e61d
    fa2e499848dda6a1
    """,
}
SET_ORDERS = {key: index for index, text in SET_ORDERS_TEXT.items() for key in text.split()}


class _Strings(list[str]):
    """A set of strings with an order of our choice, as far as the corpus's programs use sets."""

    def add(self, item: str) -> None:
        if item not in self:
            self.append(item)


def _set_maker(backwards: bool) -> Callable[..., object]:
    def make(items: Iterable[object] = ()) -> object:
        found = set(items)
        return _Strings(sorted(map(str, found), reverse=backwards)) if any(isinstance(i, str) for i in found) else found

    return make


def first_failure(code: str, checks: list[str], space: dict[str, object]) -> tuple[int, str] | None:
    """(index, error name) of the first assert that fails, -1 for the program itself; None: it passes all."""
    try:
        exec(code, space)
    except SyntaxError:
        return -1, "SyntaxError: invalid syntax"
    for index, line in enumerate(checks):
        try:
            exec(line, space)
        except Exception as error:
            return index, type(error).__name__
    return None


def failure_of(code: str, broken: str, checks: list[str]) -> tuple[int, str] | None:
    """The first failure, where it does not depend on the order of a set; else what was recorded."""
    if "list(" not in broken or "set(" not in broken:
        return first_failure(code, checks, {})
    forward, backward = (first_failure(code, checks, {"set": _set_maker(b)}) for b in (False, True))
    if forward == backward:
        return forward
    index = SET_ORDERS.get(hashlib.sha256((broken + "\n".join(checks)).encode()).hexdigest()[:16])
    return None if index is None else (index, "AssertionError")


def logic_slip(rng: Random, program: Program, checks: list[str]) -> tuple[str, str] | None:
    """The program with one slip, and the first assert that then fails; None when no slip shows.

    Programs with ``while`` are left alone: a slip could make them run forever.
    """
    header, _, body = program.bare.partition("\n")
    usable = [(a, b) for a, b in SWAPS if a in body]
    if not usable or "while " in body:
        return None
    old, new = rng.choice(usable)
    broken = f"{header}\n{body.replace(old, new, 1)}"
    failure = failure_of(program.head + broken, broken, checks)
    if failure is None:
        return None
    index, error = failure
    return broken, error if index < 0 else f"{error}: {checks[index]}"


def form_slip(rng: Random, program: Program, other: Program, checks: list[str]) -> tuple[str, str]:
    """An attempt that fails on form: run-on, prompt echo, asserts only, another function, unclosed string, empty."""
    code, name = program.bare, program.name
    undefined = f"NameError: name '{name}' is not defined"
    lines = code.rstrip("\n").split("\n")
    choices = (
        ("", undefined),
        ("\n".join(checks[:2]), undefined),
        (other.bare.rstrip("\n"), undefined),
        (f"block.\n{code.rstrip()}", "SyntaxError: invalid syntax"),
        (f"{code}\nThis function returns what the docstring asks for.", "SyntaxError: invalid syntax"),
        (f"{code}\nuser\n{other.doc}", "SyntaxError: invalid syntax"),
        (f"```python\n{code.rstrip()}", "SyntaxError: invalid syntax"),
        (
            "\n".join([*lines[:-1], lines[-1][: len(lines[-1]) // 2]]) if len(lines) > 2 else lines[0],
            "SyntaxError: invalid syntax",
        ),
        (program.prompt().removeprefix(program.head).rstrip("\n"), f"AssertionError: {checks[0]}"),
        (f"Sure! Here is the function:\n{code.rstrip()}", "SyntaxError: invalid syntax"),
    )
    return rng.choice(choices)


def break_it(rng: Random, program: Program, other: Program, checks: list[str]) -> tuple[str, str]:
    """A broken attempt and its error line."""
    if rng.random() < 0.5:
        slip = logic_slip(rng, program, checks)
        if slip is not None:
            return slip
    return form_slip(rng, program, other, checks)
