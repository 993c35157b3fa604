"""False alarm and power of each claim: formula and the judge's simulation agree; underpowered is never reproduced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfboot.analysis.verdict import ENOUGH_POWER
from selfboot.cli.main import main
from selfboot.judging.error_rates import ClaimPower, powered_claims
from selfboot.paths import MEASURED
from selfboot.report.rates import document, error_rates

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


def test_the_document_has_every_kind_and_every_claim(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = document(1)
    assert all(f"| {one.claim.id} |" in text for one in POWERED)
    kinds = json.loads((MEASURED / "error_rates" / "power.json").read_text(encoding="utf-8"))["rows"]
    assert all(f"| {row['claim']} |" in text for row in kinds)
    recorded = (MEASURED / "error_rates" / "README.md").read_text(encoding="utf-8")
    assert all(" | ".join(row) in recorded for row in error_rates()), (
        "stale: `selfboot claims --power --draws 1000 --out …`"
    )
    assert main(["claims", "--power", "--draws", "1", "--out", str(tmp_path / "p.md")]) == 0
    assert (tmp_path / "p.md").read_text(encoding="utf-8") == text
    assert main(["claims", "--power", "--draws", "0"]) == 2
    assert "at least one" in capsys.readouterr().err
