"""Tolerant extraction: failures of form are forgiven, wrong programs are not made right."""

from __future__ import annotations

import json
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.benchmarks.base import load_benchmark
from selfboot.formats import code_format
from selfboot.formats.tolerant import chunks, statements
from selfboot.grading.code import CodeGrader
from selfboot.records import CodeJob, CodeTask
from tests.shared_files import real, shared

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
    "run-on, redefined and cut": f"{RIGHT}\ndef total(xs):\n    return 0\n\ndef other(",
    "run-on main program": f"```python\n{RIGHT}\nn = int(input())\nprint(total(n))\n```",
    "draft in a thought": f"<think>\n```\ndef total(xs):\n    return 0\n```\nNo.\n</think>\n```python\n{RIGHT}```",
    "indented block": "1. Like this:\n   ```python\n   def total(xs):\n       return sum(xs)\n   ```\n",
    "body without its first indentation": "```python\ns = sum(xs)\n    return s\n```",
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


# What a program needs beside the asked function: the strict reading passes all of these.
NEEDED = {
    "annotated": "START: int = 1\n",
    "tuple": "START, END = 1, 2\n",
    "augmented": "START = 3\nSTART -= 2\n",
    "item": "T = [0]\nT[0] = 1\nSTART = T[0]\n",
    "loop fills a table": "T = {}\nfor k in range(3):\n    T[k] = k\nSTART = T[1]\n",
    "method fills a table": "T = []\nT.append(1)\nSTART = T[0]\n",
    "helper fills a table": "T = []\n\ndef fill():\n    T.append(1)\n\nfill()\nSTART = T[0]\n",
    "try": "try:\n    from missing import START\nexcept ImportError:\n    START = 1\n",
    "if and else": "import sys\nif sys.maxsize > 9:\n    START = 1\nelse:\n    START = 2\n",
    "with": "import io\nwith io.StringIO('1') as file:\n    START = int(file.read())\n",
    "walrus": "(START := 1)\n",
    "decorated helper": "def up(f):\n    return lambda: 2 * f()\n\n@up\ndef a():\n    return 0.5\n\nSTART = a()\n",
    "star import": "from math import *\nSTART = floor(1.5)\n",
    "setting": "import sys\nsys.setrecursionlimit(5000)\nSTART = sys.getrecursionlimit() // 5000\n",
    "one line": "import sys; START = 1\n",
    "async helper": "import asyncio\nasync def one():\n    return 1\n\nSTART = 1\n",
}  # fmt: skip
ASKED = {
    "function": "def total(xs):\n    return sum(xs) + START\n",
    "decorated": "def same(f):\n    return f\n\n@same\ndef total(xs):\n    return sum(xs) + START\n",
    "lambda": "total = lambda xs: sum(xs) + START\n",
    "method": "class S:\n    def run(self, xs):\n        return sum(xs) + START\n\ntotal = S().run\n",
    "in an if": "if True:\n    def total(xs):\n        return sum(xs) + START\n",
    "last of two": "def total(xs):\n    return 0\n\ndef total(xs):\n    return sum(xs) + START\n",
    "wrapped": "def total(xs):\n    return sum(xs) + START\n\ntotal = (lambda f: lambda xs: f(xs))(total)\n",
}
AFTER = {
    "nothing": "",
    "use": "\nprint(total([1, 2]))\n",
    "wrong use": "\ntotal(1, 2, 3)\n",
    "wrong assert": "\nassert total([1]) == 7\n",
    "same assert": "\nassert total([]) == 1\ntotal_of_none = total([])\n",
    "main": "\nif __name__ == '__main__':\n    total()\n",
    "tests": "\nimport unittest\n\nclass T(unittest.TestCase):\n    pass\n\nunittest.main()\n",
}
WRAPPED = {
    "closed": "Sure:\n```python\n{}```\nDone.",
    "other language tag": "```py\n{}```",
    "windows": "```python\r\n{}```\r\n",
    "unclosed": "Sure:\n```python\n{}",
    "prose": "Sure, this is it.\n\n{}\nThat's it, it's done.",
}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("needed", NEEDED)
def test_what_the_function_needs_comes_along_however_it_is_written(needed: str, wrapped: str) -> None:
    """Every way to define it, every way to go on: right in the strict reading, so right in the tolerant one too.

    Not in prose: a table that a helper fills, names that no single function has (see the module).
    """
    asked = dict(ASKED) if wrapped != "prose" else {name: ASKED[name] for name in ("function", "decorated")}
    if wrapped == "prose" and needed == "helper fills a table":
        pytest.skip("not covered in a text that does not compile")
    for (how, code), (then, after) in product(asked.items(), AFTER.items()):
        text = WRAPPED[wrapped].format(
            (NEEDED[needed] + "\n" + code + after).replace("\n", "\r\n" if wrapped == "windows" else "\n")
        )
        assert run(text) == 4, (how, then, text)


def test_the_strict_program_is_taken_as_it_stands_where_nothing_is_in_its_way() -> None:
    text = f"```python\n# The sum.\n{HELPED}```"
    assert code_format("chat-tolerant").program(TASK, text) == code_format("chat").program(TASK, text)
    assert run(f"```python\n{RIGHT}\ndef total(xs):\n    return 0\n```") == 0  # as Python reads it: the last one counts


def test_reported_extractions() -> None:
    """What others' readers got wrong (reported_cases.jsonl); numpy is the sandbox's matter, not the reader's."""
    rows = [json.loads(line) for line in shared("grading/reported_cases.jsonl").read_text().splitlines()]
    cases = [row for row in rows if row["area"].startswith("extract") and "numpy" not in row["note"]]
    header = 'from typing import List\n\n\ndef total(xs: List[int]) -> int:\n    """Return the sum of xs."""\n'
    task = CodeTask("t", header, "total", ("assert total([1, 2]) == 3", "assert total([]) == 0"), "")
    wanted: list[bool] = []
    jobs: list[CodeJob] = []
    for row in cases:
        said = row["expected"]
        expected = said if isinstance(said, dict) else {row["input"]["format"]: "passed" if said else "failed"}
        for name, verdict in expected.items():
            form = code_format("chat-tolerant" if name == "tolerant" else name)
            jobs.append(CodeJob(form.program(task, row["input"]["completion"]), "total", "\n".join(task.tests)))
            wanted.append(verdict == "passed")
    with CodeGrader(workers=1) as grader:
        found = [outcome.passed for outcome in grader.grade(jobs)]
    assert [job.program for job, one, other in zip(jobs, found, wanted, strict=True) if one != other] == []


def test_programs_of_a_real_model_keep_their_verdicts_in_every_wrapping() -> None:
    """Qwen2.5-Coder-7B on HumanEval: 101 of 164 as published, and the same ones fenced, unclosed, in prose, run on."""
    file = real("completions/qwen2.5-coder-7b-base.humaneval.jsonl")
    rows = {row["task_id"]: row for row in map(json.loads, file.read_text().splitlines())}
    bench, raw = load_benchmark("humaneval"), code_format("raw-tolerant")
    jobs: list[tuple[str, CodeJob]] = []
    for task in bench.tasks:
        program = rows[task.task_id]["solution"]
        read = [code_format("chat-tolerant").program(task, WRAPPED[name].format(program + "\n")) for name in WRAPPED]
        if (body := program.removeprefix(task.prompt)) != program:
            read += [raw.program(task, body.lstrip(" ")), raw.program(task, f"{body}\n\nassert False\n\ndef cut(x")]
        distinct = dict.fromkeys([program, *read])
        jobs += [(task.task_id, CodeJob(one, task.entry_point, bench.tests(task))) for one in distinct]
    with CodeGrader(workers=1) as grader:
        outcomes = grader.grade([job for _, job in jobs])
    published = {task_id: row["base"] == "pass" for task_id, row in rows.items()}
    assert sum(published.values()) == 101
    found = zip(jobs, outcomes, strict=True)
    assert [task_id for (task_id, _), outcome in found if outcome.passed != published[task_id]] == []


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
    [
        "def total(xs):",
        "    return sum(xs)",
        "```python",
        "```",
        '"""',
        "'''",
        "x = 1",
        "",
        "user",
        "import os",
        "\x00",
        "@total",
        "else:",
        "</think>",
        "T.append(1)",
        "from os import *",
        "return xs",
        "x: int",
        "\r",
    ]
)


@given(st.lists(PIECES, max_size=12).map("\n".join) | st.text())
def test_any_text_is_read(text: str) -> None:
    """Never an exception; pieces are disjoint, in order, and what is taken for a statement stands in the text."""
    assert isinstance(code_format("chat-tolerant").program(TASK, text), str)
    spans = [(first, end) for first, end, _ in chunks(text)]
    assert all(a < b for a, b in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    assert all(s.source.strip() in text for s in statements(text))
