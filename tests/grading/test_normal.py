"""Normal forms: what is one answer and what is not, and that no text can upset them."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfboot.grading.form import same
from selfboot.grading.normal import normal_form

SAME = [
    (r"\frac12", "0.5", "1/2", r"\dfrac{1}{2}", r"\tfrac12", r"50\%", r"\frac{2}{4}", "$0.50$"),
    (r"1\frac{4}{5}", "1 4/5", "9/5", "1.8"),
    (r"\sqrt{8}", r"2\sqrt2", r"2\sqrt{2}", "2√2", "2sqrt(2)", r"\frac{4}{\sqrt2}"),
    ("10080", "10,080", r"10,\!080", "10{,}080", r"10\,080", "10 080"),
    (r"11,\! 111,\! 111,\! 100", "11111111100", "11,111,111,100"),
    (r"90^\circ", "90", r"90^{\circ}", r"90\text{ degrees}", "90°", r"90\degree"),
    (r"12 \text{ cm}^2", "12", r"12\text{ square centimeters}", "12 cm^2", r"12\,\mathrm{cm}^2"),
    (r"\$32,\!348", "32348", "$32,348", r"32348 \text{ dollars}"),
    (r"\text{(C)}", "C", "(C)", r"\textbf{(C)}", r"\text{C}"),
    (r"\text{Evelyn}", "Evelyn", "evelyn", r"\mbox{Evelyn}"),
    ("1,2", "2, 1", r"\{1,2\}", r"2 \text{ and } 1", "x=1 or x=2", "1,2,2", r"\left\{ 2, 1 \right\}"),
    (r"1 \pm \sqrt{2}", r"1+\sqrt{2},1-\sqrt{2}", r"x = 1\pm\sqrt2", r"\{1\pm\sqrt 2\}"),
    (r"x \in [-2,7]", "[-2,7]", r"-2 \le x \le 7", r"7\ge x\geq -2", r"\left[-2, 7\right]"),
    (r"(2,\infty)", "x > 2", "2 < x", r"x \in (2, \infty)"),
    (r"(0,9)\cup(9,36)", r"\left(9,36\right) \cup (0,9)", r"x\in(0,9) \cup (9,36)"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \frac{\pi}{2})", r"(3,\pi/2)", "(3, 0.5π)"),
    ("x=5", "5", "5=x", r"\boldmath{}5"[-1:]),
    ("y = 2x + 3", "y=3+2x", "2x+3", "f(x)=2x+3"),
    ("5x - 7y + 11z + 4 = 0", "-5x+7y-11z-4=0", "5x+11z=7y-4", "10x-14y+22z=-8"),
    ("(x-1)(x^2+x+1)", "x^3-1", "-1+x^3"),
    (r"\begin{pmatrix} -1/3 \\ 2/3 \end{pmatrix}", r"\begin{bmatrix}-\frac13\\\frac{2}{3}\end{bmatrix}"),
    ("2516_8", "2516_{8}"),
    ("6-5i", "-5i+6"),
    (r"\frac{2}{3} \approx 0.667", r"\frac23"),
    ("007", "7", "7.0", "7.", r"\boxed{7}"[7:8]),
    (r"\frac{11+9a}{20}", r"\frac{9a}{20}+\frac{11}{20}"),
]
DIFFERENT = [
    ("0.333", r"\frac13"),
    ("1.41", r"\sqrt2"),
    ("3.14159265", r"\pi"),
    ("1000000.5", "1000000"),
    ("0.3333333333", r"\frac13"),
    ("(0,1)", "[0,1]"),
    ("(0,1]", "[0,1)"),
    ("(1,2)", "(2,1)"),
    ("(1,2)", "(1,2,3)"),
    ("(1,2)", "1,2"),
    ("1,2", "1,3"),
    ("10_2", "10_3"),
    ("52_8", "52_9"),
    ("52_8", "42"),
    ("2p-3", "2q-3"),
    ("3-4i", "3+4i"),
    ("1,001", "1000"),
    ("(1,001)", "1001"),
    (r"\text{east}", r"\text{seat}"),
    ("east", "seat"),
    (r"\text{no}", r"\text{on}"),
    ("no", "on"),
    ("1 1", "11"),
    ("1 4/5", "14/5"),
    ("x=5", "y=5"),
    ("x=1, y=2", "x=2, y=1"),
    (r"10\text{ cm}", r"10\text{ m}"),
    (r"12\text{ cm}^2", r"12\text{ cm}^3"),
    (r"\$5.40", r"5.4\text{ cents}"),
    (r"50\%", "0.05"),
    ("x^2+1=0", "x^2-1=0"),
    (r"2\sqrt3", r"3\sqrt2"),
    ("A", "B"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    ("x > 2", r"x\ge2"),
    ("x>2", "x<2"),
    (r"\infty", r"-\infty"),
    (r"(0,9)\cup(9,36)", "(0,36)"),
    (r"1\pm\sqrt2", r"1+\sqrt2"),
    ("60", r"90^\circ"),
    ("", "0"),
    (r"\text{even}", "2"),
    ("5", r"\text{5 or 6}"),
    ("1,2,3,4,5", "3"),
]
OPEN = [
    (r"\cot x", r"\frac{\cos x}{\sin x}"),
    (r"e^{i\pi}", "-1"),
    (r"(1, \sqrt[3]{8})", "(1, 2)"),
    (r"\{\log_2 8, 1\}", "1, 3"),
    ("10000!", "2"),
    (r"\sum_{n=1}^{9}n", "45"),
    (r"\frac{1}{x+1}", r"\frac{2}{2x+2}"),
]


@pytest.mark.parametrize("spellings", SAME, ids=lambda s: s[0])
def test_one_answer_has_one_form_and_one_key(spellings: tuple[str, ...]) -> None:
    for a, b in itertools.combinations(spellings, 2):
        assert same(normal_form(a), normal_form(b)) is True, (a, b)
    keys = {normal_form(s).key for s in spellings if "%" not in s}  # 50% votes as 50
    assert len(keys) == 1, keys


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different_answers(a: str, b: str) -> None:
    assert same(normal_form(a), normal_form(b)) is False
    assert same(normal_form(b), normal_form(a)) is False


def test_no_spelling_of_one_answer_equals_another() -> None:
    for one, other in itertools.combinations(SAME, 2):
        values = {normal_form(one[0]).key, normal_form(other[0]).key}
        if len(values) == 2:
            assert not any(same(normal_form(a), normal_form(b)) for a in one[:3] for b in other[:3]), (one, other)


@pytest.mark.parametrize(("a", "b"), OPEN)
def test_what_is_outside_exact_algebra_is_left_open(a: str, b: str) -> None:
    assert same(normal_form(a), normal_form(b)) is None
    assert same(normal_form(a), normal_form(a)) is True


def test_an_ambiguous_text_has_two_readings() -> None:
    """The second counts only where the other side leaves no doubt."""
    number = normal_form("150,210")
    assert number.key == "150210"
    assert number.other is not None
    assert number.other.key == "{150, 210}"
    assert same(number, normal_form("210, 150")) is True
    assert same(number, normal_form("210,150")) is False
    assert normal_form("1,000").other is None  # nobody writes 000 in a list
    assert same(normal_form("2516_8"), normal_form("2516")) is True
    assert same(normal_form("2516_8"), normal_form("2516_7")) is False


def test_parts_outside_exact_algebra_are_asked_about_one_by_one() -> None:
    asked = []

    def ask(left: str, right: str) -> bool:
        asked.append((left, right))
        return (left, right) == (r"\sqrt[3]{8}", "2")

    assert same(normal_form(r"(1, \sqrt[3]{8})"), normal_form("(1, 2)"), ask) is True
    assert same(normal_form(r"(2, \sqrt[3]{8})"), normal_form("(1, 2)"), ask) is False
    assert same(normal_form(r"\{\sqrt[3]{8}, 5\}"), normal_form("5, 2"), ask) is True
    assert asked[0] == (r"\sqrt[3]{8}", "2")
    assert ("5", "5") not in asked


HOSTILE = {
    "digits": "1" * 200_000,
    "commas": "," * 20_000,
    "list": "1," * 9_000,
    "nested": "(" * 2_000 + "x" + ")" * 2_000,
    "nested lists": "(1," * 3_000 + "2" + ")" * 3_000,
    "equals": "=" * 20_000,
    "relations": "<" * 20_000,
    "unions": r"\cup" * 4_900,
    "text": r"\text{" * 3_000,
    "open text": r"1\text{" + " " * 15_000,
    "spaces": "1" + " " * 19_000 + "x",
    "words": "10 " + "ab " * 6_000,
    "matrix": r"\begin{pmatrix}" + "1&" * 9_000 + r"\end{pmatrix}",
    "matrices": r"\begin{pmatrix}" * 1_300,
    "pm": r"\pm" * 6_000,
    "approx": r"\approx" * 2_800,
    "thousands": "1" + ",000" * 4_900,
    "minus": "-" * 20_000,
    "dollars": r"\$" * 9_000,
    "sum": "+".join(["1"] * 9_000),
    "degrees": r"\circ" * 3_900,
    "backslashes": "\\" * 20_000,
    "and": "and" * 6_600,
    "braces": r"\{" * 9_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_end_quickly(name: str) -> None:
    started = time.process_time()
    form = normal_form(HOSTILE[name])
    assert same(form, normal_form("1")) is not True
    assert len(form.key) < 30_000
    assert time.process_time() - started < 1.5


WORDS = (
    r"\frac \sqrt { } ( ) [ ] \{ \} , ; = < > \le \ge + - \pm \cup \in \infty \pi 1 2 30 0.5 x y i e ^ _ \text{ \mbox{ "
    r"and or \% \$ ^\circ cm \begin{pmatrix} \end{pmatrix} & \\ \left \right \log_ \sin ! : | \approx"
)
LATEX = st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(LATEX, st.text(max_size=60)))
def test_any_text_has_a_form_equal_to_itself(text: str) -> None:
    form = normal_form(text)
    assert same(form, normal_form(text)) is True
    assert isinstance(form.key, str)


@settings(max_examples=200, deadline=None)
@given(LATEX, LATEX)
def test_comparison_is_symmetric_and_agrees_with_keys(a: str, b: str) -> None:
    one, other = normal_form(a), normal_form(b)
    assert same(one, other) == same(other, one)
    if one.key == other.key and not (one.unit or other.unit or one.name or other.name):
        assert same(one, other) is True


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60), st.sampled_from([r"\frac{98765}{43219}", "(98765, 43219)", r"\text{hippopotamus}", "98765_7"])
)
def test_random_text_is_never_a_particular_answer(text: str, gold: str) -> None:
    assert same(normal_form(text), normal_form(gold)) is not True
