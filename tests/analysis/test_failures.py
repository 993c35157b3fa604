"""The taxonomy of failing attempts: constructed cases of every class, and one class for every text."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.analysis import failures
from selfboot.analysis.failures import (
    CLASSES,
    FORM,
    SKILL,
    asked_name,
    classify,
    classify_answer,
    classify_broken,
    side,
    tally,
)
from selfboot.formats import code_format
from selfboot.records import CodeTask, Outcome, Pair, Status

PROMPT = 'def total(xs):\n    """Return the sum of xs."""\n'
TASK = CodeTask("t", PROMPT, "total", ("assert total([1, 2]) == 3",), "    return sum(xs)\n")
RIGHT = "def total(xs):\n    return sum(xs)\n"
ERROR = Outcome("error", "SyntaxError: invalid syntax", 1)
CHAT = {  # completion under the chat format -> class
    "": "empty",
    " \n\n": "empty",
    "The function adds up all numbers of the list.": "text only",
    "```python\n# nothing\n```": "text only",
    "assert total([1, 2]) == 3\nassert total([]) == 0": "asserts only",
    "```python\nassert total([1]) == 1\n```": "asserts only",
    PROMPT: "prompt echoed",
    'def total(xs):\n    """Return the s': "prompt echoed",
    'def total(xs):\n    """Add up."""\n': "prompt echoed",
    "def mean(xs):\n    return sum(xs) / len(xs)\n": "other function",
    "```python\ndef mean(xs):\n    return 1\n```\nDone.": "other function",
    "def mean(xs:\n    return 1\n": "other function",
    f"```python\n{RIGHT}": "unclosed fence",
    f"Sure!\n```python\n{RIGHT}\nuser\nAnother one, please.": "unclosed fence",
    f"{RIGHT}```\n": "unclosed fence",
    f"block.\n{RIGHT}": "text before",
    f"{RIGHT}\nThis function returns the sum.": "run-on",
    f"{RIGHT}\nuser\nAnother one, please.\nassistant\n{RIGHT}": "run-on",
    f"Well now:\n{RIGHT}\nThat is all.": "run-on",
    "def total(xs):\n    return (sum(xs)": "unterminated",
    'def total(xs):\n    """Return': "prompt echoed",
    "def total(xs):\n    s = 'abc": "unterminated",
    "```python\ndef total(xs):\n    for x in xs:": "unterminated",
    "def total(xs):\n    retrun sum(xs)\n    return 1\n": "syntax error",
    "def total(xs):\n    return sum(xs))\n    y = 1\n": "syntax error",
}
RAW = {  # completion under raw completion -> class
    "\n\n": "empty",
    "\n\nassert total([1]) == 1\n": "asserts only",
    "\n\ndef mean(xs):\n    return 1\n": "other function",
    "    return (sum(xs)": "unterminated",
    "    return sum(xs)\n\nThat is it.\n": "run-on",
    "# TODO\n": "text only",
}


def graded(completion: str, outcome: Outcome = ERROR, form: str = "chat", tolerant: Outcome | None = None) -> str:
    return classify(TASK, completion, code_format(form).program(TASK, completion), outcome, tolerant)


@pytest.mark.parametrize(("completion", "expected"), CHAT.items(), ids=lambda x: repr(x)[:40])
def test_failures_of_form_in_chat(completion: str, expected: str) -> None:
    assert graded(completion) == expected


@pytest.mark.parametrize(("completion", "expected"), RAW.items(), ids=lambda x: repr(x)[:40])
def test_failures_of_form_in_raw_completion(completion: str, expected: str) -> None:
    assert graded(completion, form="raw") == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [("wrong", "wrong value"), ("error", "exception"), ("timeout", "time-out"), ("memory", "memory"),
     ("blocked", "blocked"), ("passed", "passed")],
)  # fmt: skip
def test_a_whole_program_fails_on_skill(status: Status, expected: str) -> None:
    assert graded(f"```python\n{RIGHT}```", Outcome(status)) == expected
    assert graded("    return sum(xs)", Outcome(status), form="raw") == expected


def test_a_shell_that_passes_has_passed() -> None:
    assert graded("", Outcome("passed")) == "passed"


def test_loose_code_behind_the_answer_is_a_run_on() -> None:
    """It parses, so only the line where it failed tells."""
    text = f"{RIGHT}\nassert total([1]) == 2\n"
    assert graded(text, Outcome("error", "AssertionError", 4)) == "run-on"
    assert graded(text, Outcome("error", "TypeError", 2)) == "exception"
    assert graded(text, Outcome("wrong", "AssertionError: assert total([1, 2]) == 3")) == "wrong value"


def test_what_passes_under_tolerant_extraction_failed_on_form() -> None:
    text = f"{RIGHT}\ndef total(xs):\n    return 0\n"
    assert graded(text, Outcome("wrong")) == "wrong value"
    assert graded(text, Outcome("wrong"), tolerant=Outcome("passed")) == "run-on"
    assert graded(text, Outcome("wrong"), tolerant=Outcome("wrong")) == "wrong value"


def test_a_return_outside_the_function_is_no_program() -> None:
    """``ast.parse`` would take it."""
    assert graded(f"{RIGHT}\nreturn 3\n") == "run-on"


PIECES = st.sampled_from(
    ["def total(xs):", "    return sum(xs)", "def other(a):", "```python", "```", '    """Doc."""', "assert total([1])",
     "So it is.", "", "    x = (1", "user", "\x00", "return 1", PROMPT]
)  # fmt: skip


@given(
    st.lists(PIECES, max_size=10).map("\n".join) | st.text(),
    st.sampled_from(get_args(Status)),
    st.one_of(st.none(), st.integers(0, 12)),
    st.sampled_from(["chat", "raw", "chat-tolerant"]),
)
def test_every_attempt_has_exactly_one_class(text: str, status: Status, line: int | None, form: str) -> None:
    name = graded(text, Outcome(status, "", line), form)
    assert name in CLASSES
    assert name != "unknown"
    assert (name == "passed") == (status == "passed")
    assert name == graded(text, Outcome(status, "", line), form)


@given(st.lists(st.sampled_from(CLASSES)))
def test_a_tally_loses_nothing(names: list[str]) -> None:
    counts = tally(names)
    assert sum(counts.values()) == len(names)
    assert all(counts.values())


def test_every_class_has_a_meaning_and_a_side() -> None:
    assert set(failures.MEANING) == set(CLASSES)
    assert {side(name) for name in FORM} == {"form"}
    assert {side(name) for name in SKILL} == {"skill"}
    assert not set(FORM) & set(SKILL)
    assert side("unknown") == "unknown"


def test_answers_fail_on_form_when_there_is_none() -> None:
    assert classify_answer("so it is 4", True, "4") == "passed"
    assert classify_answer(" \n", False, None) == "empty"
    assert classify_answer("I do not know", False, None) == "no answer"
    assert classify_answer("so it is 5", False, "5") == "wrong value"


def pair(broken: str, error: str, tests: tuple[str, ...] = TASK.tests) -> Pair:
    return Pair(PROMPT, tests, broken, error, RIGHT)


def test_broken_sides_of_pairs() -> None:
    assert classify_broken(pair("", "NameError: name 'total' is not defined")) == "empty"
    assert classify_broken(pair("def total(xs):\n    return 1\n", "AssertionError: assert …")) == "wrong value"
    assert classify_broken(pair("def total(xs):\n    return x\n", "NameError: name 'x'")) == "exception"
    assert classify_broken(pair("def total(xs):\n    while 1: pass\n", "TimeoutError: …")) == "time-out"
    assert classify_broken(pair(PROMPT + "That is it.", "SyntaxError: invalid syntax")) == "text only"
    assert classify_broken(pair(PROMPT, "AssertionError: …")) == "prompt echoed"
    assert classify_broken(pair(RIGHT, "AssertionError: …"), Outcome("passed")) == "passed"


def test_the_asked_function_is_the_one_that_the_tests_call() -> None:
    helper = "def helper(x):\n    return x\n\n"
    assert asked_name(helper + PROMPT, ("assert total([1]) == 1",)) == "total"
    assert asked_name(PROMPT + "\n" + helper, ("assert total([1]) == 1",)) == "total"
    assert asked_name("Add up a list.", ("assert total([1]) == sum([1])", "assert len(total([])) == 0")) == "total"
    assert asked_name("nothing", ("assert True",)) == ""
