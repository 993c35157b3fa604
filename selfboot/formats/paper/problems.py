"""How the paper's scripts read a problem that a model invented: each script's own rule, by name.

They agree on what a problem is: from the first line that begins with "def " to the first line that begins with
"assert ", at least two such lines before the next "def ", and thirty characters of code. They differ in how much of
the code becomes the signature, which is shown to the model that attempts the problem: often the whole solution.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selfboot.errors import DataError
from selfboot.formats.arithmetic import evaluate
from selfboot.formats.paper.reading import code_of
from selfboot.formats.problems import Problem
from selfboot.formats.word_problems import WordProblem

MIN_TESTS, MIN_CODE, MIN_PROBLEM = 2, 30, 10
DOCSTRING_WITHIN = 5  # lines from the header on in which a docstring must begin
QUOTES = '"""'
_HEADER = re.compile(r"def\s+(\w+)\s*\(")
_PROBLEM = re.compile(r"PROBLEM:\s*(.+?)(?:\n|EXPRESSION:)", re.DOTALL)
_EXPRESSION = re.compile(r"EXPRESSION:\s*(.+?)(?:\n|ANSWER:)", re.DOTALL)
_ANSWER = re.compile(r"ANSWER:\s*(-?\d+(?:\.\d+)?)")
_ARITHMETIC = frozenset("0123456789+-*/.()% ")
TOLERANCE = 0.01


@dataclass(frozen=True)
class PaperProblem(Problem):
    """A problem as a script keeps it; ``raw`` is all the code that it stood in, shown when a version is asked for."""

    raw: str = ""


Ends = Callable[[Sequence[str], int], bool]
"""Whether the signature ends with line ``at`` (never the header, line 0)."""


def _never(lines: Sequence[str], at: int) -> bool:
    return False


def _bootstrap(lines: Sequence[str], at: int) -> bool:
    line = lines[at].strip()
    if not line.endswith(QUOTES):
        return False
    closes_here = QUOTES in lines[at - 1] or QUOTES in lines[at][: lines[at].rfind(QUOTES)]
    return closes_here or (line.startswith(QUOTES) and line != QUOTES)


def _harvest(lines: Sequence[str], at: int) -> bool:
    return QUOTES in lines[at] and (QUOTES in lines[at - 1] or lines[at].count(QUOTES) >= 2)


def _curriculum(lines: Sequence[str], at: int) -> bool:
    return QUOTES in lines[at] and ((at > 1 and QUOTES in lines[at - 1]) or lines[at].count(QUOTES) >= 2)


SIGNATURES: dict[str, Ends] = {
    "bootstrap": _bootstrap,
    "harvest": _harvest,
    "curriculum": _curriculum,
    "multi-pair": _never,
}


def parse_code_problem(text: str, rule: str) -> PaperProblem | None:
    """The problem in a completion by a script's rule (a name of ``SIGNATURES``), or None. Linear in the text."""
    if rule not in SIGNATURES:
        raise DataError(f"unknown parse rule {rule!r}; known: {', '.join(SIGNATURES)}")
    raw = code_of(text).strip()
    lines = raw.split("\n")
    start = next((at for at, line in enumerate(lines) if line.startswith("def ")), None)
    header = _HEADER.match(lines[start]) if start is not None else None
    if start is None or header is None:
        return None
    stop = next((at for at in range(start + 1, len(lines)) if lines[at].startswith("def ")), len(lines))
    marked = [at for at in range(start, stop) if lines[at].startswith("assert ")]
    if len(marked) < MIN_TESTS:
        return None
    code = lines[start : marked[0]]
    solution = "\n".join(code).strip()
    if len(solution) < MIN_CODE:
        return None
    tests = tuple(lines[at] for at in marked)
    return PaperProblem(_signature(code, SIGNATURES[rule]), header[1], tests, solution, raw)


def _signature(code: Sequence[str], ends: Ends) -> str:
    """The header, and what a rule takes of the lines behind it; without a docstring near it, the header and a pass."""
    if not any(QUOTES in line for line in code[:DOCSTRING_WITHIN]):
        return f"{code[0]}\n    pass"
    last = next((at for at in range(1, len(code)) if ends(code, at)), len(code) - 1)
    return "\n".join(code[: last + 1])


def parse_math_problem(text: str) -> WordProblem | None:
    """The word problem in a completion by the rule of curriculum_math and math_bootstrap, or None.

    A problem ends at its first newline. The answer is kept as Python writes a float ("14.0"), since the next request
    shows it so. Deviation: a power of a fraction, or of more than 256 bits, is refused; the scripts ``eval`` it.
    """
    found = [pattern.search(text) for pattern in (_PROBLEM, _EXPRESSION, _ANSWER)]
    if not all(found):
        return None
    problem, expression, answer = (one[1].strip() for one in found if one)
    if len(problem) < MIN_PROBLEM or not set(expression) <= _ARITHMETIC:
        return None
    try:
        value, claimed = float(evaluate(expression)), float(answer)
    except (ValueError, OverflowError):
        return None
    return WordProblem(problem, expression, str(claimed)) if abs(value - claimed) <= TOLERANCE else None


def leaks(problem: Problem) -> bool:
    """Whether the signature holds the solution, so that whoever attempts the problem reads its answer."""
    bare = replace(problem, signature=_bare(problem.signature), solution=_bare(problem.solution))
    return len(bare.solution) >= MIN_CODE and bare.signature.startswith(bare.solution)


def _bare(code: str) -> str:
    """Without the lines that are empty or a comment, and without the spaces at line ends."""
    return "\n".join(line.rstrip() for line in code.split("\n") if line.strip() and not line.lstrip().startswith("#"))
