"""D on the spot: a real model at two batch sizes, the band that follows, what is judged by it, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol_runs import made_up_run

from selfboot.analysis.bands import baseline_band, measured_baseline_band
from selfboot.engines.gpu import gpu
from selfboot.errors import DataError
from selfboot.judging.checks import checks
from selfboot.judging.flips import OTHER_ROWS, has_baseline, measured_flips
from selfboot.judging.published import FLIPS_SHARE, Published
from selfboot.lab import Lab
from selfboot.planning.cost import plan
from selfboot.registry import claim_named, registry
from selfboot.store import RunStore


def test_the_mini_model_at_two_batch_sizes(tmp_path: Path) -> None:
    """Two engines, two artifacts; in full precision next to no outcome changes."""
    settings = replace(claim_named("recipe-7b").scales["mini"], benchmark="minieval:16")
    with Lab(RunStore(tmp_path), tokens=40) as lab:
        assert measured_flips(lab, settings) <= 2 / 16
    keys = [path.read_text(encoding="utf-8") for path in (tmp_path / "samples").rglob("manifest.json")]
    assert len(keys) == 2
    assert sum(f'"rows": {OTHER_ROWS}' in key for key in keys) == 1


@given(st.integers(0, 164), st.floats(0, 40), st.floats(0, 40))
def test_more_flips_never_make_a_narrower_band(published: int, one: float, other: float) -> None:
    narrow, wide = (measured_baseline_band(published, flips, 164) for flips in sorted((one, other)))
    assert wide.lower <= narrow.lower <= published <= narrow.upper <= wide.upper


def test_measured_flips_have_an_error_of_their_own() -> None:
    """A little wider than where D is known; and a D of 0 is no proof that nothing ever flips."""
    assert [measured_baseline_band(25, flips, 164).whole for flips in (0, 6, 18)] == [(22, 28), (18, 32), (14, 36)]
    assert baseline_band(25, 6, 164).whole == (19, 31)
    with pytest.raises(DataError, match="flips"):
        measured_baseline_band(25, -1, 164)


@pytest.mark.parametrize("rate", [1.0, 6.0, 18.0])
def test_the_band_holds_99_of_100_honest_scores(rate: float) -> None:
    """D counted on two batch sizes, our score and the published one apart by as many flips on average."""
    rng = np.random.default_rng(5)
    counted, (up, down) = rng.poisson(rate, 4000), rng.poisson(rate / 2, (2, 4000))
    half = {d: measured_baseline_band(80, d, 164).upper - 80 for d in set(counted.tolist())}
    inside = np.mean([abs(u - v) <= half[d] for u, v, d in zip(up, down, counted.tolist(), strict=True)])
    assert inside > 0.985


@pytest.mark.parametrize(("flips", "base", "status"), [
    (None, 34, "reproduced"), (2 / 164, 34, "protocol mismatch"), (2 / 164, 27, "reproduced"),
    (30 / 164, 38, "reproduced"),
])  # fmt: skip
def test_a_base_score_is_judged_by_what_flips_here(flips: float | None, base: int, status: str) -> None:
    """And the lift is judged all the same. Without a measurement the most that was ever seen counts."""
    claim = claim_named("recipe-7b")
    with pytest.MonkeyPatch.context() as patch:
        run = made_up_run(patch, claim.scales["paper"])
    outcomes = {"base": [i < base for i in range(164)], "trained": [i < 104 for i in range(164)]}
    run = replace(run, outcomes=outcomes, figures={"base": float(base), "trained": 104.0}, flips=flips)
    parts = {check.name: check.judge([run]).status for check in checks(claim, "paper")}
    assert (parts["base"], parts["contrast"]) == (status, "reproduced")


def test_flips_are_scaled_with_the_tasks() -> None:
    rules = Published(claim_named("cross-coder"), claim_named("cross-coder").scales["paper"])
    small, large = (rules.baseline(40, 6 / 164, count) for count in (164, 500))
    assert large.upper - large.lower > small.upper - small.lower
    assert rules.baseline(40, None, 164) == baseline_band(40, FLIPS_SHARE * 164, 164)


def test_the_plan_says_what_the_second_batch_size_costs() -> None:
    usual, more = (
        plan("", [gpu("h100")], "recipe-7b", flips=flips).claims[0].costs[0].hours for flips in (False, True)
    )
    assert 0 < more - usual < 0.1, "an engine's start and some seconds of drawing"
    sampled = [plan("", [gpu("h100")], "tts-4b-he", flips=flips).together[0].hours for flips in (False, True)]
    assert sampled[0] == sampled[1], "no published base score"
    assert sum(has_baseline(claim.scales["paper"]) for claim in registry().values()) >= 15
