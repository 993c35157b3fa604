"""The public benchmarks: loaders on the real files where they are at hand, and on rows of the documented form."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfboot.datasets.pinned as data
from selfboot.benchmarks import aime, bigcodebench, gsm8k, humaneval_plus, math500
from selfboot.benchmarks.base import load_any
from selfboot.cli.mine import control_tasks
from selfboot.datasets.pinned import DATA_ENV
from selfboot.errors import DataError
from selfboot.grading.answers import gold_form
from selfboot.grading.code import CodeGrader
from selfboot.grading.reading import read_answer
from selfboot.lab import Lab
from selfboot.mining.corruption import CorruptionControl
from selfboot.paths import ROOT
from selfboot.protocols.base import evaluate
from selfboot.records import CodeJob, Sampling
from selfboot.registry import Settings
from selfboot.store import RunStore

REAL = Path(os.environ.get("SELFBOOT_DATASETS") or ROOT.parent / "shared" / "datasets")
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no folder of real files: set SELFBOOT_DATASETS")
Put = Callable[[str, list[dict[str, Any]]], None]


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ENV, str(REAL))


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Rows in place of a source's own, as many as there are."""
    monkeypatch.setenv(DATA_ENV, str(tmp_path))
    known = dict(data.sources())
    monkeypatch.setattr(data, "sources", lambda: known)

    def place(name: str, rows: list[dict[str, Any]]) -> None:
        known[name] = replace(known[name], rows=len(rows), sha256="", file=f"{name}.jsonl")
        known[name].path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    return place


@needs_real
@pytest.mark.usefixtures("real")
def test_gsm8k() -> None:
    test, train = gsm8k.load("gsm8k"), gsm8k.load("gsm8k-train")
    assert (len(test.tasks), len(train.tasks)) == (1319, 7473)
    assert (test.tasks[0].answer, test.tasks[0].task_id) == ("18", "gsm8k/0")
    assert all(gold_form(task.answer, "gsm8k").kind == "sum" for task in test.tasks)
    assert not {task.problem for task in test.tasks} & {task.problem for task in train.tasks}
    assert gsm8k.load("gsm8k").sha256 == test.sha256 != train.sha256


@needs_real
@pytest.mark.usefixtures("real")
def test_math500() -> None:
    found = math500.load("math500")
    assert len(found.tasks) == 500
    assert {task.level for task in found.tasks} == {1, 2, 3, 4, 5}
    boxed = [read_answer(task.solution, "math").strict for task in found.tasks]
    assert sum(box == task.answer for box, task in zip(boxed, found.tasks, strict=True)) >= 490, "answers are the boxes"


@needs_real
def test_aime_on_the_real_problems_of_2024(put: Put) -> None:
    rows = [json.loads(line) for line in (REAL / "aime24.jsonl").read_text(encoding="utf-8").split("\n") if line]
    put("aime", rows)
    found = aime.load("aime")
    assert len(found.tasks) == 30
    assert {task.kind for task in found.tasks} == {"2024 AIME I", "2024 AIME II"}
    assert found.tasks[0].answer == "204"


def test_aime_refuses_answers_out_of_range(put: Put) -> None:
    put("aime", [{"id": 1, "problem": "p", "solution": "s", "answer": "1000", "url": "u"}])
    with pytest.raises(DataError, match="AIME/1"):
        aime.load("aime")


def test_math_train_takes_the_last_box(put: Put) -> None:
    row = {"problem": "p", "level": "Level 3", "type": "Algebra", "solution": r"\boxed{1} so \boxed{\frac{1}{2}}."}
    put("math-train", [row, {**row, "level": "Level ?"}])
    tasks = math500.load("math-train").tasks
    assert [(task.answer, task.level, task.kind) for task in tasks] == [
        (r"\frac{1}{2}", 3, "Algebra"),
        (r"\frac{1}{2}", 0, "Algebra"),
    ]
    put("math-train", [{**row, "solution": "no box"}])
    with pytest.raises(DataError, match="math-train/0"):
        math500.load("math-train")


def test_bigcodebench(put: Put) -> None:
    row = {
        "task_id": "BigCodeBench/1", "complete_prompt": "c", "instruct_prompt": "i", "libs": "['random', 'json']",
        "code_prompt": "import json\ndef task_func(x):\n", "canonical_solution": "    return json.dumps(x)\n",
        "entry_point": "task_func",
        "test": "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n"
        "        self.assertEqual(task_func([1]), '[1]')\n",
    }  # fmt: skip
    put("bigcodebench-hard", [row])
    (task,) = bigcodebench.load("bigcodebench-hard").tasks
    assert (task.prompt, task.kind) == ("i", "bigcodebench")
    compile(task.canonical, "canonical", "exec")


# HumanEval+: test programs of the hub's form, made here (the form: evalplus, tools/humaneval/to_original_fmt.py).

NUMPY = "import numpy as np\n\ndef is_floats(x): ...\n\ndef assertion(out, exp, atol): ...\n\n"
LOOP = "    for i, (inp, exp) in enumerate(zip(inputs, results)):\n        "
LISTED = (
    NUMPY
    + "def check(candidate):\n    inputs = {}\n    results = {}\n"
    + LOOP
    + "assertion(candidate(*inp), exp, {})\n"
)
ROOTS = (
    "def _poly(xs, x): ...\n\ndef check(candidate):\n    inputs = [[[1.0, 2.0]]]\n    results = [-0.5]\n"
    + LOOP
    + "assert _poly(*candidate(*inp), inp) <= 0.0001\n"
)
REFERENCE = (
    NUMPY + "def ref_func(n):\n    return ' '.join(str(i) for i in range(n + 1))\n\n"
    "def check(candidate):\n    inputs = [[3], [0]]\n" + LOOP + "assertion(candidate(*inp), ref_func(*inp), 0)\n"
)


def plus_row(name: str, test: str, body: str) -> dict[str, Any]:
    prompt = f'def {name}(x):\n    """A task."""\n'
    return {"task_id": f"HumanEval/{name}", "prompt": prompt, "entry_point": name, "test": test,
            "canonical_solution": body}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "test", "right", "wrong"),
    [
        ("same", LISTED.format([[1], ["a"], [(1, 2)]], [1, "a", (1, 2)], 0), "return x", "return 1"),
        ("third", LISTED.format([[1.0], [2.0]], [1 / 3, 2 / 3], 0), "return x / 3 + 1e-9", "return x / 3 + 1e-3"),
        ("power", LISTED.format("[[20000]]", "[" + "1" + "0" * 20000 + "]", 0), "return 10**x", "return 10**x + 1"),
        ("find_zero", ROOTS, "return -x[0] / x[1]", "return 1.0"),
        ("sequence", REFERENCE, "return ' '.join(map(str, range(x + 1)))", "return '0'"),
    ],
    ids=["plain", "floats", "long integers", "roots", "reference"],
)
def test_humaneval_plus(put: Put, name: str, test: str, right: str, wrong: str) -> None:
    from selfboot.grading.code import CodeGrader

    put("humaneval-plus", [plus_row(name, test, f"    {right}\n")])
    bench = humaneval_plus.load("humaneval-plus")
    (task,) = bench.tasks
    programs = [task.prompt + task.canonical, task.prompt + f"    {wrong}\n"]
    with CodeGrader(workers=1) as grader:
        outcomes = grader.grade([CodeJob(program, name, bench.tests(task)) for program in programs])
    assert [outcome.status for outcome in outcomes] == ["passed", "wrong"], outcomes


@pytest.mark.parametrize(
    "test", ["def check(candidate: ...", "x = 1", LISTED.format("[open('f')]", [1], 0), LISTED.format([[1]], [], 0)]
)
def test_humaneval_plus_reads_data_and_runs_nothing(put: Put, test: str) -> None:
    put("humaneval-plus", [plus_row("f", test, "    return x\n")])
    with pytest.raises(DataError, match="HumanEval/f"):
        humaneval_plus.load("humaneval-plus")


# How long completions get, and in what format


@needs_real
@pytest.mark.usefixtures("real")
def test_completions_are_as_long_as_the_paper_s() -> None:
    """selfboot/formats/README.md: 400 new tokens, 800 for MATH, 700 for BigCodeBench-Hard, 2,000 for AIME."""
    tokens = {"humaneval": 400, "minieval": 400, "minimath": 400, "gsm8k": 400, "math500": 800, "mbpp:200": 400}
    assert {name: load_any(name).tokens for name in tokens} == tokens
    assert load_any("math500:200").tokens == 800
    assert (aime.TOKENS, bigcodebench.TOKENS) == (2000, 700)
    assert len(load_any("mbpp:200").tasks) == 200
    assert load_any("mbpp:200").format == "mbpp"


def test_what_is_not_said_is_greedy_and_as_long_as_the_benchmark_says(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sampling] = []

    def sample(self: Lab, model: str, prompts: Any, sampling: Sampling, *rest: Any, **more: Any) -> Any:
        asked.append(sampling)
        raise KeyboardInterrupt

    monkeypatch.setattr(Lab, "sample", sample)
    put("math500", [{"problem": "1+1?", "answer": "2", "solution": "2", "level": 1, "subject": "algebra"}])
    with Lab(RunStore(tmp_path / "store")) as lab:
        for call in (
            lambda: lab.evaluate_answers("organism-0", "math500"),
            lambda: evaluate(lab, Settings("organism-0", "math500"), "base"),
            lambda: lab.evaluate_answers("organism-0", "math500", sampling=Sampling(77, n=2)),
            lambda: lab.evaluate("organism-0", "minieval"),
        ):
            with pytest.raises(KeyboardInterrupt):
                call()
    assert [(one.max_new_tokens, one.temperature, one.n) for one in asked] == [
        (800, 0, 1), (800, 0, 1), (77, 0, 2), (400, 0, 1)
    ]  # fmt: skip


# The control's pairs


@needs_real
@pytest.mark.usefixtures("real")
def test_control_pairs_can_be_made_from_mbpp() -> None:
    """Every task of the training split, each of whose programs is right after it was taken apart."""
    tasks, seeds = control_tasks("mbpp-train")
    assert len(tasks) == 120
    assert seeds["benchmark"] == "mbpp-train"
    some = tasks[::12]
    jobs = [CodeJob(task.prompt + task.canonical, task.entry_point, "\n".join(task.tests)) for task in some]
    with CodeGrader(workers=1) as grader:
        outcomes = grader.grade(jobs)
        pairs = CorruptionControl(count=2).pairs(tasks, grader)
    assert all(outcome.passed for outcome in outcomes)
    assert [pair.meta["task_id"].split("/")[0] for pair in pairs] == ["MBPP", "MBPP"]
    assert all(pair.broken != pair.fixed and pair.error for pair in pairs)
