"""The matrix of wrong systems that the report shows is the one of mutants.md, and damage is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.errors import DataError
from selfboot.judging.mutants import MUTANTS, Cell
from selfboot.report import noticed as module
from selfboot.report.noticed import FILE, noticed, survivors
from selfboot.report.rates import _mutant


def test_the_file_says_what_the_page_of_mutants_says() -> None:
    page = FILE.with_suffix(".md").read_text(encoding="utf-8")
    for claim, row in noticed().items():
        assert list(row) == list(MUTANTS)
        assert f"| {claim} | {' | '.join(map(_mutant, row.values()))} |" in page


def test_what_survives_is_named() -> None:
    dead, alive = Cell(20.0, again=True, fresh=1.0), Cell(20.0, again=False, fresh=0.5)
    assert survivors({"control": {"a": dead}}).endswith("none go unnoticed")
    assert survivors({"control": {"a": dead, "b": alive}}).endswith("1 go unnoticed: b at control")


@pytest.mark.parametrize("text", ["", "[]", '{"control": 1}', '{"control": {"a": {"change": 1}}}'])
def test_damage_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "mutants.json").write_text(text, encoding="utf-8")
    for path in (tmp_path / "mutants.json", tmp_path / "none.json"):
        monkeypatch.setattr(module, "FILE", path)
        with pytest.raises(DataError, match="selfboot claims --mutants"):
            noticed()
