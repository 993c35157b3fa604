"""Other people's numbers: read strictly, reckoned right, and shown with protocol and source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from selfboot import baselines as module
from selfboot.baselines import FILE, Baseline, baselines
from selfboot.errors import DataError
from selfboot.published import figures
from selfboot.report.evidence import Shelf
from selfboot.report.figures.others import by_score, others
from selfboot.report.gather import gather
from selfboot.report.others import HEAD, SHOWN, rows, said, short_table
from selfboot.report.text import markdown


def of(id: str) -> Baseline:
    return baselines()[id]


@pytest.mark.parametrize(("id", "tasks", "untrained", "gap", "left"), [
    ("qwen2_5-7b-humaneval-qwen", 95, 15.2, 42.7, 5.3), ("qwen2_5-7b-humaneval-olmo3", 108, 15.2, 50.9, -2.9),
    ("qwen2_5-14b-humaneval-qwen", 93, 26.8, 29.9, 23.2), ("qwen2_5-coder-7b-humaneval-qwen", 101, 50.6, 11.0, -8.6),
    ("qwen3-8b-humaneval-olmo3", 118, 80.5, -8.8, 4.8), ("olmo-2-7b-humaneval-olmo3", 27, 3.0, 13.3, None),
    ("qwen3-8b-aime24-sft", 4, 25.6, -13.6, None), ("qwen3-4b-mbpp-qwen", None, 67.5, -0.5, 7.0),
])  # fmt: skip
def test_differences_from_the_papers_scores(
    id: str, tasks: int | None, untrained: float, gap: float, left: float | None
) -> None:
    one = of(id)
    assert (one.tasks, round(one.untrained, 1), round(one.gap, 1)) == (tasks, untrained, gap)
    assert (None if one.left is None else round(one.left, 1)) == left


def test_every_base_score_of_a_known_model_has_its_numbers_beside_it() -> None:
    beside = {one.paper for one in baselines().values()}
    alone = {f"{figure.id}.base" for figure in figures().values() if "base" in figure.figures} - beside
    assert alone == {"control.base"}, "the control's base is the recipe's"


def test_every_row_says_how_and_where() -> None:
    assert len(rows()) == len(baselines())
    assert all(len(row) == len(HEAD) and all(row) for row in rows())
    assert all(re.search(r"arXiv|github|at [0-9a-f]{7}|card|paper", row[-1]) for row in rows())


def test_a_lower_bound_is_shown_as_one() -> None:
    row = next(row for row in rows() if row[0] == "Llama-3.2-3B")
    assert (row[3], row[5]) == ("≥ 25.0", "≤ +1.2")


def test_the_widest_gaps_come_first() -> None:
    table = short_table().splitlines()
    assert len(table) == 2 + SHOWN
    assert table[2] == "| Qwen2.5-7B, HumanEval, §3.2 | 15.2 % | 57.9 % (0-shot), 66.1 % (3-shot) | 63.2 % |"
    assert said().startswith(
        "Others measure the paper's base models higher than the paper: Qwen2.5-7B on HumanEval 57.9"
    )


def test_the_figure_has_a_line_for_each_of_the_papers_scores() -> None:
    figure = others()
    assert len(figure.rows) == len(by_score())
    assert figure.rows[0] == ("Qwen2.5-7B, HumanEval, §3.2", "15.2", "63.2", "57.9, 66.1")
    assert "var(--paper)" in figure.svg


def test_the_markdown_report_has_them(empty_lab: Any) -> None:
    text = markdown(gather([], Shelf(empty_lab.store.root)), [])
    assert "## Other people's numbers" in text
    assert "arXiv 2512.13961" in text


@pytest.mark.parametrize(("old", "new", "message"), [
    ('paper = "recipe-7b.base"', 'paper = "recipe-7b.trained"', "no single score"),
    ('paper = "recipe-7b.base"', 'paper = "recipe-8b.base"', r"has no \[recipe-8b\]"),
    ("percent = 57.9", "percent = 579", "from 0 to 100"),
    ("percent = 57.9", 'percent = "57.9"', "write a number"),
    ('model = "Qwen2.5-7B"', 'model = "Qwen2.5-8B"', "say in unlike what differs"),
    ('benchmark = "HumanEval"', 'benchmark = "HumanEval+"', "say in unlike what differs"),
    ('read = "source"', 'read = "hearsay"', "one of 'source', 'copy', 'second hand'"),
    ('protocol = "0-shot; prompt and decoding are not said"', 'protocol = ""', "protocol is empty"),
    ("n = 164\n", "", "key 'n' is missing"),
    ("n = 164\n", "n = 164\nnote = 1\n", "unknown key 'note'"),
])  # fmt: skip
def test_reading_is_strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "baselines.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(module, "FILE", tmp_path / "baselines.toml")
    with pytest.raises(DataError, match=message):
        module.baselines.__wrapped__()
