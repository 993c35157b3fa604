"""The suite's own test: wrong systems that change a figure by ten tasks are noticed by every claim that they change."""

from __future__ import annotations

import pytest

from selfboot.cli.main import main
from selfboot.judging.mutants import MUTANTS, Cell, matrix
from selfboot.report import rates


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, object]]:
    return dict(matrix(4, both=False))  # type: ignore[arg-type]


def test_no_mutant_of_ten_tasks_survives(found: dict[str, dict]) -> None:
    alive = [(claim, name) for claim, row in found.items() for name, cell in row.items() if cell.survives]
    assert alive == []


def test_random_weights_and_a_grader_that_passes_all_change_every_claim_and_are_noticed(found: dict[str, dict]) -> None:
    for name in ("random weights, or a grader that fails all", "everything solved, or a grader that passes all"):
        assert all(row[name].killed for row in found.values()), name


def test_half_the_pairs_are_noticed_where_the_claim_trains_on_them(found: dict[str, dict]) -> None:
    """Fresh seeds alone let half of them pass; the calibrated seed shows it."""
    for claim in ("recipe-7b", "pair-count-sweep"):
        cell = found[claim]["half the pairs"]
        assert (cell.again, cell.change > 10) == (True, True)


def test_the_matrix_as_markdown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cells = {name: Cell(12.0, again=False, fresh=0.5) for name in MUTANTS}
    monkeypatch.setattr(rates, "matrix", lambda draws: {"recipe-7b": cells})
    assert main(["claims", "--mutants", "--draws", "1"]) == 0
    text = capsys.readouterr().out
    assert f"10 tasks or more, {len(MUTANTS)} survive: recipe-7b (" in text
    assert "| recipe-7b | **survives** 12 tasks, 50% |" in text
