"""False alarm and power of each claim: formula and the judge's simulation agree; underpowered is never reproduced."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.analysis.verdict import ENOUGH_POWER
from selfboot.cli.main import main
from selfboot.judging.error_rates import ClaimPower, powered_claims
from selfboot.judging.paper_rates import simulated_claims

POWERED = list(powered_claims())
DRAWS = 60


def noise(chance: float) -> float:
    """What ``DRAWS`` runs may be off, with room for the formula's own approximations."""
    return float(4 * (chance * (1 - chance) / DRAWS) ** 0.5 + 0.06)


def test_there_are_powered_claims() -> None:
    assert {"recipe-7b", "control"} <= {one.claim.id for one in POWERED}


@pytest.mark.parametrize("one", POWERED, ids=lambda one: one.claim.id)
def test_formula_and_judge_agree_and_underpowered_is_never_reproduced(one: ClaimPower) -> None:
    formula, seen = one.formula(), one.simulate(DRAWS, seed=3)
    low, high = formula.false_alarm
    assert 0 <= low <= high <= 1
    assert low - noise(low) <= seen.false_alarm <= high + noise(high)
    assert seen.power >= formula.power - noise(formula.power)
    if one.shows == "none":
        assert seen.false_pass == 0 or formula.power >= ENOUGH_POWER - 0.05
    assert seen.false_pass <= 1 - formula.power + noise(formula.power)


PAPERS = {one.claim.id: one for one in simulated_claims()}


@pytest.mark.parametrize("name", PAPERS)
def test_if_the_paper_is_right_its_claims_are_hardly_ever_red(name: str) -> None:
    """Two in a hundred at most; in 100 runs chance may show five."""
    assert PAPERS[name].simulate(100, seed=2).wrongly_red <= 0.05


@pytest.mark.parametrize("name", ["recipe-7b", "recipe-14b", "control", "saturation", "bcb-hard", "code-to-math"])
def test_a_training_that_does_nothing_or_destroys_the_model_is_red(name: str) -> None:
    assert PAPERS[name].simulate(20, seed=3).red == 1.0


def test_the_document_has_every_claim(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["claims", "--power", "--draws", "1", "--out", str(tmp_path / "p.md")]) == 0
    text = (tmp_path / "p.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in text for name in (*PAPERS, *(one.claim.id for one in POWERED)))
    assert main(["claims", "--power", "--draws", "0"]) == 2
    assert "at least one" in capsys.readouterr().err
