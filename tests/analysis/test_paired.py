"""Paired tests against published worked examples, other libraries, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from selfboot.analysis.paired import (
    Discordance,
    discordance,
    holm,
    mcnemar,
    mcnemar_power,
    paired_test,
    score_interval,
)
from selfboot.errors import DataError

# Bentur et al. (2009), airway hyper-responsiveness of 21 children before and after: the worked example of
# Fagerland, Lydersen, Laake, BMC Med Res Methodol 13:91 (2013) and Stat Med 33:2850 (2014, tables II and V).
BENTUR = Discordance(gains=1, losses=7, n=21)
# Agresti, Categorical Data Analysis: approval of the prime minister, 1,600 people asked twice.
AGRESTI = Discordance(gains=86, losses=150, n=1600)


def outcomes(counts: Discordance) -> tuple[list[bool], list[bool]]:
    rest = counts.n - counts.total
    return [False] * counts.gains + [True] * (counts.losses + rest), [True] * counts.gains + [False] * counts.losses + [
        True
    ] * rest


def test_mcnemar_exact_published_example() -> None:
    assert mcnemar(BENTUR.gains, BENTUR.losses).two_sided == pytest.approx(0.0703, abs=5e-5)


def test_tango_interval_published_example() -> None:
    interval = score_interval(BENTUR)
    assert (round(interval.lower / 21, 3), round(interval.upper / 21, 3)) == (-0.517, -0.026)


def test_power_published_example() -> None:
    """The G*Power 3.1 manual's McNemar example: odds ratio 0.25, 40 % discordant, N = 50, one-sided: power 0.839343 at
    an actual alpha of 0.032578; R's pwrss gives 0.839356985 for the power."""
    assert mcnemar_power(50, 16, 4) == pytest.approx(0.839356985, abs=1e-9)
    assert mcnemar_power(50, 16, 4) == pytest.approx(0.839343, abs=2e-5)
    assert mcnemar_power(50, 10, 10) == pytest.approx(0.032578, abs=1e-6)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_statsmodels(gains: int, losses: int) -> None:
    if gains + losses:
        theirs = statsmodels_mcnemar([[0, gains], [losses, 0]], exact=True).pvalue
        assert mcnemar(gains, losses).two_sided == pytest.approx(min(1.0, theirs))


def test_no_discordant_task_is_no_evidence() -> None:
    assert mcnemar(0, 0).two_sided == mcnemar(0, 0).up == 1.0
    assert paired_test([[True, False]], [[True, False]]).up == 1.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_sign_flip_with_one_seed_is_mcnemar(pairs: list[tuple[bool, bool]]) -> None:
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    counts = discordance(before, after)
    ours, theirs = paired_test([before], [after]), mcnemar(counts.gains, counts.losses)
    assert (ours.difference, ours.up, ours.down) == pytest.approx((theirs.difference, theirs.up, theirs.down))


@given(st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=2, max_size=3), st.data())
def test_sign_flip_with_several_seeds_equals_brute_force(after: list[list[bool]], data: st.DataObject) -> None:
    before = data.draw(st.lists(st.booleans(), min_size=9, max_size=9))
    d = np.asarray(after, int).sum(0) - len(after) * np.asarray(before, int)
    signs = 1 - 2 * ((np.arange(512)[:, None] >> np.arange(9)) & 1)
    expected = ((signs * d).sum(1) >= d.sum()).mean()
    assert paired_test([before], after).up == pytest.approx(expected)


def test_several_seeds_say_more_than_one() -> None:
    """Three seeds with the same gains repeated are no stronger; seeds that agree where one wavers are."""
    before, after = outcomes(Discordance(12, 5, 164))
    assert paired_test([before], [after] * 3).up == pytest.approx(paired_test([before], [after]).up)


def test_unequal_tasks_are_refused() -> None:
    with pytest.raises(DataError, match="same tasks"):
        paired_test([[True]], [[True, False]])
    with pytest.raises(DataError, match="same tasks"):
        discordance([True], [True, False])


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 100))
def test_score_interval_is_antisymmetric_and_within_the_tasks(gains: int, losses: int, rest: int) -> None:
    n = gains + losses + rest
    there, back = score_interval(Discordance(gains, losses, n)), score_interval(Discordance(losses, gains, n))
    assert (there.lower, there.upper) == pytest.approx((-back.upper, -back.lower), abs=1e-6)
    assert -n <= there.lower <= there.estimate <= there.upper <= n


def test_score_interval_knows_that_no_flip_is_not_no_noise() -> None:
    assert score_interval(Discordance(0, 0, 164), 0.9).upper == pytest.approx(
        164 * 1.645**2 / (164 + 1.645**2), abs=0.01
    )


def test_score_interval_misses_5_percent() -> None:
    rng = np.random.default_rng(3)
    counts = rng.multinomial(164, [30 / 164, 18 / 164, 116 / 164], size=3000)
    missed = 0
    for gains, losses, _ in counts:
        interval = score_interval(Discordance(int(gains), int(losses), 164))
        missed += not interval.lower <= 12 <= interval.upper
    assert 0.04 < missed / len(counts) < 0.06


def test_mcnemar_holds_its_level_and_power() -> None:
    rng = np.random.default_rng(5)
    for gains, losses in ((20, 20), (32, 14)):
        found = 0
        for _ in range(1000):
            g, lost, _ = rng.multinomial(164, [gains / 164, losses / 164, 1 - (gains + losses) / 164])
            found += mcnemar(int(g), int(lost)).up <= 0.05
        assert found / 1000 == pytest.approx(mcnemar_power(164, gains, losses), abs=0.045)
    assert 0.02 < mcnemar_power(164, 20, 20) <= 0.05


def test_large_samples_reach_the_nominal_level() -> None:
    assert mcnemar_power(5000, 1000, 1000) == pytest.approx(0.05, abs=0.006)


def test_normal_approximation_agrees_with_exact_power() -> None:
    z = (40 - 12) / math.sqrt(52) - 1.645
    assert mcnemar_power(500, 40, 12) == pytest.approx(stats.norm.cdf(z * math.sqrt(52 / (52 - 28**2 / 500))), abs=0.03)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == []
