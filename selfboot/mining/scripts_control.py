r"""The control's pairs as its script makes them (controls/mbpp_corrupt_control.py): corrupted solutions of MBPP train.

One random stream shuffles the tasks and then picks each corruption, so the same tasks give the same pairs. Kept is what
passes as it was and fails when corrupted; the signature is the first header, and a docstring behind it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from selfboot.mining.base import Grader
from selfboot.records import CodeJob, CodeTask, Item, Outcome, Pair

SEED, COUNT, WITHIN, QUOTES = 42, 21, 5, '"""'
_HEADER = re.compile(r"(def\s+\w+\([^)]*\):)")
_RANGE = re.compile(r"range\((\w+)\)")
_RETURN = re.compile(r"return\s+([\w\.\[\]]+)")
_SUM = re.compile(r"(\w+)\s*\+\s*(\w+)")


def control_pairs(tasks: Sequence[CodeTask], grader: Grader, count: int = COUNT, seed: int = SEED) -> list[Item]:
    """The first ``count`` pairs; ``grader`` judges a solution with its task's asserts. Fewer where tasks run out."""
    stream = random.Random(seed)
    order = list(tasks)
    stream.shuffle(order)
    pairs: list[Item] = []
    for task in order:
        tests = tuple(test for test in task.tests if not test.startswith(("import ", "from ")))
        if not _run(grader, task.canonical, tests).passed or not (options := corruptions(task.canonical)):
            continue
        name, broken = stream.choice(options)
        outcome = _run(grader, broken, tests)
        if broken == task.canonical or outcome.passed or (signature := signature_of(task.canonical)) is None:
            continue
        meta = {"task_id": task.task_id, "corruption": name}
        pairs.append(Pair(signature, tests, broken, outcome.detail, task.canonical, meta))
        if len(pairs) == count:
            break
    return pairs


def _run(grader: Grader, program: str, tests: Sequence[str]) -> Outcome:
    return grader.grade([CodeJob(program, "", "\n".join(tests))])[0]


def corruptions(code: str) -> list[tuple[str, str]]:
    """Every corruption that a solution admits, in the script's order, each of the first place that fits."""
    found = [
        (name, code.replace(old, new, 1))
        for name, old, new in (("<= to <", "<=", "<"), ("== to !=", "==", "!="))
        if old in code
    ]
    for name, pattern, new in (
        ("range off by one", _RANGE, r"range(\1+1)"),
        ("negated return", _RETURN, r"return -\1"),
        ("+ to -", _SUM, r"\1 - \2"),
    ):
        if match := pattern.search(code):
            found.append((name, code.replace(match[0], match.expand(new), 1)))
    return found


def signature_of(code: str) -> str | None:
    """The header that code begins with, and the docstring in the lines behind it; None for code that begins otherwise.

    A line within five that begins with quotes is the docstring; one that does not end on its line goes on, each line
    four spaces further in, until quotes come again.
    """
    header = _HEADER.match(code)
    if header is None:
        return None
    lines = code.split("\n")
    first = next(at for at, line in enumerate(lines) if line.startswith("def "))
    for at in range(first + 1, min(first + WITHIN, len(lines))):
        text = lines[at].strip()
        if text.startswith(QUOTES):
            whole = text.endswith(QUOTES) and len(text) > 2 * len(QUOTES)
            said = [text] if whole else [text, *_until_quotes(lines[at + 1 :])]
            return "\n".join([header[1], *(f"    {line}" for line in said)])
    return header[1]


def _until_quotes(lines: Sequence[str]) -> list[str]:
    end = next((at for at, line in enumerate(lines) if QUOTES in line), len(lines) - 1)
    return list(lines[: end + 1])
