"""E-values against closed forms, their defining property, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from selfboot.analysis.e_value import log_e_of_arms, log_e_value, log_e_values, product, tasks_needed
from selfboot.errors import DataError

DIFFERENCES = st.lists(st.sampled_from([-1.0, -2 / 3, -1 / 3, 0.0, 1 / 3, 2 / 3, 1.0]), max_size=40)
SIDES = st.sampled_from(["up", "down", "none"])


@pytest.mark.parametrize(("gains", "losses"), [(0, 0), (1, 0), (0, 1), (9, 3), (82, 3), (3, 82), (700, 600)])
def test_one_seed_is_the_beta_mixture(gains: int, losses: int) -> None:
    """∫₀¹ (1+λ)^g (1-λ)^l dλ = 2^(g+l+1) B(g+1, l+1) P(Beta(g+1, l+1) > ½)."""
    above = float(special.betaincc(gains + 1, losses + 1, 0.5))
    expected = (gains + losses + 1) * math.log(2) + special.betaln(gains + 1, losses + 1) + math.log(above)
    assert log_e_value([1] * gains + [-1] * losses) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert log_e_value([-1] * gains + [1] * losses, "down") == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(DIFFERENCES, st.sampled_from([1 / 3, 2 / 3, 1.0]), SIDES)
def test_a_fair_next_task_changes_nothing_on_average(seen: list[float], size: float, side: str) -> None:
    """The property that makes it valid at every time: E now is the mean of what a fair task can make of it."""
    up, down = (math.exp(log_e_value([*seen, sign * size], side)) for sign in (1, -1))
    assert (up + down) / 2 == pytest.approx(math.exp(log_e_value(seen, side)), rel=1e-9)


@given(DIFFERENCES, SIDES)
def test_unchanged_tasks_and_order_do_not_count(differences: list[float], side: str) -> None:
    assert log_e_value([*reversed(differences), 0.0], side) == pytest.approx(log_e_value(differences, side), abs=1e-9)


def test_nothing_seen_is_no_evidence() -> None:
    assert log_e_value([]) == pytest.approx(0)
    assert log_e_value([1.0]) == pytest.approx(math.log(1.5))


def test_looking_after_every_task_raises_no_false_alarm() -> None:
    """600 null runs of 60 tasks, looked at after each: 1/α is reached in α of them at most (Ville)."""
    rng = np.random.default_rng(1)
    runs = rng.choice([-1.0, 1.0], size=(600, 60))
    highest = np.array([max(log_e_values(list(run))) for run in runs])
    for alpha in (0.2, 0.05):
        reached = float((highest >= -math.log(alpha)).mean())
        assert reached <= alpha + 3 * (alpha * (1 - alpha) / len(runs)) ** 0.5
    assert (highest >= math.log(5)).any()


def test_a_real_effect_is_seen_early() -> None:
    """25 → 104 of 164, the paper's headline: some 15 tasks in a random order are enough at α = 5 %."""
    rng = np.random.default_rng(2)
    differences = np.array([1.0] * 82 + [-1.0] * 3 + [0.0] * 79)
    needed = [tasks_needed(list(rng.permutation(differences)), 0.05) for _ in range(50)]
    assert all(needed)
    assert 12 <= float(np.median([n for n in needed if n])) <= 18


def test_a_fall_is_no_evidence_of_a_rise() -> None:
    assert log_e_value([-1.0] * 50, "up") < math.log(0.05)
    assert tasks_needed([-1.0] * 50, 0.05) is None


def test_arms_of_several_seeds() -> None:
    before, after = [[False, False, True]], [[True, True, True], [True, False, False]]
    assert log_e_of_arms(before, after, "up") == pytest.approx(log_e_value([1.0, 0.5, -0.5]))
    assert product([1.0, 2.0]) == 3.0
    with pytest.raises(DataError, match="3 and 2 tasks"):
        log_e_of_arms(before, [[True, True]], "up")
    with pytest.raises(DataError, match=r"2 tasks in one task; each must lie in \[-1, 1\]"):
        log_e_value([2.0])
