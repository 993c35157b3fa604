"""The paper's verdict: exit code 0, in our sandbox; whom its leniency favours is listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfboot.benchmarks.base import load_benchmark
from selfboot.formats.paper.reading import chat_program
from selfboot.grading.code import CodeGrader
from selfboot.grading.scripts import ScriptGrader, grade_scripts, script_tests
from selfboot.pairs import read_pairs
from selfboot.records import CodeJob, CodeTask
from tests.shared_files import real

TESTS = "assert f(1) == 2"
HINT = re.compile(r"\. Did you mean: .*")  # given by the interpreter from 3.10 on, by its traceback module from 3.12 on


@pytest.fixture(scope="module")
def grader() -> Iterator[CodeGrader]:
    with CodeGrader(workers=1) as found:
        yield found


@pytest.mark.parametrize(
    ("program", "passed", "by_exit"),
    [
        ("def f(x):\n    return 2 * x", True, False),
        ("def f(x):\n    return x", False, False),
        ("exit(0)", True, True),
        ("import sys\nsys.exit()", True, True),
        ("raise SystemExit", True, True),
        ("exit(1)", False, False),
        ("import sys\nsys.exit('no')", False, False),
        ("def f(x):\n    return 2 * x\n\ndef leave():\n    exit(0)", True, False),  # never called
        ("block only.", False, False),
        ("while True:\n    pass", False, False),
    ],
)
def test_right_is_whatever_ends_with_code_0(grader: CodeGrader, program: str, passed: bool, by_exit: bool) -> None:
    (found,) = grade_scripts(grader, [CodeJob(program, "f", TESTS, timeout_s=1.0)])
    assert (found.passed, found.by_exit) == (passed, by_exit)


def test_nobody_is_let_out_of_the_sandbox(grader: CodeGrader) -> None:
    program = "def f(x):\n    return 2 * x\nopen('/tmp/selfboot-script-was-here', 'w').write('x')"
    grade_scripts(grader, [CodeJob(program, "f", TESTS)])
    isolated = grader.manifest["isolation"] in ("kernel", "namespaces")
    assert not (isolated and Path("/tmp/selfboot-script-was-here").exists())


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("def f(x):\n    return x", "    assert f(1) == 2\n           ^^^^^^^^^\nAssertionError"),
        ("block.", "    block.\n          ^\nSyntaxError: invalid syntax"),
        ("def f(x):\n    return y", "    return y\n           ^\nNameError: name 'y' is not defined"),
        ("while True:\n    pass", "timeout"),
    ],
)
def test_the_error_is_what_the_interpreter_prints_last(grader: CodeGrader, program: str, error: str) -> None:
    (found,) = ScriptGrader(grader, timeout_s=1.0).grade([CodeJob(program, "f", TESTS)])
    assert found.detail == error


def test_the_errors_beginning_can_be_kept_instead(grader: CodeGrader) -> None:
    grade = ScriptGrader(grader, first=True).grade
    (wrong, syntax) = grade([CodeJob("def f(x):\n    return x", "f", TESTS), CodeJob("block.", "f", TESTS)])
    assert wrong.detail.startswith('Traceback (most recent call last):\n  File "/tmp/script.py", line 4, in <module>\n')
    assert syntax.detail.startswith('  File "/tmp/script.py", line 1\n    block.\n')


def test_bigcodebench_wants_ok_and_no_word_error(grader: CodeGrader) -> None:
    runner = "\n\nif __name__ == '__main__':\n    import unittest; unittest.main(argv=['x'], exit=False, verbosity=0)\n"
    tests = (
        "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)" + runner
    )
    programs = ["def f(x):\n    return 2 * x", "def f(x):\n    print('an Error of old')\n    return 2 * x", "f = abs"]
    found = grade_scripts(grader, [CodeJob(program, "f", tests) for program in programs], says_ok=True)
    assert [one.passed for one in found] == [True, False, False]


def test_humaneval_is_graded_without_the_prompts_helpers(grader: CodeGrader) -> None:
    """The canonical program passes either way; code with a def of its own has lost the imports of its prompt."""
    tasks = load_benchmark("humaneval").tasks
    whole = [CodeJob(task.prompt + task.canonical, task.entry_point, script_tests(task)) for task in tasks[:40]]
    assert all(one.passed for one in grade_scripts(grader, whole))
    first = tasks[0]
    assert "from typing import List" in first.prompt
    header = first.prompt[first.prompt.index("def ") :]
    code = chat_program(first.prompt, f"```python\n{header}{first.canonical}\n```")
    (found,) = grade_scripts(grader, [CodeJob(code, first.entry_point, script_tests(first))])
    assert not found.passed
    assert found.outcome.detail.endswith("NameError: name 'List' is not defined")
    helped = next(task for task in tasks if task.task_id == "HumanEval/38")
    assert "def encode_cyclic" in "\n".join(helped.tests)
    assert "def encode_cyclic" not in script_tests(helped)
    assert script_tests(helped).strip().endswith("check(decode_cyclic)")


def test_mbpp_is_graded_by_its_asserts_alone() -> None:
    task = CodeTask("m", "Text.", "f", ("import math", "from re import sub", "assert f(1) == 2"), "", kind="mbpp")
    assert script_tests(task) == "assert f(1) == 2"


def test_the_released_errors_come_out_again(grader: CodeGrader) -> None:
    """On 100 pairs ``fixed`` passes, ``broken`` fails, and the error is the recorded one to the letter (up to the
    place where a long one is cut), the temporary file's name and Python's hints aside."""
    for name in ("pairs_7b_40", "pairs_14b_multi_new60"):
        pairs = read_pairs(real(f"released/{name}.jsonl"))
        jobs = [CodeJob(code, "", "\n".join(pair.tests)) for pair in pairs for code in (pair.fixed, pair.broken)]
        found = ScriptGrader(grader, timeout_s=8).grade(jobs)
        assert all(one.passed for one in found[::2])
        assert not any(one.passed for one in found[1::2])
        for one, pair in zip(found[1::2], pairs, strict=True):
            recorded = re.sub(r"/tmp/tmp\w+\.py", "/tmp/script.py", pair.error)
            ours, theirs = (HINT.sub("", text)[:290] for text in (one.detail, recorded))
            assert ours == theirs
