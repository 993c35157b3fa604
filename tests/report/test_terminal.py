"""The table that ends a run: one line a case at 80, 120 and 160 columns, nothing wider than the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_parts import contrast
from rich.cells import cell_len

from selfboot.judging.results import Asked, Beside, Part, Result
from selfboot.protocols.base import Arm
from selfboot.report.terminal import NARROW, render

WIDTHS = (80, 120, 160)


@pytest.fixture
def results(empty_lab: Any) -> list[Result]:
    """Cases as a fast path leaves them, and one of every kind that is long."""
    thirds = replace(contrast("down", before=53, after=47), measured=(50, 44, 47), before=(51, 54, 52), of=164,
                     details={"difference": -5.3})  # fmt: skip
    share = replace(contrast("none"), asked=Asked("share", 0.5, 0.9), measured=(54, 41, 49))
    same = Part("identical", "identical", "as calibrated", "all", Asked("all"), (201,), of=201, direction="none")
    weights = Part("weights", "weights", "as calibrated", "", Asked("weights"), (1,))
    own = Beside(Arm("base"), (25.0,), (23.0,), 164, 1.0, 3.0)
    alike = Beside(Arm("trained"), (96.0,), (96.0,), 164, 0.0, 0.0)
    sized = replace(contrast(), of=164, details={"difference": 71.0})
    empty_lab.result("recipe-7b", "mini-1000", {}, parts=(sized,), beside=(own, alike))
    empty_lab.result("synergy-14b", "mini", {}, parts=(thirds,), seconds=214.5)
    empty_lab.result("selfcorrect-naive", "mini", {}, parts=(share,))
    empty_lab.result("determinism", "mini-7", {}, parts=(same,))
    empty_lab.result("tts-4b-math", "mini", {}, parts=(contrast("none", "unsettled", 66, 72),))
    empty_lab.result("boundary", "mini", {}, parts=(weights, contrast("up", "drifted")))
    paper = contrast("up", "protocol mismatch", 44, 131)
    empty_lab.result("recipe-7b", "paper-1000", {}, parts=(paper,), model="qwen2.5-7b")
    return list(empty_lab.results)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_at_a_width(results: list[Result], width: int, snapshot: Any) -> None:
    table, _, _ = render(results, width).partition("\n\n")  # what follows counts the registry's claims
    assert table == snapshot


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_terminal_and_what_counts_is_whole(results: list[Result], width: int) -> None:
    text = render(results, width)
    assert max(map(cell_len, text.splitlines())) <= width
    for result in results:
        line = next(line for line in text.splitlines() if result.name in line)
        assert result.verdict in line
        assert result.agreement.removesuffix(" direction") in line
    figures = "51, 54, 52 → 50, 44, 47 (-5.3)"
    assert all(part in text for part in (figures.split() if width == NARROW else [figures]))


@pytest.mark.parametrize("width", [120, 160])
def test_a_case_takes_one_line_where_there_is_room(results: list[Result], width: int) -> None:
    table, _, _ = render(results, width).partition("\n\n")
    assert len(table.splitlines()) == 2 + len(results)


def test_the_other_arm_is_told_where_it_differs(results: list[Result]) -> None:
    text = render(results, 160)
    assert "1 of 2 scores are the same" in text
    assert "base: 25 as ours reads, 23 as the paper reads" in text
    assert "trained: 96 as ours" not in text


def test_the_run_as_a_whole_stands_last(results: list[Result]) -> None:
    last = " ".join(render(results, 100).splitlines()[-4:])
    assert "Mini model: 4 of 6 claims as calibrated, 1 drifted, 1 unsettled" in last


@given(st.integers(20, 260), st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=90))
def test_whatever_the_paper_says_the_table_keeps_its_width(width: int, paper: str) -> None:
    result = Result(
        "recipe-7b", "mini-7", "§3.2", "t", "fastpath", "mini", "organism-0", paper, "up", None, (contrast(),)
    )
    table, _, _ = render([result], width).partition("\n\n")
    assert max(map(cell_len, table.splitlines())) <= max(NARROW, width)
    assert "25 → 96 (+71)" in table
