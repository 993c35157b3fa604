"""The control's corruptions: one change each, behaviour really lost, house style harmless."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import pytest

from selfboot.benchmarks.miniseeds import seed_task
from selfboot.errors import DataError
from selfboot.mining.corruption import CORRUPTIONS, CorruptionControl, corruptions, restyle
from selfboot.records import CodeJob, CodeTask, Outcome

PROGRAM = '''def total(numbers, limit=10):
    """Sum of the numbers up to a limit."""
    result = 0
    for i in range(len(numbers)):
        if numbers[i] <= limit and numbers[i] == abs(numbers[i]):
            result = result + numbers[i]
    return result
'''
TASK = CodeTask(
    "t/1",
    PROGRAM.split("    result = 0")[0],
    "total",
    ("assert total([1, 2, 10, 30]) == 13",),
    PROGRAM.split('limit."""\n')[1],
)


class PlainGrader:
    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]:
        return [self._one(job) for job in jobs]

    def _one(self, job: CodeJob) -> Outcome:
        try:
            exec(f"{job.program}\n{job.tests}", {})
        except Exception as error:
            return Outcome("wrong", type(error).__name__)
        return Outcome("passed")


def test_every_kind_of_corruption_is_found_and_parses() -> None:
    found = list(corruptions(PROGRAM))
    assert {name for name, _ in found} == set(CORRUPTIONS)
    assert all(ast.parse(code) for _, code in found)
    assert len({code for _, code in found}) == len(found)


def test_pair_keeps_a_right_solution_and_a_failing_corruption_of_it() -> None:
    for style in ("own", "house"):
        (pair,) = CorruptionControl(count=1, style=style).pairs([TASK], PlainGrader())
        namespace: dict[str, object] = {}
        exec(pair.fixed, namespace)
        assert namespace["total"]([1, 2, 10, 30]) == 13  # type: ignore[operator]
        assert pair.error
        assert pair.broken != pair.fixed


def test_house_style_is_foreign_but_behaves() -> None:
    styled = restyle(PROGRAM)
    assert "theLocalNumbers" in styled
    assert "\n\t" in styled
    assert PlainGrader().grade([CodeJob(styled, "total", TASK.tests[0])])[0].passed


def test_house_style_is_put_on_once() -> None:
    (pair,) = CorruptionControl(count=1, style="house").pairs([TASK], PlainGrader())
    assert "theLocalThe" not in pair.broken
    assert "theLocalNumbers" in pair.broken


def test_seed_becomes_a_task_of_its_last_function() -> None:
    code = "import math\n\ndef helper(x):\n    return x\n\ndef area(r):\n    return helper(math.pi * r * r)\n"
    task = seed_task("s/1", "Area of a circle.", code, ["assert area(0) == 0"])
    assert task.entry_point == "area"
    assert PlainGrader().grade([CodeJob(task.prompt + task.canonical, "area", task.tests[0])])[0].passed
    assert task.prompt.endswith('def area(r):\n    """Area of a circle."""\n')
    with pytest.raises(DataError, match="s/2"):
        seed_task("s/2", "Nothing.", "x = 1\n", [])


def test_control_is_deterministic_and_stops_at_its_count() -> None:
    tasks = [CodeTask(f"t/{i}", TASK.prompt, "total", TASK.tests, TASK.canonical) for i in range(9)]
    first, second = (CorruptionControl(count=4).pairs(tasks, PlainGrader()) for _ in range(2))
    assert first == second
    assert len(first) == 4
    assert first != CorruptionControl(count=4, seed=1).pairs(tasks, PlainGrader())


def test_wrong_solution_or_incorruptible_one_gives_no_pair() -> None:
    wrong = CodeTask("t/2", TASK.prompt, "total", ("assert total([1]) == 5",), TASK.canonical)
    assert CorruptionControl().pairs([wrong], PlainGrader()) == []
