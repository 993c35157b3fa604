"""Bands against worked examples, and their coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.analysis.bands import (
    SeedSpread,
    baseline_band,
    calibrated_band,
    difference_band,
    oracle_band,
    prediction_band,
    seed_spread,
    training_band,
)
from selfboot.errors import DataError

PUBLISHED = (104, 112, 95)


def test_shrunken_spread_of_the_published_seeds() -> None:
    spread = seed_spread([PUBLISHED], 164)
    assert spread.sd == pytest.approx(7.04, abs=0.01)
    assert spread.df == 6


def test_raw_spread_alone_would_be_useless() -> None:
    raw = SeedSpread(float(np.std(PUBLISHED, ddof=1)), 2)
    band = prediction_band(float(np.mean(PUBLISHED)), raw, 3, 3)
    assert (band.upper - band.lower) / 2 == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize(("fresh", "whole"), [(3, (90, 117)), (1, (84, 123))])
def test_training_band_of_the_headline(fresh: int, whole: tuple[int, int]) -> None:
    assert training_band(PUBLISHED, 164, fresh).whole == whole


def test_training_band_keeps_the_published_range() -> None:
    assert training_band([132], 164, 30, published_range=(110, 134)).whole[0] == 110


def test_one_published_score_uses_the_binomial_spread() -> None:
    assert seed_spread([[82]], 164) == SeedSpread(pytest.approx(np.sqrt(41.0)), 4)  # n·p·q = 164/4


def test_seeds_of_sibling_settings_pool() -> None:
    assert seed_spread([PUBLISHED, (130, 132, 134)], 164).df == 8


@pytest.mark.parametrize(("flips", "whole"), [(6, (19, 31)), (0, (25, 25)), (1, (23, 27))])
def test_baseline_band(flips: int, whole: tuple[int, int]) -> None:
    assert baseline_band(25, flips, 164).whole == whole


def test_oracle_band() -> None:
    assert oracle_band(152, 164).whole == (146, 158)


def test_difference_band_is_the_stated_formula() -> None:
    half = 2.58 * (2 * (100 - 40**2 / 500)) ** 0.5
    band = difference_band(-40, 100, 500)
    assert (band.lower, band.upper) == pytest.approx((-40 - half, -40 + half))


def test_difference_band_knows_the_noise_of_seeds() -> None:
    half = 2.58 * (2 * (100 - 40**2 / 500) + 7**2 * (1 + 1 / 3)) ** 0.5
    assert difference_band(-40, 100, 500, SeedSpread(7.0, 6), 3).upper == pytest.approx(-40 + half)


def test_difference_band_never_has_fewer_discordant_tasks_than_the_claim_needs() -> None:
    few, enough = difference_band(-230, 0, 500), difference_band(-230, 230, 500)
    assert (few.lower, few.upper) == (enough.lower, enough.upper)
    assert few.lower < -230 < few.upper


@pytest.mark.parametrize("seeds", [0, 1, 14])
def test_a_calibration_of_too_few_seeds_gives_no_band(seeds: int) -> None:
    with pytest.raises(DataError, match=f"{seeds} seeds"):
        calibrated_band([50.0] * seeds)


def test_calibrated_band_is_clipped_to_existing_scores() -> None:
    sample = [0.0, 3.0] * 10
    assert calibrated_band(sample, limits=(0, 164)).lower == 0


@pytest.mark.parametrize("score", [-1, 165])
def test_impossible_scores_are_refused(score: int) -> None:
    with pytest.raises(DataError, match="percentage"):
        seed_spread([[score]], 164)


@given(st.floats(0, 164), st.integers(0, 164))
def test_a_band_holds_its_own_centre(published: float, flips: int) -> None:
    band = baseline_band(published, flips, 164)
    assert published in band
    assert 0 <= band.lower <= band.upper <= 164


@pytest.mark.parametrize("fresh", [1, 3])
def test_prediction_interval_covers_95_percent(fresh: int) -> None:
    """Exact normal theory: with the measured spread of 20 seeds the nominal 5 % come out within 4 to 6 %."""
    rng = np.random.default_rng(1)
    missed, runs = 0, 4000
    for _ in range(runs):
        sample = rng.normal(100, 7, 20)
        band = calibrated_band([float(x) for x in sample], fresh, level=0.95)
        missed += float(rng.normal(100, 7, fresh).mean()) not in band
    assert 0.04 < missed / runs < 0.06


def test_shrinkage_covers_at_least_95_percent_when_seeds_vary_binomially() -> None:
    rng = np.random.default_rng(2)
    missed, runs = 0, 4000
    for _ in range(runs):
        published = rng.binomial(164, 0.63, 3)
        missed += float(rng.binomial(164, 0.63)) not in training_band([float(x) for x in published], 164, 1)
    assert 0.01 < missed / runs < 0.06
