"""How often the checks err, simulated: at mini scale around the calibration, at the paper's around its figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfboot.cli.main import main
from selfboot.judging.error_rates import ClaimPower, powered_claims
from selfboot.judging.paper_rates import simulated_claims
from selfboot.judging.seeds import recorded_of_paper
from selfboot.report import rates
from selfboot.report.claim import show

POWERED = list(powered_claims())
SEEN = ("recipe-7b", "recipe-14b", "control", "stop-strings", "tts-4b-he", "synergy-3b")


def test_there_are_powered_claims() -> None:
    assert {"recipe-7b", "control"} <= {one.claim.id for one in POWERED}


def test_the_suite_hardly_ever_fails_by_chance() -> None:
    """0.15 % a claim is meant; in 20 runs of each of some thirty claims chance may show a few."""
    alarms = [one.simulate(4, seed=3).false_alarm * 20 for one in POWERED]
    assert sum(alarms) <= 0.015 * 20 * len(POWERED)


@pytest.mark.parametrize("one", [one for one in POWERED if one.claim.id in SEEN], ids=lambda one: one.claim.id)
def test_a_training_that_does_nothing_is_seen(one: ClaimPower) -> None:
    assert one.simulate(15, seed=4).power == 1.0


def test_a_model_that_solves_nothing_fails_where_a_greedy_band_reaches_zero() -> None:
    """3 of 21 tasks, ± 3, says nothing of a dead model; the sampled scores of the same tasks do. So the greedy score
    leaves the claim open no more, and a model that solves nothing drifts all the same."""
    one = next(one for one in POWERED if one.claim.id == "tts-sweep")
    rng = np.random.default_rng(5)
    honest = [one.verdict(rng, lambda figures: figures) for _ in range(20)]
    dead = [one.verdict(rng, lambda figures: dict.fromkeys(figures, 0.0)) for _ in range(5)]
    assert honest.count("as calibrated") >= 18
    assert set(dead) == {"drifted"}


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
    with pytest.raises(SystemExit, match="2"):
        main(["claims", "--power", "--draws", "0"])
    assert "'0': expected a whole number above 0" in capsys.readouterr().err


def test_a_claim_says_how_many_seeds_it_would_need() -> None:
    """The table that is read and the one that is kept for programs are the same."""
    table, kept = (rates.FOLDER / "README.md").read_text(encoding="utf-8"), recorded_of_paper()
    assert set(kept) == {one.claim.id for one in simulated_claims()}
    for row in kept.values():
        assert f"| {' | '.join(row.values())} |" in table
    text = " ".join(show("synergy-3b").split())
    assert f"seeds for 80 % power: {kept['synergy-3b']['seeds for 80 %']}" in text
