"""Seeds in the scripts' own order: Python's shuffle with seed 42."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import selfboot.benchmarks.paper_seeds as seeds
from selfboot.benchmarks.base import Benchmark, load_answers, load_any, load_benchmark
from selfboot.errors import UnavailableError

MBPP = [
    {
        "task_id": 601 + n,
        "text": f"Task {n}.",
        "code": f"def f{n}(x):\n    return x",
        "test_list": [f"assert f{n}(1) == 1"],
    }
    for n in range(374)
]
MATH = [
    {
        "problem": f"p{n}",
        "level": "Level 1",
        "type": "Algebra",
        "solution": rf"\boxed{{{n}}}" if n % 10 else r"\boxed 7",
    }
    for n in range(7500)
]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"mbpp-full-train": MBPP, "math-train": MATH}
    monkeypatch.setattr(seeds, "read_source", found.__getitem__)


def test_mbpp_is_shuffled_as_the_scripts_shuffle_it(rows: None) -> None:
    """``random.seed(42); random.shuffle(list)``: rounds of 200 leave 174 and then none."""
    theirs = list(range(374))
    state = random.getstate()
    random.seed(42)
    random.shuffle(theirs)
    random.setstate(state)
    tasks = load_benchmark("mbpp-full-train").tasks
    assert [task.task_id for task in tasks] == [f"MBPP/{601 + n}" for n in theirs]
    assert [len(tasks[first : first + 200]) for first in (0, 200, 400)] == [200, 174, 0]
    assert tasks[0].entry_point == f"f{theirs[0]}"
    assert len(load_benchmark("mbpp-full-train:150").tasks) == 150


def test_math_is_shuffled_over_its_subjects_and_without_box_left_out(rows: None) -> None:
    tasks = load_answers("math-train-shuffled").tasks
    assert len(tasks) == 6750
    assert all(task.answer == task.problem[1:] for task in tasks)
    theirs = [n for n in seeds.shuffled(range(7500)) if n % 10]
    assert [task.problem for task in tasks[:50]] == [f"p{n}" for n in theirs[:50]]


def test_without_the_data_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFBOOT_DATA", str(tmp_path))
    with pytest.raises(UnavailableError, match="fetch --only mbpp-full-train"):
        load_any("mbpp-full-train")
    text = "".join(json.dumps(row) + "\n" for row in MBPP)
    (tmp_path / "mbpp_full_train.jsonl").write_text(text)
    found = load_any("mbpp-full-train:3")
    assert isinstance(found, Benchmark)
    assert len(found.tasks) == 3
