"""Grading of answers: real data sets, the given cases, both readings, hostile answers, no process left."""

from __future__ import annotations

import itertools
import json
import os
import random
import string
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfboot.errors import DataError, GradingError
from selfboot.grading.answers import AnswerGrader
from selfboot.grading.majority import vote_key, vote_keys
from selfboot.grading.reading import STYLES, Style, last_boxed, numbers, read_answer
from tests.shared_files import shared

STUCK_S = 20  # a hang, not a speed: how long it takes is a benchmark's matter


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def grader():
    with AnswerGrader(workers=1) as grader:
        yield grader


# ------------------------------------------------------------------------------- real data sets


def test_math500_solutions_equal_their_gold(grader: AnswerGrader) -> None:
    tasks = rows(shared("datasets/math500.jsonl"))
    outcomes = grader.grade([(task["solution"], task["answer"]) for task in tasks], "math")
    assert [task["answer"] for task, o in zip(tasks, outcomes, strict=True) if not o.strict] == []
    assert len(outcomes) == 500


def test_math500_golds_are_not_confused(grader: AnswerGrader) -> None:
    """A gold answer against the next task's gold: right only where the answers are the same number."""
    tasks = rows(shared("datasets/math500.jsonl"))
    golds = [task["answer"] for task in tasks]
    pairs = list(itertools.pairwise(golds))
    outcomes = grader.grade([(rf"\boxed{{{a}}}", b) for a, b in pairs], "math")
    confused = {pair for pair, o in zip(pairs, outcomes, strict=True) if o.passed and pair[0] != pair[1]}
    assert confused <= {("5", "x=5")}


@pytest.mark.parametrize(("name", "count"), [("gsm8k_test.jsonl", 1319), ("gsm8k_train.jsonl", 7473)])
def test_every_gsm8k_gold_parses_and_solves_itself(grader: AnswerGrader, name: str, count: int) -> None:
    tasks = rows(shared(f"datasets/{name}"))
    outcomes = grader.grade([(task["answer"], task["answer"]) for task in tasks], "gsm8k")
    assert sum(o.strict and o.lenient for o in outcomes) == len(tasks) == count
    for task, outcome in zip(tasks, outcomes, strict=True):
        assert outcome.key == task["answer"].rsplit("####", 1)[1].strip().replace(",", "")


def test_aime_solutions_equal_their_gold(grader: AnswerGrader) -> None:
    tasks = rows(shared("datasets/aime24.jsonl"))
    outcomes = grader.grade([(task["solution"], str(task["answer"])) for task in tasks], "aime")
    assert sum(o.strict for o in outcomes) == len(tasks) == 30


def test_given_cases(grader: AnswerGrader) -> None:
    cases = rows(shared("grading/math_answers.jsonl"))
    styles: dict[Any, Style] = {"gsm": "gsm8k", "math": "math"}
    wrong = []
    for case in cases:
        (outcome,) = grader.grade([(case["completion"], case["gold"])], styles.get(case["kind"], "math"))
        if outcome.passed != case["expected"]:
            wrong.append((case["name"], outcome))
    assert not [name for name, outcome in wrong if outcome.passed], "false positives"
    assert len(wrong) <= 0.03 * len(cases), wrong


# ------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("so\n#### 18", True, True),
        ("####18", True, True),
        ("#### 18.", True, True),
        ("#### $18.00", True, True),
        ("#### **18**", True, True),
        ("#### 18 dollars", True, True),
        ("#### 18\nQ: next\n#### 99", True, True),
        ("####\n#### 18", True, True),
        ("#### 36/2", True, True),
        ("#### +18", False, True),
        ("#### x = 18", False, True),
        (r"The answer is \boxed{18}", False, True),
        (r"\boxed{\frac{36}{2}}", False, True),
        ("9 + 9 = 18", False, True),
        ("That makes 18 eggs.", False, True),
        ("#### 17", False, False),
        ("#### -18", False, False),
        ("#### 1800", False, False),
        ("#### 1,8", False, False),
        (r"18 \boxed{17}", False, False),
        ("", False, False),
        ("no number", False, False),
        ("#### eighteen", False, False),
        ("#### 18.005", True, True),
        ("#### 18.01", False, False),
        ("20-18", False, True),
        ("#### 18e3", False, False),
        ("#### 1.8e1", True, True),
        ("#### 5 million", False, False),
        ("#### 18 hundred", False, False),
    ],
)
def test_gsm8k_readings(grader: AnswerGrader, text: str, strict: bool, lenient: bool) -> None:
    for style in ("gsm8k", "minimath"):
        outcome = grader.grade([(text, "18")], style)[0]  # type: ignore[list-item]
        assert (outcome.strict, outcome.lenient, outcome.passed) == (strict, lenient, lenient)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234,567.5", [1234567.5]),
        ("$5 and -$6", [5, -6]),
        ("16-3", [16, 3]),
        ("(-3)", [-3]),
        ("−4", [-4]),
        ("3/4", [0.75]),
        (".5", [0.5]),
        ("1,2", [1, 2]),
        ("7.", [7]),
        ("5/0", []),
        ("12 345", [12345]),
        ("12 34", [12, 34]),
        ("70{,}000 and 70,\\!000", [70000, 70000]),
        ("2 1/2, 2½ and ½", [2.5, 2.5, 0.5]),
        ("1.8e3, 1.8 x 10^3, 1.8 \\times 10^{3}", [1800, 1800, 1800]),
        ("5 million, 2 thousand", [5_000_000, 2000]),
        ("- 18 eggs", [18]),
        ("answer – 18", [18]),
        ("x = - 18", [-18]),
        ("10–12", [10, 12]),
        ("9" * 400, []),
        ("x2", [2]),
    ],
)
def test_numbers(text: str, values: list[float]) -> None:
    assert [float(value) for value, _ in numbers(text)] == values


def test_a_gold_that_is_no_number_is_an_error(grader: AnswerGrader) -> None:
    with pytest.raises(DataError, match="not a number"):
        grader.grade([("#### 5", "five")], "gsm8k")


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        (r"\boxed{204}", True, True),
        (r"\boxed{025} and then \boxed{204}", True, True),
        ("so it is 204.", False, True),
        ("204\n1\n2\n3\n4\n5", False, False),
        (r"\boxed{2040}", False, False),
        (r"\boxed{x} thus 204", False, True),
        (r"\boxed{204.5}", False, False),
        (r"\boxed{204 \text{ minutes}}", True, True),
        ("", False, False),
        ("1,204", False, False),
    ],
)
def test_aime_readings(grader: AnswerGrader, text: str, strict: bool, lenient: bool) -> None:
    outcome = grader.grade([(text, "204")], "aime")[0]
    assert (outcome.strict, outcome.lenient) == (strict, lenient)


# ------------------------------------------------------------------------------- LaTeX


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{1} \boxed{2}", "2"),
        (r"\boxed{\frac{1}{\boxed{2}}}", r"\frac{1}{\boxed{2}}"),
        (r"\boxed{3} then \boxed{4", "3"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"}} \boxed{5} {", "5"),
        (r"{ \boxed{5}", "5"),
        (r"\fbox{6}", "6"),
        (r"\boxed 7.", "7"),
        ("nothing", None),
        (r"\boxed{", None),
        (r"\\boxed{8}", "8"),
        (r"\framebox {9}", "9"),
        (r"\boxed{}", None),
        (r"\boxed{3} \boxed{}", "3"),
        (r"\boxed5", "5"),
        (r"\boxed\frac12", r"\frac12"),
        (r"\boxed \frac{1}{2}.", r"\frac{1}{2}"),
    ],
)
def test_last_boxed(text: str, content: str | None) -> None:
    assert last_boxed(text) == content


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        (r"so $\boxed{\frac12}$", True, True),
        ("The answer is 1/2", False, True),
        ("the final answer is: $0.5$. Done.", False, True),
        ("Answer: 0.5", False, True),
        ("I get 0.5", False, False),
        (r"\boxed{2}. The answer is 0.5", False, False),
        ("The answer is 1/2. No, the answer is 1/3.", False, False),
        (r"\boxed{}", False, False),
    ],
)
def test_math_readings(grader: AnswerGrader, text: str, strict: bool, lenient: bool) -> None:
    outcome = grader.grade([(text, r"\frac{1}{2}")], "math")[0]
    assert (outcome.strict, outcome.lenient, outcome.passed) == (strict, lenient, lenient)


SYMBOLIC = [
    (r"e^{i\pi}", "-1", True),
    (r"\sin 30^\circ", r"\frac12", True),
    (r"\sin 30", r"\frac12", False),
    (r"\frac{1}{30!}", r"\frac{1}{31!}", False),
    (r"e^{-30.5}", r"e^{-31.5}", False),
    (r"\cos 1", r"\cos 1.0000000000001", False),
    (r"\sqrt{2}+10^{-70}+\sqrt[3]{8}", r"\sqrt2+2", False),
    (r"(1, \sqrt[3]{8})", "(1,2)", True),
    (r"\cot x", r"\frac{\cos x}{\sin x}", True),
    (r"\frac{1}{x+1}", r"\frac{2}{2x+2}", True),
    (r"\frac{1}{x+1}", r"\frac{1}{x-1}", False),
    (r"\sqrt{2+\sqrt{3}}", r"\frac{\sqrt6+\sqrt2}{2}", True),
    (r"\sqrt[3]{2}", "1.26", False),
    (r"\cos x", r"\sin x", False),
]


def test_symbolic_answers(grader: AnswerGrader) -> None:
    outcomes = grader.grade([(rf"\boxed{{{a}}}", gold) for a, gold, _ in SYMBOLIC], "math")
    assert [o.passed for o in outcomes] == [expected for *_, expected in SYMBOLIC]
    assert {o.method for o in outcomes} == {"symbolic"}
    assert all(o.strict == o.passed for o in outcomes)
    assert grader.equal(r"\cot x", r"\frac{\cos x}{\sin x}")


def test_equal_questions_are_asked_once(grader: AnswerGrader) -> None:
    started = time.perf_counter()
    outcomes = grader.grade([(r"\boxed{\cot x}", r"\frac{\cos x}{\sin x}")] * 500, "math")
    assert all(o.passed for o in outcomes)
    assert time.perf_counter() - started < STUCK_S


# ------------------------------------------------------------------------------- hostile answers


HOSTILE = {
    "factorial": "10000!",
    "tower": "9^{9^{9^{9^9}}}",
    "series": r"\sum_{n=1}^{1000000000} \frac{1}{n}",
    "power": r"2^{2^{100000000}}",
    "sines": r"\sin(" * 40 + "x" + ")" * 40,
    "integral": r"\int_0^1 \int_0^1 e^{e^{xy}} \sin(x^y) dx dy",
    "product": r"\prod_{n=1}^{100000000} n",
    "expand": "(a+b+c+d+e+f+g+h)^{63}(a-b)^{63}-1/(x+y)",
    "binomial": r"\binom{10^9}{10^8}",
    "roots": r"\sqrt{2+" * 30 + "3" + "}" * 30,
    "matrix": r"\begin{pmatrix}" + r"10^{9^9}&" * 20 + r"1\end{pmatrix}^{99999}",
    "digits": "1" * 200_000,
    "open": "{" * 100_000,
    "boxes": r"\boxed{" * 50_000,
    "limit": r"\lim_{x\to 0} \frac{\sin(\tan(x^{x^x}))}{x}",
    "division": r"\frac{1}{x-x}",
    "unicode": "\ud800\udfff\u202e٣",
    "null": "\0" * 1000,
    "code": r"__import__('os').system('touch HIT')",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_are_refused(
    grader: AnswerGrader, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    grader.equal(r"\cot y", r"\frac{1}{\tan y}")  # the checker has started
    started = time.perf_counter()
    outcome = grader.grade([(rf"The answer is $\boxed{{{HOSTILE[name]}}}$", "2")], "math")[0]
    assert not outcome.passed
    assert time.perf_counter() - started < STUCK_S
    assert not list(tmp_path.iterdir())


def test_memory_hogs_do_not_take_the_machine(grader: AnswerGrader) -> None:
    before = psutil.virtual_memory().available
    outcome = grader.grade([(r"\boxed{10^{10^{10}}+\cot x}", "2")], "math")[0]
    assert not outcome.passed
    assert before - psutil.virtual_memory().available < 2 << 30


def test_no_process_left() -> None:
    with AnswerGrader(workers=2) as grader:
        grader.grade([(rf"\boxed{{\cot {x}}}", r"\sum_{n=1}^{1000000000} \frac{1}{n}") for x in "abcd"], "math")
        pids = [checker._process.pid for checker in grader._checkers]
        assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_checker_ends_with_its_parent() -> None:
    script = (
        "from selfboot.grading.answers import AnswerGrader as G\nimport os\ng = G(workers=1)\n"
        "g.equal('\\\\cot x', '1')\nprint(g._checkers[0]._process.pid, flush=True)\nos._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    pid, deadline = int(done.stdout), time.monotonic() + 20
    while (
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_killed_checker_is_an_error_not_a_wrong_answer() -> None:
    with AnswerGrader(workers=1) as grader:
        assert grader.equal(r"\cot x", r"\frac{\cos x}{\sin x}")
        grader._checkers[0]._process.kill()
        with pytest.raises(GradingError, match="grade again"):
            grader.equal(r"\tan x", r"\frac{\sin x}{\cos x}")
        grader.close()
        assert grader.equal(r"\tan x", r"\frac{\sin x}{\cos x}")


def test_an_unknown_style_is_an_error(grader: AnswerGrader) -> None:
    with pytest.raises(DataError, match="choose one of gsm8k"):
        grader.grade([("1", "1")], "maths")  # type: ignore[arg-type]


# ------------------------------------------------------------------------------- votes


def test_spellings_vote_together() -> None:
    texts = [r"\boxed{1/2}", r"\boxed{0.5}", r"\boxed{\frac{1}{2}}", "nothing", r"\boxed{3}"]
    assert vote_keys(texts, "math") == ["1/2", "1/2", "1/2", None, "3"]
    assert vote_keys(["#### 1,000", r"\boxed{1000.0}", "so 1000"], "gsm8k") == ["1000"] * 3
    assert vote_keys(["#### 1,000", r"\boxed{1000.0}"], "gsm8k", strict=True) == ["1000", None]
    assert vote_keys([r"\boxed{025}", "it is 25"], "aime") == ["25", "25"]


def test_vote_keys_are_those_of_the_grader(grader: AnswerGrader) -> None:
    for text in (r"\boxed{2\sqrt2}", "answer is 7", "hm"):
        assert grader.grade([(text, "1")], "math")[0].key == vote_key(text, "math")


# ------------------------------------------------------------------------------- fuzzing

PIECES = [
    "#### ",
    r"\boxed{",
    "}",
    "{",
    "$",
    "The answer is ",
    "\n",
    "1,234",
    "-5",
    "3/4",
    r"\frac{1}{2}",
    "0.5",
    " ",
    "x",
    "=",
    "\\",
    "^{",
    ",",
    r"\text{cm}",
    "%",
    "####",
    r"\sqrt{2}",
    "(",
    ")",
    "é",
    "\0",
    r"\pm",
    "9" * 50,
    "[1,2]",
    r"\begin{pmatrix}",
    ".",
    "and",
]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.lists(st.sampled_from(PIECES), max_size=20).map("".join), st.text(max_size=80)),
    st.sampled_from(STYLES),
)
def test_any_completion_can_be_read_and_voted_on(text: str, style: Style) -> None:
    reading = read_answer(text, style)
    assert reading.strict is None or reading.lenient is not None
    assert (vote_key(text, style) is None) == (reading.lenient is None)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_never_pass(data: bytes) -> None:
    text = data.decode("utf-8", errors="replace")
    with AnswerGrader(workers=1) as grader:
        for style, gold in (("gsm8k", "987654.25"), ("aime", "987")):
            assert not grader.grade([(text, gold)], style)[0].passed or gold in text  # type: ignore[list-item]


def random_completion(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return "".join(rng.choices(string.printable, k=rng.randrange(120)))
    return "".join(rng.choices(PIECES, k=rng.randrange(25)))


def test_random_completions() -> None:
    """No crash and no false pass; golds are such that no piece above spells them. SELFBOOT_FULL=1: 50,000 of them."""
    rng = random.Random(20)
    golds: dict[Style, str] = {
        "gsm8k": "987654.25",
        "minimath": "-31337",
        "aime": "987",
        "math": r"\frac{98765}{43219}",
    }
    with AnswerGrader() as grader:
        for style, gold in golds.items():
            for _ in range(50 if os.environ.get("SELFBOOT_FULL") else 2):
                outcomes = grader.grade([(random_completion(rng), gold) for _ in range(250)], style)
                assert not any(o.passed for o in outcomes), [o for o in outcomes if o.passed]


# ------------------------------------------------------------------------------- speed


@pytest.mark.bench
@pytest.mark.parametrize("who", ["selfboot", "math-verify"])
def test_speed_of_math_answers(benchmark: Any, who: str, grader: AnswerGrader) -> None:
    """The first 100 MATH-500 solutions against their golds, group ``answers``."""
    benchmark.group = "answers"
    tasks = rows(shared("datasets/math500.jsonl"))[:100]
    if who == "selfboot":
        outcomes = benchmark(grader.grade, [(task["solution"], task["answer"]) for task in tasks], "math")
        assert all(o.passed for o in outcomes)
        return
    from math_verify import parse, verify

    def theirs() -> list[bool]:
        return [verify(parse(f"${t['answer']}$"), parse(t["solution"])) for t in tasks]

    assert sum(benchmark.pedantic(theirs, rounds=1)) >= 90
