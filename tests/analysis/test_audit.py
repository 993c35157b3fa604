"""The pair audit: one small file for each planted defect, and a clean one; exit codes and JSON as CI sees them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.analysis.audit import CHECKS, Audit, audit, prose, structure
from selfboot.cli import audit as cli_audit
from selfboot.errors import DataError
from selfboot.records import AnswerTask, CodeJob, CodeTask, Outcome

Row = dict[str, Any]


class InProcess:
    """Runs programs right here: those of these tests are ours and harmless."""

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]:
        return [self._one(job) for job in jobs]

    def _one(self, job: CodeJob) -> Outcome:
        assert not job.trusted_tests
        space: dict[str, object] = {}
        try:
            exec(job.program, space)
            exec(job.tests, space)
        except Exception as error:
            return Outcome(
                "wrong" if isinstance(error, AssertionError) else "error", f"{type(error).__name__}: {error}"
            )
        return Outcome("passed")


def pair(name: str, doc: str, body: str, tests: Sequence[str], broken: str | None = None, **changes: Any) -> Row:
    signature = f'def {name}(xs):\n    """{doc}"""\n'
    fixed = f"{signature}    {body}\n"
    spoilt = f"{fixed}\nuser\nWrite the next one." if broken is None else broken
    return {"signature": signature, "tests": list(tests), "broken": spoilt, "error": "SyntaxError: invalid syntax",
            "fixed": fixed, **changes}  # fmt: skip


def clean() -> list[Row]:
    return [
        pair("total", "Return the sum of xs.", "return sum(xs)", ["assert total([1, 2]) == 3"]),
        pair("last_word", "Give back the final word.", "return xs.split()[-1]", ["assert last_word('a b') == 'b'"],
             "def last_word(xs):\n    return xs.split()[0]\n"),
        pair("evens", "Keep even numbers only, in order.", "return [x for x in xs if x % 2 == 0]",
             ["assert evens([1, 2, 4]) == [2, 4]"], ""),
    ]  # fmt: skip


def text(rows: Sequence[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def found(rows: Sequence[Row], **options: Any) -> Audit:
    return audit(text(rows), InProcess(), **options)


def test_a_clean_file_has_no_findings() -> None:
    result = found(clean())
    assert (result.items, result.findings) == (3, ())
    assert not result.failed(strict=True)
    assert result.broken == {"empty": 1, "run-on": 1, "wrong value": 1}
    assert result.sides == {"form": 2, "skill": 1}


def with_change(index: int, **changes: Any) -> list[Row]:
    rows = clean()
    rows[index] |= changes
    return rows


TOTAL = clean()[0]
LONG_BODY = 'def mean(xs):\n    """Mean."""\n    size = len(xs)\n    return sum(xs) / size\n'
PLANTED: dict[str, Callable[[], list[Row]]] = {
    "duplicate": lambda: [*clean(), clean()[1]],
    "repeated task": lambda: [*clean(), TOTAL | {"broken": "def total(xs):\n    return 0\n"}],
    "near duplicate": lambda: [*clean(), pair("total", "Return the sum of xs!", "return sum(xs)", TOTAL["tests"])],
    "fixed fails": lambda: with_change(0, fixed="def total(xs):\n    return len(xs) - 7\n"),
    "tests pass on broken": lambda: with_change(1, broken="def last_word(xs):\n    return xs[-1]\n"),
    "tests pass on nothing": lambda: with_change(
        0, tests=["assert total([]) is None or total([]) == 0"], broken="def total(xs):\n    return 1\n"
    ),
    "solution in signature": lambda: with_change(0, signature=TOTAL["fixed"]),
    "fixed runs on": lambda: with_change(0, fixed=f"{TOTAL['fixed']}\n\ndef other(x):\n    return x\n"),
    "test calls nothing": lambda: with_change(0, tests=[*TOTAL["tests"], "assert 1 + 1 == 2"]),
    "schema": lambda: [*clean(), {"signature": "def f():"}],
}


@pytest.mark.parametrize("check", PLANTED)
def test_a_planted_defect_is_found_alone(check: str) -> None:
    result = found(PLANTED[check]())
    assert set(result.counts) == {check}
    assert bool(result.failed()) == (CHECKS[check][0] == "error")
    assert result.failed(strict=True)
    assert not result.failed(strict=True, allow=[check])


def test_a_solution_in_the_docstring_or_in_comments_is_a_leak() -> None:
    hint = 'def mean(xs):\n    """Mean.\n\n    size = len(xs)\n    # return sum(xs) / size\n    """\n'
    row = {"signature": hint, "tests": ["assert mean([2, 4]) == 3"], "broken": "", "error": "", "fixed": LONG_BODY}
    result = found([row])
    assert [finding.message for finding in result.findings] == [
        "line 1: 100% of the lines of mean's body stand in the signature"
    ]


def test_helpers_imports_and_comments_are_no_run_on() -> None:
    helper = "import math\n\ndef half(x):\n    return math.floor(x)\n\n# the answer\n"
    assert not found(with_change(0, fixed=helper + "def total(xs):\n    return half(sum(xs))\n")).findings


@pytest.mark.parametrize("stub", ["pass", "...", "raise NotImplementedError"])
def test_a_stub_in_the_signature_is_no_leak(stub: str) -> None:
    assert not found(with_change(0, signature=f"{TOTAL['signature']}    {stub}\n")).findings


@pytest.mark.parametrize(
    "line", ["{", "[1]", '{"signature": 1}', '{"problem": "p", "solution": "s"}', "[" * 3000],
    ids=["cut", "list", "number", "no answer", "deep"],
)  # fmt: skip
def test_every_broken_line_is_named(line: str) -> None:
    result = audit(f"{text(clean())}\n{line}\n", None)
    (finding,) = result.findings
    assert (finding.check, finding.lines) == ("schema", (5,))
    assert "line 5" in finding.message
    assert result.items == 3


def test_solved_problems_are_audited_too() -> None:
    rows = [
        {"problem": "Ann has 3 apples and buys 1,200 more.", "solution": "3 + 1200 = 1,203", "answer": 1203.0},
        {"problem": "Bob walks 4 miles a day for a week.", "solution": "4 * 7 = 27", "answer": 28},
        {"problem": "Bob walks 4 miles a day for a week.", "solution": "4 * 7 = 28", "answer": 28},
    ]
    tasks = [AnswerTask("gsm/1", "Every day Bob walks 4 miles a day for a week!", "28")]
    result = audit(text(rows), None, "gsm8k", tasks)
    assert result.counts == {"repeated task": 1, "answer not in solution": 1, "benchmark wording": 2}
    assert result.broken == {}


TASKS = [
    CodeTask("B/0", 'def add_up(nums):\n    """Return the sum of xs."""\n', "add_up", (), "    return max(nums)\n"),
    CodeTask("B/1", 'def even_ones(a):\n    """Other words."""\n', "even_ones", (),
             "    return [b for b in a if b % 2 == 0]\n"),
]  # fmt: skip


def test_overlap_with_a_benchmark_by_words_and_by_structure() -> None:
    result = found(clean(), benchmark="B", tasks=TASKS)
    assert {(f.check, f.lines) for f in result.findings} == {("benchmark wording", (1,)), ("benchmark structure", (3,))}
    assert result.findings[0].message == "line 1: 100% of the wording of B/0"
    assert not result.failed()


def test_further_structures_of_a_task_count() -> None:
    known = {"B/0": [structure("def f(a):\n    return sum(a)\n", "f")]}
    result = found(clean(), benchmark="B", tasks=TASKS, structures=known)
    assert "line 1: fixed is B/0 up to renaming" in [f.message for f in result.findings]


def test_structure_forgets_names_and_words_but_not_constants() -> None:
    one = structure('import os\n\ndef f(a: int) -> int:\n    """Doc."""\n    b = a + 1\n    return b\n', "f")
    assert one == structure("def g(x):\n    y = x + 1\n    return y\n", "g") != ""
    assert one != structure("def g(x):\n    y = x + 2\n    return y\n", "g")
    assert structure("no code", "f") == ""


def test_prose_is_what_the_prompt_says() -> None:
    prompt = 'import os\ndef f(a):\n    """Say it.\n\n    >>> f(1)\n    2\n    Twice.\n    """\n'
    assert prose(prompt).split() == ['"""Say', "it.", "Twice.", '"""']


def test_without_running_recorded_errors_count() -> None:
    result = audit(text(clean()), None)
    assert not result.executed
    assert result.broken == {"empty": 1, "run-on": 1, "exception": 1}


@given(st.text())
def test_any_text_is_audited(content: str) -> None:
    result = audit(content, None)
    assert result.items == 0
    assert set(result.counts) <= {"schema"}


# ---------------------------------------------------------------- the command


def command(*words: str) -> int:
    top = argparse.ArgumentParser()
    cli_audit.add_parser(top.add_subparsers())
    args = top.parse_args(["audit", *words])
    return int(args.run(args))


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Sequence[Row]], str]:
    def write(rows: Sequence[Row]) -> str:
        path = tmp_path / "pairs.jsonl"
        path.write_text(text(rows), encoding="utf-8")
        return str(path)

    return write


def test_the_command_runs_programs_in_the_sandbox(file: Any, tmp_path: Path, capsys: Any) -> None:
    """The real grader: `fixed` ends the process before the tests, which a grader by exit code would let pass."""
    rows = with_change(0, fixed="import os\n\ndef total(xs):\n    os._exit(0)\n")
    out = tmp_path / "audit.json"
    assert command(file(rows), "--json", str(out), "--jobs", "1") == 1
    table = json.loads(out.read_text(encoding="utf-8"))
    assert table["counts"] == {"fixed fails": 1}
    assert (table["passed"], table["executed"], table["items"]) == (False, True, 3)
    assert table["findings"][0]["lines"] == [1]
    assert len(table["sha256"]) == 64
    assert any(name.startswith("grader.") for name in table)
    shown = capsys.readouterr().out
    assert "audit FAILED" in shown
    assert "error: fixed fails (1)" in shown
    assert "how broken fails: empty 1, run-on 1, wrong value 1  (form 67%, skill 33%)" in shown


def test_exit_codes(file: Any) -> None:
    path = file(PLANTED["test calls nothing"]())
    assert command(path, "--no-run") == 0
    assert command(path, "--no-run", "--strict") == 1
    assert command(path, "--no-run", "--strict", "--allow", "test calls nothing") == 0


def test_errors_name_the_remedy(file: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown check 'nonsense'; known: schema"):
        command(file(clean()), "--allow", "nonsense")
    with pytest.raises(DataError, match="cannot be read"):
        command(str(tmp_path / "missing.jsonl"))
    with pytest.raises(DataError, match="unknown benchmark"):
        command(file(clean()), "--benchmark", "nonsense", "--no-run")


def test_a_benchmark_by_name(file: Any, capsys: Any) -> None:
    """HumanEval/35 is the largest element of a list."""
    row = pair("biggest", "Return maximum element in the list.", "m = xs[0]\n    for e in xs:\n        if e > m:\n"
               "            m = e\n    return m", ["assert biggest([1, 2]) == 2"])  # fmt: skip
    assert command(file([row]), "--benchmark", "humaneval", "--no-run") == 0
    shown = capsys.readouterr().out
    assert "benchmark wording (1)" in shown
    assert "fixed is HumanEval/35 up to renaming" in shown


def test_several_files_make_one_table(file: Any, tmp_path: Path, capsys: Any) -> None:
    good = file(clean())
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n", encoding="utf-8")
    assert command(good, str(bad), "--no-run", "--table", "--json", str(tmp_path / "all.json")) == 1
    head, _, first, second = capsys.readouterr().out.strip().split("\n")
    assert first.count("|") == second.count("|") == head.count("|")
    assert first.startswith("| `pairs.jsonl` | 3 | passed | – |")
    assert second == "| `bad.jsonl` | 0 | FAILED | schema 1 | – | – | – |"
    table = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert not table["passed"]
    assert [one["passed"] for one in table["files"]] == [True, False]
