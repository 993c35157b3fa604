"""The formula for a calibrated band agrees with draws."""

from __future__ import annotations

import numpy as np
import pytest

from selfboot.analysis.bands import SeedSpread, calibrated_band
from selfboot.analysis.power import calibrated_misses
from selfboot.analysis.synergy import contrast_power


@pytest.mark.parametrize(("shift", "fresh"), [(0.0, 1), (12.0, 1), (8.0, 3)])
def test_a_calibrated_band_misses_twice_as_often_as_the_formula_says(shift: float, fresh: int) -> None:
    rng, draws, missed, expected = np.random.default_rng(5), 3000, 0, []
    for _ in range(draws):
        values = [float(x) for x in rng.normal(100, 5, 30)]
        band, fresh_means = calibrated_band(values, fresh), rng.normal(100 + shift, 5, (2, fresh)).mean(1)
        missed += all(mean not in band for mean in fresh_means)
        expected.append(calibrated_misses(values, shift, fresh) if len(expected) < 20 else 0.0)
    chance = sum(expected) / 20
    assert missed / draws == pytest.approx(chance, abs=4 * (chance * (1 - chance) / draws) ** 0.5 + 0.03)


def test_negative_synergy_wants_about_twenty_seeds() -> None:
    """−4.9 points of 164 are −8 tasks: with s = 7 fewer than about 20 seeds are inconclusive."""
    assert contrast_power(-8, SeedSpread(7.0, 200), "interaction", 19) == pytest.approx(0.8, abs=0.02)
