"""Tests against the boundary, intervals and the regression: known values, other implementations, invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from selfboot.analysis.prediction import (
    Estimate,
    Point,
    Row,
    boundary,
    boundary_points,
    error,
    expected_pairs,
    fit,
    judge,
    leave_one_out,
    mean_estimate,
    wilson,
)
from selfboot.errors import DataError

TABLE = (
    Row("seven", 25, (104, 112, 95)),
    Row("four", 79, (106,)),
    Row("coder", 83, (87,)),
    Row("eight", 132, (118, 133)),
    Row("olmo", 5, (), floor=True),
)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_statsmodels(case: tuple[int, int]) -> None:
    passed, n = case
    low, high = proportion_confint(passed, n, method="wilson")
    found = wilson(passed, n)
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)


def test_a_share_of_all_tasks_is_certain_and_of_most_nearly_so() -> None:
    assert wilson(20, 164, of=164) == Estimate(20 / 164, 20 / 164, 20 / 164)
    half, most = wilson(10, 82, of=164), wilson(19, 160, of=164)
    assert most.high - most.low < 0.5 * (half.high - half.low)
    assert half.high - half.low < wilson(10, 82).high - wilson(10, 82).low


def test_intervals_of_a_random_subset_cover_the_whole_score() -> None:
    """Of 164 tasks 60 are solved; 40 are drawn, 2,000 times: about 95 % of the intervals hold the truth."""
    rng, flags = np.random.default_rng(7), np.arange(164) < 60
    drawn = [wilson(int(rng.permutation(flags)[:40].sum()), 40, of=164) for _ in range(2000)]
    covered = np.mean([one.low <= 60 / 164 <= one.high for one in drawn])
    assert 0.93 <= covered <= 0.98


def test_an_impossible_share_is_refused() -> None:
    with pytest.raises(DataError, match="5 of 4"):
        wilson(5, 4)


def test_mean_is_students_and_one_value_leaves_all_open() -> None:
    values = [0.0, 1.0, 1.0, 0.5, 0.25]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    found = mean_estimate(values)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert (mean_estimate([0.3]).low, mean_estimate([0.3]).high) == (-1.0, 1.0)
    assert mean_estimate([0.0] * 20).high == wilson(0, 20).high, "twenty failures do not prove that none would pass"
    assert mean_estimate([0.0] * 20, of=20).high == 0


def test_the_boundary_rows_are_those_clearly_lifted() -> None:
    where = boundary(25, 164, TABLE)
    assert (where.floor.name, where.ceiling.name) == ("seven", "four")
    assert not where.below
    assert not where.above
    assert boundary(3, 164, TABLE).below
    assert boundary(132, 164, TABLE).above
    assert boundary(0, 20, TABLE).floor_p == pytest.approx((1 - 25 / 164) ** 20)
    assert not boundary(0, 10, TABLE).below  # ten tasks cannot tell
    with pytest.raises(DataError, match="no row with a clear lift"):
        boundary(5, 10, TABLE[2:])


@pytest.mark.parametrize(
    ("solved", "headroom", "pairs", "lift", "expected"),
    [
        (25, Estimate(0.4, 0.3, 0.5), (20, 32), Estimate(0.4, 0.2, 0.6), "should work"),
        (3, Estimate(0.02, 0.0, 0.05), (0, 32), Estimate(0.1, -0.1, 0.3), "too weak"),
        (3, Estimate(0.02, 0.0, 0.05), (0, 320), Estimate(0.1, -0.1, 0.3), "too weak"),
        (132, Estimate(0.05, 0.02, 0.08), (10, 32), Estimate(0.1, 0.01, 0.3), "saturated"),
        (25, Estimate(0.4, 0.3, 0.5), (1, 32), Estimate(0.4, 0.2, 0.6), "uncertain"),
        (60, Estimate(0.2, 0.1, 0.3), (20, 32), Estimate(0.1, -0.1, 0.3), "uncertain"),
    ],
)
def test_verdicts(solved: int, headroom: Estimate, pairs: tuple[int, int], lift: Estimate, expected: str) -> None:
    where = boundary(solved, 164, TABLE)
    assert judge(where, where, headroom, expected_pairs(*pairs), lift) == expected


def test_a_weak_chat_score_alone_is_not_too_weak() -> None:
    """A mini model that solves little in chat but much when read otherwise, and yields pairs."""
    chat, best = boundary(3, 164, TABLE), boundary(110, 164, TABLE)
    lift = Estimate(0.4, 0.2, 0.6)
    assert judge(chat, best, Estimate(0.4, 0.3, 0.5), expected_pairs(3, 128), lift) == "uncertain"
    assert judge(chat, best, Estimate(0.4, 0.3, 0.5), expected_pairs(30, 64), lift) == "should work"


def test_regression_is_least_squares_with_the_textbook_interval() -> None:
    rng = np.random.default_rng(3)
    x, noise = rng.uniform(0, 1, 12), rng.normal(0, 0.05, 12)
    found = fit([Point(str(i), (a,), 0.1 + 0.5 * a + e) for i, (a, e) in enumerate(zip(x, noise, strict=True))])
    y = 0.1 + 0.5 * x + noise
    line = stats.linregress(x, y)
    assert found.coefficients == (pytest.approx(line.intercept), pytest.approx(line.slope))
    spread = np.sqrt(np.sum((y - line.intercept - line.slope * x) ** 2) / 10)
    half = stats.t.ppf(0.95, 10) * spread * np.sqrt(1 + 1 / 12 + (0.3 - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2))
    predicted = found.predict((0.3,))
    assert predicted.high - predicted.value == pytest.approx(half)


def test_prediction_intervals_cover_new_points() -> None:
    """90 % intervals from eight noisy points hold about 90 % of fresh ones."""
    rng, inside = np.random.default_rng(11), 0
    for _ in range(1000):
        x = rng.uniform(0, 1, 9)
        y = 0.2 + 0.4 * x + rng.normal(0, 0.1, 9)
        found = fit([Point("", (a,), b) for a, b in zip(x[:8], y[:8], strict=True)]).predict((x[8],))
        inside += found.low <= y[8] <= found.high
    assert 870 <= inside <= 930


def test_leave_one_out_never_sees_its_point() -> None:
    points = [Point(str(i), (i / 10,), i / 20) for i in range(6)]
    moved = [*points[:5], Point("5", (0.5,), 0.9)]
    assert leave_one_out(points)[5].predicted == leave_one_out(moved)[5].predicted
    assert error(leave_one_out(points)) == pytest.approx(0, abs=1e-9)
    assert not leave_one_out(moved)[5].inside


def test_regression_needs_points_that_differ() -> None:
    with pytest.raises(DataError, match="2 points"):
        fit([Point("a", (0.1,), 0.1), Point("b", (0.2,), 0.2)])
    with pytest.raises(DataError, match="differ too little"):
        fit([Point(str(i), (0.5,), 0.1 * i) for i in range(5)])


def test_only_rows_with_a_score_after_training_are_points() -> None:
    assert [point.name for point in boundary_points(TABLE)] == ["seven", "four", "coder", "eight"]
