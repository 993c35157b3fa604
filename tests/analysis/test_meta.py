"""Random-effects meta-analysis against a published worked example and against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.analysis.meta import random_effects
from selfboot.errors import DataError

# Thirteen trials of the BCG vaccine: (cases, others) of the vaccinated and of the controls (Colditz et al., JAMA 271,
# 1994). Log risk ratios; the results by DerSimonian and Laird as the package metafor prints them (method="DL").
BCG = [
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
]  # fmt: skip


def test_published_example() -> None:
    effects = [math.log(a / (a + b)) - math.log(c / (c + d)) for a, b, c, d in BCG]
    variances = [1 / a - 1 / (a + b) + 1 / c - 1 / (c + d) for a, b, c, d in BCG]
    found = random_effects(effects, variances)
    assert found.effect == pytest.approx(-0.7141, abs=5e-5)
    assert (found.upper - found.lower) / 2 / 1.959964 == pytest.approx(0.1787, abs=5e-5)
    assert found.tau2 == pytest.approx(0.3088, abs=5e-5)
    assert found.q == pytest.approx(152.2330, abs=5e-4)
    assert found.i2 == pytest.approx(0.9212, abs=5e-5)
    assert found.df == 12
    assert found.p < 1e-4


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # its other columns divide by zero
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 1)), min_size=2, max_size=8))
def test_statsmodels_agrees(labs: list[tuple[float, float]]) -> None:
    meta = pytest.importorskip("statsmodels.stats.meta_analysis")
    effects, variances = (np.array([lab[i] for lab in labs]) for i in (0, 1))
    found, theirs = random_effects(effects, variances), meta.combine_effects(effects, variances, method_re="dl")
    assert found.q == pytest.approx(theirs.q, abs=1e-9)
    assert found.tau2 == pytest.approx(max(0.0, theirs.tau2), abs=1e-9)
    if theirs.tau2 > 0:
        assert found.effect == pytest.approx(theirs.mean_effect_re, abs=1e-9)


def test_one_laboratory_and_none() -> None:
    alone = random_effects([0.3], [0.01])
    assert (alone.effect, alone.q, alone.i2, alone.tau2, alone.p) == (0.3, 0.0, 0.0, 0.0, 1.0)
    assert alone.upper == pytest.approx(0.3 + 1.959964 * 0.1)
    for effects, variances in (([], []), ([0.1], []), ([0.1], [0.0])):
        with pytest.raises(DataError, match="one variance above 0"):
            random_effects(effects, variances)
