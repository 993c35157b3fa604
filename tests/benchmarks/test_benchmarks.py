"""Loaders: what is read, what is refused, and what a benchmark's name can say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import selfboot.datasets.pinned as data
from selfboot.benchmarks.base import load_answers, load_benchmark, read_rows
from selfboot.errors import DataError, UnavailableError
from selfboot.formats import code_format

MBPP = [
    {
        "task_id": number,
        "prompt": "Write a function to double a number.",
        "code": "def helper(x):\n  return x\n\ndef twice(x):\n  return helper(x) * 2\n",
        "test_imports": ["import math"],
        "test_list": ["assert math.isclose(twice(2), 4)", "assert twice(0) == 0"],
    }
    for number in (10, 11, 510, 511, 601, 974, 975)
]


@pytest.fixture
def mbpp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The few rows above, in the place of the pinned file."""
    known = {"mbpp": replace(data.source("mbpp"), rows=len(MBPP), sha256="")}
    monkeypatch.setattr(data, "sources", lambda: known)
    monkeypatch.setenv(data.DATA_ENV, str(tmp_path))
    monkeypatch.delenv("SELFBOOT_MBPP", raising=False)
    path = tmp_path / "sanitized-mbpp.json"
    path.write_text(json.dumps(MBPP))
    return path


def test_mbpp_splits_by_id_and_finds_the_function_that_is_asked_for(mbpp: Path) -> None:
    assert [task.task_id for task in load_benchmark("mbpp").tasks] == ["MBPP/11", "MBPP/510"]
    (task, _) = load_benchmark("mbpp-train").tasks
    assert (task.task_id, task.entry_point) == ("MBPP/601", "twice")
    namespace: dict[str, object] = {}
    exec(f"{task.canonical}\n" + "\n".join(task.tests), namespace)
    assert "import math" not in code_format("mbpp").prompt(task, lambda messages: "")


def test_mbpp_that_is_missing_or_damaged_is_named(mbpp: Path) -> None:
    for text, words in (("{", "cannot be read as JSON"), ("{}", "expected a list"), ("[]", "0 rows, mbpp has 7")):
        mbpp.write_text(text)
        with pytest.raises(DataError, match=words):
            load_benchmark("mbpp")
    mbpp.write_text(json.dumps([row | {"test_list": ["assert unknown()"]} for row in MBPP]))
    with pytest.raises(DataError, match="MBPP/11"):
        load_benchmark("mbpp")
    mbpp.unlink()
    with pytest.raises(UnavailableError, match="SELFBOOT_DATA"):
        load_benchmark("mbpp")


def test_mbpp_can_be_named_and_is_checked_all_the_same(
    mbpp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = load_benchmark("mbpp")
    monkeypatch.setenv("SELFBOOT_MBPP", str(mbpp.rename(tmp_path / "elsewhere.json")))
    assert load_benchmark("mbpp") == here
    (tmp_path / "elsewhere.json").write_text(json.dumps(MBPP[1:]))
    with pytest.raises(DataError, match="6 rows, mbpp has 7"):
        load_benchmark("mbpp")


def test_name_can_ask_for_the_first_tasks(mbpp: Path) -> None:
    whole, first = load_benchmark("mbpp"), load_benchmark("mbpp:1")
    assert first.tasks == whole.tasks[:1]
    assert first.sha256 != whole.sha256


@pytest.mark.parametrize("part", [":some", ":0", ":-3", "::0", "::x", ":1:2:3:4", "::2:-1", ":²", ":1.5", ": 4"])
def test_bad_parts_are_explained(part: str) -> None:
    with pytest.raises(DataError, match=r"after the name goes :N for the first N tasks, or ::N for every N-th"):
        load_benchmark(f"minieval{part}")


def test_every_fourth_task_is_of_all_levels() -> None:
    whole, fourth = load_benchmark("minieval"), load_benchmark("minieval::4")
    assert fourth.tasks == whole.tasks[::4]
    assert len(fourth.tasks) == 41
    assert {task.level for task in fourth.tasks} == {1, 2, 3, 4, 5}
    assert fourth.sha256 != whole.sha256


def test_parts_make_the_whole() -> None:
    whole, parts = load_benchmark("minieval"), [load_benchmark(f"minieval::4:{start}") for start in range(4)]
    assert sorted(task.task_id for part in parts for task in part.tasks) == sorted(t.task_id for t in whole.tasks)
    with pytest.raises(DataError, match=r"minieval:1:2:3.*no task is left"):
        load_benchmark("minieval:1:2:3")
    assert load_benchmark("minieval:20:4").tasks == whole.tasks[:20:4]


def test_programs_and_answers_are_not_mixed_up(mbpp: Path) -> None:
    with pytest.raises(DataError, match="asks for programs"):
        load_answers("mbpp")
    with pytest.raises(DataError, match="asks for answers"):
        load_benchmark("minimath")


def test_missing_field_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"b": 1}\n')
    with pytest.raises(DataError, match=r":2: field 'a' is missing"):
        read_rows(path, lambda row: row["a"])


def test_hard_slice_is_part_of_minimath() -> None:
    whole, hard = load_answers("minimath"), load_answers("minimath-hard")
    assert 0 < len(hard.tasks) < len(whole.tasks)
    assert set(hard.tasks) < set(whole.tasks)


def test_first_problems_are_of_all_levels() -> None:
    first = load_answers("minimath-train:60")
    assert {task.level for task in first.tasks} == {1, 2, 3, 4, 5}
    assert load_answers("minimath-train").tasks[:60] == first.tasks


@pytest.mark.parametrize("split", ["minimath", "minimath-dev", "minimath-train"])
def test_minimath_solutions_end_with_their_answers(split: str) -> None:
    for task in load_answers(split).tasks:
        assert task.solution.endswith(f"#### {task.answer}")


@pytest.mark.parametrize("name", ["miniseeds", "miniseeds-functions", "minilib"])
def test_canonical_programs_define_the_function_that_tests_call(name: str) -> None:
    tasks = load_benchmark(name).tasks
    assert len({task.task_id for task in tasks}) == len(tasks)
    for task in tasks:
        program = task.canonical if name == "miniseeds" else task.prompt + task.canonical
        assert f"def {task.entry_point}(" in program
        assert all(f"{task.entry_point}(" in test for test in task.tests if test.startswith("assert"))


def test_bigcodebench_s_absent_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By doctor, and as the reason why a case is skipped; names are compared as PyPI does."""
    from selfboot.benchmarks import bigcodebench
    from selfboot.planning import availability, doctor
    from selfboot.planning.needs import needs
    from selfboot.registry import registry

    needed = bigcodebench.required()
    assert {"Flask-Login", "pandas", "Faker", "setuptools"} <= set(needed)
    here = [name.lower().replace("-", "_") for name in needed if name not in ("Faker", "nltk")]
    monkeypatch.setattr(bigcodebench, "packages", lambda python: here)
    assert bigcodebench.absent() == ["Faker", "nltk"]
    (check,) = doctor._libraries(Path())
    assert (check.ok, check.found) == (False, f"{len(needed) - 2} of {len(needed)} here")
    used = needs(registry()["bcb-hard"].scales["paper"]).benchmarks
    reason = availability._no_libraries(used) or ""
    assert "(Faker, nltk): pip install -r" in reason
    assert "SELFBOOT_BIGCODEBENCH_PYTHON" in reason
    here += ["faker", "nltk"]
    assert availability._no_libraries(used) is None
    assert availability._no_libraries(needs(registry()["recipe-7b"].scales["paper"]).benchmarks) is None
