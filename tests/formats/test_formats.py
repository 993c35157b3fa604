"""Formats are pure: snapshots of what the model is shown, properties of what is read out of what it writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from selfboot.errors import DataError, UnavailableError
from selfboot.formats import code_format
from selfboot.formats.chat import fenced
from selfboot.formats.problems import parse_problem, problem_prompt
from selfboot.formats.repair import pair_format
from selfboot.records import CodeTask, Pair

TASK = CodeTask(
    "t/1", 'def twice(x):\n    """Return {x} doubled."""\n', "twice", ("assert twice(2) == 4",), "    return 2 * x\n"
)
PAIR = Pair(
    TASK.prompt,
    TASK.tests,
    "def twice(x):\n    return x\n",
    "AssertionError: assert twice(2) == 4",
    "def twice(x):\n    return 2 * x\n",
)


def chat(messages: Sequence[dict[str, str]]) -> str:
    """ChatML, as the mini model's tokenizer writes it."""
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return text if messages[-1]["role"] == "assistant" else text + "<|im_start|>assistant\n"


def test_rendered_prompts(snapshot: SnapshotAssertion) -> None:
    shown = {name: code_format(name).prompt(TASK, chat) for name in ("chat", "raw")}
    shown["problem"] = problem_prompt(chat)
    for name in ("chat-repair", "raw-repair"):
        example = pair_format(name)(PAIR, chat, "<|endoftext|>")
        shown[f"{name} prompt"], shown[f"{name} target"] = example.prompt, example.target
    assert shown == snapshot


def test_prompt_for_solving_ends_unlike_the_one_for_inventing() -> None:
    assert code_format("chat").prompt(TASK, chat)[-90:] != problem_prompt(chat)[-90:]


@pytest.mark.parametrize(
    ("reply", "program"),
    [
        ("```python\ndef twice(x):\n    return 2 * x\n```\nDone.", "def twice(x):\n    return 2 * x\n"),
        ("```\ndef f(): pass\n```\n```python\ndef twice(x): return 1\n```", "def twice(x): return 1\n"),
        ("    return 2 * x\n", TASK.prompt + "    return 2 * x\n"),
        ("```python\ndef twice(x):\n    return 2", "```python\ndef twice(x):\n    return 2"),
        ("", TASK.prompt),
    ],
    ids=["block", "python block first", "body only", "unclosed fence stays", "empty"],
)
def test_chat_program(reply: str, program: str) -> None:
    assert code_format("chat").program(TASK, reply) == program


@given(st.text(alphabet=st.characters(exclude_characters="`", exclude_categories=["Cs"])), st.text(alphabet="ab\n` "))
def test_a_closed_python_block_is_always_found(code: str, around: str) -> None:
    before = around.replace("`", "")
    assert fenced(f"{before}```python\n{code}```{around}") == code


def test_unknown_formats_are_named() -> None:
    with pytest.raises(DataError, match=r"'caht'.*chat"):
        code_format("caht")
    with pytest.raises(DataError, match=r"'x'.*chat-repair"):
        pair_format("x")


PROBLEM = (
    'def add(a, b):\n    """Add two numbers."""\n    return a + b\n\nassert add(1, 2) == 3\nassert add(0, 0) == 0\n'
)


def test_problem_is_split_where_the_docstring_ends() -> None:
    problem = parse_problem(PROBLEM)
    assert problem is not None
    assert problem.signature == 'def add(a, b):\n    """Add two numbers."""\n'
    assert "return" not in problem.signature
    assert problem.tests == ("assert add(1, 2) == 3", "assert add(0, 0) == 0")
    assert problem.task("x").canonical == "    return a + b\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no code here",
        "def add(a, b):\n    return a + b\nassert add(1, 2) == 3\nassert add(0, 0) == 0\n",
        'def add(a, b):\n    """Add."""\n    return a + b\nassert add(1, 2) == 3\n',
        'def add(a, b):\n    """Add."""\n    return a +\nassert add(1, 2) == 3\nassert add(0, 0) == 0\n',
        'def add(a, b):\n    """Add."""\n    return a + b\nassert True\nassert 1 == 1\n',
        'def add(a, b):\n    """Add."""\nassert add(1, 2) == 3\nassert add(0, 0) == 0\n',
        'def add(a, b): """Add."""; return 1\nassert add(1, 2) == 3\nassert add(0, 0) == 0\n',
    ],
    ids=["empty", "prose", "no docstring", "one test", "syntax error", "tests nothing", "no body", "one line"],
)
def test_ill_formed_problems_are_refused(text: str) -> None:
    assert parse_problem(text) is None


def test_repeated_assert_counts_once() -> None:
    assert parse_problem(PROBLEM.replace("add(0, 0) == 0", "add(1, 2) == 3")) is None


@given(st.text())
def test_any_text_is_a_problem_or_none(text: str) -> None:
    parse_problem(text)


@given(st.text(), st.integers(0, len(PROBLEM)))
def test_any_damage_is_a_problem_or_none(noise: str, at: int) -> None:
    problem = parse_problem(PROBLEM[:at] + noise + PROBLEM[at:])
    if problem is not None:
        assert len(problem.tests) >= 2
        json.dumps([problem.signature, problem.tests])


def test_evalplus_s_reading_is_its_sanitizer_s() -> None:
    pytest.importorskip("evalplus.sanitize", reason="evalplus is not installed")
    reading = code_format("evalplus")
    reply = "Sure:\n```python\nimport os\n\ndef add(x, y):\n    return x + y\n\nassert add(1, 2) == 4\n```\nIt adds."
    task = replace(TASK, entry_point="add")
    assert reading.program(task, reply) == "import os\ndef add(x, y):\n    return x + y"
    assert reading.prompt(task, chat) == code_format("chat").prompt(task, chat)


def test_evalplus_s_reading_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evalplus.sanitize", None)
    with pytest.raises(UnavailableError, match="needs the package evalplus"):
        code_format("evalplus").program(TASK, "def f(): ...")
