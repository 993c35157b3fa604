"""Formats of answers, seeds and word problems: what the model is shown, and the strict reading of what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from selfboot.errors import DataError
from selfboot.formats import answer_format, code_format
from selfboot.formats.arithmetic import MAX_BITS, evaluate
from selfboot.formats.lens import LENSES, LensFormat
from selfboot.formats.problems import parse_problem, problem_prompt
from selfboot.formats.traces import reconsider, solution_example
from selfboot.formats.word_problems import WordProblem, decimal, parse_word_problem, word_problem_prompt
from selfboot.records import AnswerTask, CodeTask, Solution

SEED = CodeTask("s/1", "Double {x}.", "twice", ("import math", "assert twice(2) == 4"), "def twice(x): return 2 * x")
TASK = AnswerTask("a/1", "Ann has 3 bags of {4} nuts. How many?", "12")
WRONG, RIGHT = "3 + 4 = 7\n#### 7\n", "3 * 4 = 12\n#### 12\n"
PROBLEM = "PROBLEM: Ann has 3 bags of 4 nuts. How many nuts?\nEXPRESSION: 3 * 4\nANSWER: 12"


def chat(messages: Sequence[dict[str, str]]) -> str:
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return text if messages[-1]["role"] == "assistant" else text + "<|im_start|>assistant\n"


def test_rendered_prompts(snapshot: SnapshotAssertion) -> None:
    problem, given_problem = parse_word_problem(PROBLEM), parse_problem(EXERCISE)
    shown = {name: answer_format(name).prompt(TASK, chat) for name in ("aime", "gsm8k", "math")}
    shown["bcb"] = code_format("bcb").prompt(SEED, chat)
    shown["mbpp"] = code_format("mbpp").prompt(SEED, chat)
    shown |= {f"lens {lens}": LensFormat(lens).prompt(SEED, chat) for lens in LENSES}
    shown["lens, own name"] = LensFormat("recursion", function="").prompt(SEED, chat)
    shown["word problem"] = word_problem_prompt(chat)
    shown["hard problem"] = problem_prompt(chat, "hard_problems")
    for request in ("harder", "easier"):
        shown[f"word problem, {request}"] = word_problem_prompt(chat, request, problem)
        shown[f"problem, {request}"] = problem_prompt(chat, "problem_versions", request, given_problem)
    assert shown == snapshot


@pytest.mark.parametrize("target", ["plain", "repair", "trace"])
def test_rendered_examples(snapshot: SnapshotAssertion, target: str) -> None:
    wrong = "" if target == "plain" else WRONG
    example = solution_example(Solution(TASK.problem, RIGHT, "12", wrong, target, "gsm8k"), chat)  # type: ignore[arg-type]
    assert {"prompt": example.prompt, "target": example.target} == snapshot


def test_trace_is_prompted_as_in_mining() -> None:
    trace = solution_example(Solution(TASK.problem, RIGHT, "12", WRONG, "trace"), chat)
    mined_from = answer_format("gsm8k").prompt(TASK, chat) + reconsider(WRONG)
    assert (trace.prompt + trace.target).startswith(mined_from + RIGHT.strip())


def test_lens_program_begins_as_the_prompt_ends() -> None:
    for function, name in (("solution", "solution"), ("", "twice")):
        form = LensFormat("recursion", function)
        assert form.prompt(SEED, chat).endswith(f"\n\ndef {name}(")
        assert form.program(SEED, "x):\n    return 1") == f"def {name}(x):\n    return 1"


def test_bigcodebench_s_program_is_the_block_alone() -> None:
    assert code_format("bcb").program(SEED, "So:\n```python\nimport re\n```") == "import re\n"


def test_unknown_answer_format_is_named() -> None:
    with pytest.raises(DataError, match=r"'gsm'.*gsm8k"):
        answer_format("gsm")


EXERCISE = (
    'def add(a, b):\n    """Add two numbers."""\n    return a + b\n\n'
    "assert add(1, 2) == 3\nassert add(0, 0) == 0\nassert add(5, 5) == 10\n"
)


def test_so_many_tests_are_asked_for() -> None:
    assert parse_problem(EXERCISE, min_tests=3) is not None
    assert parse_problem(EXERCISE, min_tests=4) is None


# Arithmetic

operators = st.sampled_from(["+", "-", "*", "/", "//", "%"])
expressions = st.recursive(
    st.integers(0, 999).map(str) | st.decimals(0, 99, places=2).map(str),
    lambda inner: st.tuples(inner, operators, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)


@given(expressions)
@example("(0 / (1 % 0.01))")
@example("(1 / ((1.1 - 1) - 0.1))")
@example("((1 // 1) / (1 // 0.01))")
def test_arithmetic_is_what_python_says_of_fractions(expression: str) -> None:
    """Not of floats: where exact numbers are zero, floats may miss it, and divide by what is left."""
    exact = re.sub(r"\d+(\.\d+)?", r"Fraction('\g<0>')", expression.replace("(", "Fraction("))  # // gives an int
    try:
        value = evaluate(expression)
    except ValueError:
        with pytest.raises(ZeroDivisionError):
            eval(exact, {"Fraction": Fraction})
    else:
        assert value == eval(exact, {"Fraction": Fraction})


@pytest.mark.parametrize(
    ("expression", "value"),
    [("2 ** 10", 1024), ("2 ** -1", Fraction(1, 2)), ("-3 + +4", 1), ("7 // 2", 3), ("7 % 4", 3), ("0.1 + 0.2", "0.3")],
)
def test_arithmetic_is_exact(expression: str, value: object) -> None:
    assert evaluate(expression) == Fraction(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "x + 1",
        "__import__('os')",
        "1,000",
        "[1][0]",
        "True + 1",
        "'a' * 3",
        "1 if 1 else 2",
        "9 ** 9 ** 9",
        "10 ** 100",
        "2 ** 0.5",
        "0 ** -1",
        "1 / 0",
        "1 % 0",
        "1e999",
        "1j",
        "(lambda: 1)()",
        "1\n2",
        "1" * 150,
        "-" * 150 + "1",
        "1" + "+1" * 99,
        "1 << 9",
        "\0",
    ],
)
def test_what_is_no_arithmetic_or_too_big_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        evaluate(expression)


@given(st.text(alphabet="0123456789.+-*/%() e_x,\n", max_size=210))
def test_any_text_is_a_small_number_or_refused(text: str) -> None:
    try:
        value = evaluate(text)
    except ValueError:
        return
    assert value.numerator.bit_length() <= MAX_BITS


# Word problems


def test_problem_is_read_with_the_exact_value_as_its_answer() -> None:
    assert parse_word_problem(PROBLEM) == WordProblem("Ann has 3 bags of 4 nuts. How many nuts?", "3 * 4", "12")
    assert parse_word_problem(f"Sure!\n{PROBLEM}\n\nPROBLEM: Next one") == parse_word_problem(PROBLEM)


@pytest.mark.parametrize(
    ("answer", "expression", "gold"),
    [("12", "3 * 4", "12"), ("1,200", "1200", "1200"), ("$3.33", "10 / 3", "3.3333"), ("-2.", "1 - 3", "-2")],
)
def test_answers_as_people_write_them(answer: str, expression: str, gold: str) -> None:
    problem = parse_word_problem(f"PROBLEM: Ann counts her nuts.\nEXPRESSION: {expression}\nANSWER: {answer}")
    assert problem is not None
    assert problem.answer == gold


@pytest.mark.parametrize(
    "text",
    [
        "",
        PROBLEM.replace("12", "13"),
        PROBLEM.replace("12", "twelve"),
        PROBLEM.replace("ANSWER", "Answer"),
        PROBLEM.replace("3 * 4", "3 x 4"),
        PROBLEM.replace("3 * 4", "open('x')"),
        PROBLEM.replace("PROBLEM: Ann has 3 bags of 4 nuts. How many nuts?", "PROBLEM: Nuts?"),
        PROBLEM.replace("EXPRESSION: 3 * 4\n", ""),
        "\n".join(reversed(PROBLEM.split("\n"))),
        PROBLEM.replace("\nEXPRESSION", " EXPRESSION"),
        PROBLEM.replace("\nANSWER: 12", ""),
    ],
)
def test_ill_formed_problems_are_refused(text: str) -> None:
    assert parse_word_problem(text) is None


def test_expression_alone_can_decide() -> None:
    wrong = PROBLEM.replace("12", "13")
    assert parse_word_problem(wrong, agree=False) == parse_word_problem(PROBLEM)
    assert parse_word_problem(wrong.replace("13", "twelve"), agree=False) is None


@given(st.text(), st.integers(0, len(PROBLEM)))
def test_any_damage_is_a_problem_or_none(noise: str, at: int) -> None:
    problem = parse_word_problem(PROBLEM[:at] + noise + PROBLEM[at:])
    if problem is not None:
        assert abs(evaluate(problem.expression) - Fraction(problem.answer)) <= Fraction(1, 1000)


@given(st.fractions(-10_000, 10_000, max_denominator=999))
def test_decimal_is_the_value_to_four_places(value: Fraction) -> None:
    assert abs(Fraction(decimal(value)) - value) <= Fraction(1, 10_000)
