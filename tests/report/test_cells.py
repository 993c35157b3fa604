"""What a result says in a table: the same in terminal, page, Markdown and README."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from selfboot.registry import registry
from selfboot.report.cells import direction, markdown_table, measured, natural
from selfboot.report.terminal import render


def test_a_difference_stands_beside_the_band_of_differences(empty_lab: Any) -> None:
    result = empty_lab.result("recipe-7b", "mini-7", {}, measured="25 → 96", details={"contrast.difference": 71.0})
    assert measured(result) == "25 → 96 (+71)"
    assert "25 → 96 (+71)" in render([result], 160)
    assert measured(replace(result, details={"contrast.difference": -2.666})) == "25 → 96 (-2.7)"
    assert measured(replace(result, details=None)) == "25 → 96"
    assert measured(replace(result, scale="paper")) == "25 → 96", "its band is one of scores"
    assert measured(replace(result, measured="201 of 201")) == "201 of 201"


@pytest.mark.parametrize(("said", "shown"), [
    ("agrees", "agrees"), ("", ""), ("differs (up)", "differs: paper none, ours up"),
])  # fmt: skip
def test_a_direction_that_differs_says_how(empty_lab: Any, said: str, shown: str) -> None:
    result = empty_lab.result("control", "mini", {}, direction=said)
    assert direction(result, registry()["control"]) == shown
    assert direction(result, None) == said


def test_names_of_cases_are_whole_in_the_terminal(empty_lab: Any) -> None:
    result = empty_lab.result("pair-count-sweep", "mini", {}, measured="65 → 96")
    assert "pair-count-sweep[mini]" in render([result], 110)


def test_numbers_in_names_are_sorted_as_numbers() -> None:
    assert sorted(["mini-13", "mini-7", "mini"], key=natural) == ["mini", "mini-7", "mini-13"]


def test_cells_stay_text() -> None:
    *_, row = markdown_table(("a", "b"), [("x|y", "<b>`1`\n2")])
    assert row == "| x\\|y | &lt;b&gt;\\`1\\` 2 |"
