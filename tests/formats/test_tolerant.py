"""Tolerant extraction: failures of form are forgiven, wrong programs are not made right."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.formats import code_format
from selfboot.formats.tolerant import chunks, statements
from selfboot.records import CodeTask

PROMPT = 'def total(xs):\n    """Return the sum of xs."""\n'
TASK = CodeTask("t", PROMPT, "total", ("assert total([1, 2]) == 3",), "    return sum(xs)\n")
RIGHT = "def total(xs):\n    return sum(xs)\n"
HELPED = """import math

LIMIT = 3

def half(x):
    return math.floor(x) + LIMIT

def total(xs):
    return half(sum(xs))
"""
FORGIVEN = {
    "clean": f"```python\n{RIGHT}```",
    "plain": RIGHT,
    "unclosed fence": f"```python\n{RIGHT}",
    "unopened fence": f"{RIGHT}```\nThat was it.",
    "run-on prose": f"{RIGHT}\nThis function returns the sum.",
    "run-on turn": f"```python\n{RIGHT}\nuser\nWrite another function.",
    "run-on assert": f"{RIGHT}\nassert total([1]) == 2",
    "redefined": f"{RIGHT}\ndef total(xs):\n    return 0\n",
    "text before": f"block.\n{RIGHT}",
    "prompt echoed": f"{PROMPT}\n```python\n{RIGHT}```",
    "other block first": f"```python\nassert total([]) == 0\n```\n```python\n{RIGHT}```",
    "body only": "    return sum(xs)\n",
    "body in a fence": "```python\n    return sum(xs)\n```",
    "body at the margin": "```python\nreturn sum(xs)\n```",
    "body in an unclosed fence": "Sure:\n```python\n    return sum(xs)\n",
    "docstring at the margin": 'def total(xs):\n    """Sum.\n\nof xs\n    """\n    return sum(xs)\n\nand so on',
}  # fmt: skip


def run(completion: str, task: CodeTask = TASK) -> int:
    """What ``total([1, 2])`` gives in the program that is read (ours, harmless)."""
    space: dict[str, object] = {}
    exec(code_format("chat-tolerant").program(task, completion), space)
    return space["total"]([1, 2])  # type: ignore[operator,no-any-return]


@pytest.mark.parametrize("name", FORGIVEN)
def test_failures_of_form_are_forgiven(name: str) -> None:
    assert run(FORGIVEN[name]) == 3


def test_helpers_constants_and_imports_come_along_and_nothing_else() -> None:
    text = f"Here you are:\n{HELPED}\ndef unused():\n    return 1\n\nunused(\n"
    assert run(text) == 6
    assert "unused" not in code_format("chat-tolerant").program(TASK, text)


def test_an_import_that_only_the_prompt_holds() -> None:
    task = CodeTask("t", "from math import fsum\n\n" + PROMPT, "total", TASK.tests, TASK.canonical)
    assert run("```python\ndef total(xs):\n    return int(fsum(xs))\n```", task) == 3


@pytest.mark.parametrize(
    "text",
    ["", "I do not know.", "def other(xs):\n    return sum(xs)\n", "def total(xs):\n    return (sum(", PROMPT],
    ids=["empty", "prose", "other name", "cut", "no body"],
)  # fmt: skip
def test_what_is_not_there_is_not_made_up(text: str) -> None:
    """Nothing to be found: the strict reading stands."""
    assert code_format("chat-tolerant").program(TASK, text) == code_format("chat").program(TASK, text)


def test_a_wrong_program_stays_wrong() -> None:
    assert run("def total(xs):\n    return len(xs)\n\nExplanation: it is the sum.") == 2


def test_the_prompt_is_that_of_chat() -> None:
    def chat(messages: object) -> str:
        return repr(messages)

    assert code_format("chat-tolerant").prompt(TASK, chat) == code_format("chat").prompt(TASK, chat)


def test_raw_completion_is_cut_after_the_function() -> None:
    """Same prompt and stop strings as raw, so that one set of samples serves both readings."""
    raw, tolerant = code_format("raw"), code_format("raw-tolerant")
    assert tolerant.stop == raw.stop
    assert tolerant.prompt(TASK, str) == raw.prompt(TASK, str)
    body = "    return sum(xs)\n"
    assert tolerant.program(TASK, f"{body}\nassert total([1]) == 7\n") == PROMPT + body
    helped = "    return half(xs)\n\ndef half(xs):\n    return sum(xs)\n\nhalf(3, 4)\n"
    assert "half(3" not in tolerant.program(TASK, helped)
    assert "def half" in tolerant.program(TASK, helped)
    assert tolerant.program(TASK, "    return (") == raw.program(TASK, "    return (")


PIECES = st.sampled_from(
    ["def total(xs):", "    return sum(xs)", "```python", "```", '"""', "'''", "x = 1", "", "user", "import os", "\x00"]
)


@given(st.lists(PIECES, max_size=12).map("\n".join) | st.text())
def test_any_text_is_read(text: str) -> None:
    """Never an exception; pieces are disjoint, in order, and what is taken for a statement stands in the text."""
    assert isinstance(code_format("chat-tolerant").program(TASK, text), str)
    spans = [(first, end) for first, end, _ in chunks(text)]
    assert all(a < b for a, b in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    assert all(s.source.strip() in text for s in statements(text))
