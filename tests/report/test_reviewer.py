"""What a reviewer must know: the page is up to date, the report says the same, and counts are those that tests hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfboot.errors import DataError
from selfboot.published import figures
from selfboot.report import reviewer
from selfboot.report.evidence import Shelf
from selfboot.report.gather import gather
from selfboot.report.html import render
from selfboot.report.reviewer import PAGE, UNSCRIPTED, page, topics
from selfboot.report.text import markdown


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "claims/what_to_know.md is stale: `selfboot claims --protocols`"


def test_every_figure_without_a_script_is_named() -> None:
    named = " ".join(topics()[-1].points)
    assert topics()[-1].title == UNSCRIPTED
    for figure in figures().values():
        assert (f"`{figure.id}`" in named) == (figure.certainty == "none"), figure.id


def test_the_report_says_it_too(empty_lab: Any) -> None:
    gathered = gather([], Shelf(empty_lab.store.root))
    for text in (markdown(gathered, []), render(gathered, [])):
        assert all(topic.title.split("'")[0] in text for topic in topics())
        assert "HumanEval/35 twice" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [("[a]\npoints = []", r"\[a\]: no points"), ("[a]\npoint = ['x']", "unknown key 'point'; write 'points'")],
)
def test_reading_is_strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    (tmp_path / "facts.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(reviewer, "FACTS", tmp_path / "facts.toml")
    with pytest.raises(DataError, match=message):
        topics()
