"""Problems in twenty natural forms, of the released pairs: what each rule reads, and that what it reads is right."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from renderings import CODE, WORDS, Parts, parts_of, words_of
from yields import README, page

from selfboot.errors import DataError
from selfboot.formats.natural import Refusal, read_problem, read_word_problem
from selfboot.formats.paper.problems import SIGNATURES, leaks, parse_code_problem, parse_math_problem
from selfboot.formats.problems import Problem, parse_problem
from selfboot.formats.word_problems import WordProblem, parse_word_problem
from selfboot.pairs import read_items, read_pairs
from selfboot.records import Solution
from tests.shared_files import real

PARTS = Parts(
    "double",
    "def double(x):",
    "Return twice x.",
    "    return 2 * x",
    ("assert double(1) == 2", "assert double(2) == 4"),
)
# Of the forms of renderings.py, those that the scripts' rule cannot read.
PAPER_CANNOT = {"two fences", "a test function", "under main", "a numbered list of tests"}
PAPER_CANNOT_WORDS = {"a currency", "title case", "bold labels", "with its result", "a variable", "in code marks"} | {
    *("signs of print", "a sentence as answer", "another label")
}


def same_problem(found: Problem, parts: Parts) -> None:
    """The function as it was (a docstring may have been added), its own asserts, and nothing else."""
    tree = ast.parse(found.solution)
    (node,) = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    assert [ast.unparse(one) for one in body] == [ast.unparse(one) for one in ast.parse(parts.bare).body[0].body]  # type: ignore[attr-defined]
    assert found.entry_point == parts.name
    assert [ast.unparse(ast.parse(t)) for t in found.tests] == list(dict.fromkeys(map(normal, parts.tests)))
    assert found.solution.startswith(found.signature)
    assert "return" not in found.signature or "return" in (ast.get_docstring(node) or "").lower()


def normal(test: str) -> str:
    return ast.unparse(ast.parse(test))


@pytest.mark.parametrize("form", CODE)
def test_each_natural_form_of_a_made_up_problem_is_read(form: str) -> None:
    text = CODE[form](PARTS)
    found = read_problem(text)
    assert isinstance(found, Problem)
    same_problem(found, PARTS)
    for rule in SIGNATURES:
        assert (parse_code_problem(text, rule) is None) == (form in PAPER_CANNOT)


def test_every_released_problem_is_read_in_every_natural_form() -> None:
    problems = [parts_of(pair) for pair in read_pairs(real("released/pairs_7b_40.jsonl"))]
    assert (len(problems), len(CODE)) == (40, 20)
    for form, render in CODE.items():
        texts = [render(parts) for parts in problems]
        paper = {rule: sum(parse_code_problem(t, rule) is not None for t in texts) for rule in SIGNATURES}
        found = [read_problem(text) for text in texts]
        for one, parts in zip(found, problems, strict=True):
            assert isinstance(one, Problem), (form, one)
            same_problem(one, parts)
        assert set(paper.values()) == ({0} if form in PAPER_CANNOT else {40}), form


def test_the_yields_are_those_recorded() -> None:
    released = real("released/pairs_7b_40.jsonl").parent
    real("released/pairs_math_13.jsonl")
    assert page(released) == README.read_text(encoding="utf-8"), "stale: python tests/paper/yields.py"


def test_every_released_word_problem_is_read_in_every_natural_form() -> None:
    items: list[Any] = read_items(real("released/pairs_math_13.jsonl"))
    problems = [words_of(item, number) for number, item in enumerate(items) if isinstance(item, Solution)]
    assert len(problems) == 13
    for form, render in WORDS.items():
        for text, expression, answer in problems:
            found = read_word_problem(render(text, expression, answer))
            assert isinstance(found, WordProblem), (form, found)
            assert found.text.startswith(text)
            assert (found.answer, float(found.answer)) == (answer, float(answer))
        if form not in PAPER_CANNOT_WORDS:
            assert all(parse_math_problem(render(*problem)) is not None for problem in problems), form


@pytest.mark.parametrize("form", WORDS)
def test_each_natural_form_of_a_made_up_word_problem_is_read(form: str) -> None:
    text = WORDS[form]("Tom has three apples and four pears.", "3 * 4", "12")
    found = read_word_problem(text)
    assert isinstance(found, WordProblem)
    assert (found.answer, found.text.startswith("Tom has three")) == ("12", True)
    assert (parse_math_problem(text) is None) == (form in PAPER_CANNOT_WORDS)


@given(st.text(alphabet=st.sampled_from('def f(x):\n    return 1 assert"""`#= ABPROLEMXSIONWER:0 '), max_size=300))
def test_whatever_the_strict_rules_read_is_read_the_same_and_nothing_raises(text: str) -> None:
    strict, words = parse_problem(text), parse_word_problem(text)
    assert strict is None or read_problem(text) == strict
    assert words is None or read_word_problem(text) == words
    for rule in SIGNATURES:
        parse_code_problem(text, rule)
    parse_math_problem(text)


@given(
    st.text(max_size=40).filter(lambda said: "\n" not in said.strip()), st.sampled_from(sorted(CODE)), st.integers(2, 9)
)
def test_text_around_a_fence_changes_nothing(said: str, form: str, tests: int) -> None:
    """Metamorphic: one more paragraph of plain words behind a closed block, and more tests, keep the problem."""
    if form in ("no fence", "open fence", "labels without a fence", "a numbered list of tests") or "`" in said:
        return
    more = Parts(
        PARTS.name,
        PARTS.header,
        PARTS.docstring,
        PARTS.body,
        tuple(f"assert double({n}) == {2 * n}" for n in range(tests)),
    )
    found = read_problem(CODE[form](more) + "\n\nNote: " + said.replace("~", ""))
    assert isinstance(found, Problem)
    same_problem(found, more)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("block only.", "no function"),
        ("```python\ndef f(x):\n```", "no function"),
        ('```python\ndef f(x):\n    """Only words."""\n```', "no function with a body"),
        ("```python\ndef f(x):\n    return x\nassert f(1) == 1\n```", "too few tests that call the function"),
        (
            "```python\ndef f(x):\n    return x\nassert 1 == 1\nassert g(2) == 2\n```",
            "too few tests that call the function",
        ),
    ],
)
def test_a_refusal_says_why(text: str, why: str) -> None:
    assert read_problem(text) == Refusal(why)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Tom has 3 apples.", "no problem text"),
        ("PROBLEM: Tom has three apples.", "no expression"),
        ("PROBLEM: Tom has three apples.\nEXPRESSION: 3", "no answer"),
        ("PROBLEM: Tom\nEXPRESSION: 3 + 1\nANSWER: 4", "a problem text too short or too long"),
        ("PROBLEM: Tom has apples.\nEXPRESSION: apples\nANSWER: 4", "no arithmetic in the expression"),
        ("PROBLEM: Tom has apples.\nEXPRESSION: 3 + 1\nANSWER: four", "no number in the answer"),
        ("PROBLEM: Tom has apples.\nEXPRESSION: 3 + 1\nANSWER: 5 apples", "expression and answer differ"),
    ],
)
def test_a_refused_word_problem_says_why(text: str, why: str) -> None:
    assert read_word_problem(text) == Refusal(why)


FORM = CODE["the paper's form"](PARTS)


@pytest.mark.parametrize(
    ("rule", "docstring", "leaking"),
    [
        ("multi-pair", '    """Return twice x."""', True),
        ("bootstrap", '    """Return twice x."""', False),
        ("harvest", '    """Return twice x."""', False),
        ("curriculum", '    """Return twice x."""', False),
        ("bootstrap", '    """Return\n    twice x.\n    """', True),
        ("harvest", '    """Return\n    twice x.\n    """', True),
        ("curriculum", '    """Return twice x.\n    """', False),
    ],
)
def test_each_scripts_signature_rule(rule: str, docstring: str, leaking: bool) -> None:
    """A docstring of several lines that closes on a line of its own: three rules run on and take the solution in."""
    text = FORM.replace('    """Return twice x."""', docstring)
    found = parse_code_problem(text, rule)
    assert found is not None
    assert leaks(found) == leaking
    assert found.signature.startswith("def double(x):\n")
    assert found.solution.startswith(found.signature.split("\n\n# tests")[0])


def test_a_signature_without_a_docstring_ends_in_pass() -> None:
    found = parse_code_problem(CODE["no docstring"](PARTS), "multi-pair")
    assert found is not None
    assert found.signature == "def double(x):\n    pass"
    with pytest.raises(DataError, match="unknown parse rule 'ours'"):
        parse_code_problem("", "ours")


def test_the_released_signatures_are_what_the_rules_make(tmp_path: Path) -> None:
    """Each released signature comes out of its script's rule again, from a text that holds it, tests and all."""
    checked = 0
    for name, rule in (("pairs_7b_40", "bootstrap"), ("pairs_14b_multi_new60", "multi-pair")):
        for pair in read_pairs(real(f"released/{name}.jsonl")):
            if pair.signature.endswith("    pass"):
                continue
            body = "" if "return" in pair.signature.rsplit('"""', 1)[-1] else "\n    return None  # the model's own"
            found = parse_code_problem(f"```python\n{pair.signature}{body}\n" + "\n".join(pair.tests) + "\n```", rule)
            assert found is not None
            if not body or rule == "bootstrap":
                assert found.signature == pair.signature, pair.signature
                checked += 1
    assert checked > 80
