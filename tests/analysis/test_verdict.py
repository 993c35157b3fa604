"""The policy, case by case: what reproduces, what fails, what is honest to leave open."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import Band, SeedSpread, baseline_band, calibrated_band, oracle_band, training_band
from selfboot.analysis.power import solved
from selfboot.analysis.synergy import FourArms
from selfboot.analysis.verdict import Verdict
from selfboot.errors import DataError

RNG = np.random.default_rng(7)
N = 164


def nested(*counts: int, n: int = N) -> list[list[bool]]:
    """One seed a count: the first ``count`` tasks are solved, so that more solved means gains only."""
    return [[i < count for i in range(n)] for count in counts]


def shuffled(*counts: int, n: int = N) -> list[list[bool]]:
    return [solved(RNG, n, count) for count in counts]


BAND3, BAND1 = training_band((104, 112, 95), N, 3), training_band((104, 112, 95), N, 1)
MINI = calibrated_band([100.0, 110.0] * 10, limits=(0, N))  # 90 to 120


# ------------------------------------------------------------------------------- baseline, oracle, determinism


@pytest.mark.parametrize(
    ("score", "status"), [(19, "reproduced"), (31, "reproduced"), (18, "not reproduced"), (32, "not reproduced")]
)
def test_baseline_band_edges(score: int, status: str) -> None:
    assert policy.baseline(score, baseline_band(25, 6, N)).status == status


def test_baseline_near_zero_is_no_evidence() -> None:
    assert policy.baseline(0, baseline_band(5, 6, N)).status == "inconclusive"


@pytest.mark.parametrize(
    ("score", "status"), [(146, "reproduced"), (158, "reproduced"), (145, "not reproduced"), (159, "not reproduced")]
)
def test_oracle_fails_on_both_sides(score: int, status: str) -> None:
    assert policy.baseline(score, oracle_band(152, N)).status == status


def test_determinism() -> None:
    assert policy.determinism([True, True]).status == "reproduced"
    assert policy.determinism([True, False]).failed
    with pytest.raises(DataError, match="same completions"):
        policy.determinism([])


# ------------------------------------------------------------------------------- trained scores


def test_headline_reproduces() -> None:
    verdict = policy.seeded_training(shuffled(25), shuffled(100, 108, 99), BAND3, claimed_lift=79)
    assert verdict.status == "reproduced"
    assert verdict.details["direction"] == "agrees"


def test_random_weights_never_reproduce_a_lift() -> None:
    dead = nested(0)
    lift, fall = (
        policy.seeded_training(dead, nested(0, 0, 0), BAND3, claimed_lift=79),
        policy.difference(dead, dead, published=-40),
    )
    assert policy.after_retry(lift, lift).failed
    assert policy.after_retry(fall, fall).failed
    assert policy.baseline(0, oracle_band(152, N)).failed
    assert policy.baseline(0, baseline_band(25, 6, N)).failed


def test_in_the_band_without_a_lift_is_not_enough() -> None:
    """The base already scores what the trained model should: the claim is about the lift."""
    verdict = policy.seeded_training(nested(104), nested(104, 105, 103), BAND3, claimed_lift=79)
    assert verdict.failed
    assert "not significant" in verdict.reason


def test_small_claimed_lift_in_band_is_inconclusive() -> None:
    """+4 of 164 (39 → 43) over a noise of 20 discordant tasks can't be seen."""
    base = nested(39)
    after = [[i < 29 or 39 <= i < 53 for i in range(N)]]
    band = training_band([43], N, 1)
    verdict = policy.seeded_training(base, after, band, claimed_lift=4)
    assert verdict.status == "inconclusive"
    assert float(verdict.details["power"] or 0) < 0.8


def test_outside_but_significant_is_direction_only_and_asks_for_fresh_seeds() -> None:
    verdict = policy.seeded_training(nested(25), nested(60), BAND1, claimed_lift=79)
    assert verdict.status == "direction only"
    assert verdict.retry
    assert not verdict.failed


@pytest.mark.parametrize(
    ("second", "status"), [((100,), "reproduced"), ((60,), "not reproduced"), ((25,), "not reproduced")]
)
def test_retry(second: tuple[int, ...], status: str) -> None:
    first, fresh = (policy.seeded_training(nested(25), nested(*x), BAND1, claimed_lift=79) for x in ((60,), second))
    verdict = policy.after_retry(first, fresh)
    assert verdict.status == status
    assert not verdict.retry
    assert verdict.details["first_measured"] == 60


def test_a_retry_cannot_undo_a_failure_nor_spoil_a_success() -> None:
    failed, passed = Verdict("not reproduced", "no lift"), Verdict("reproduced", "fine")
    assert policy.after_retry(failed, passed) is failed
    assert policy.after_retry(passed, failed) is passed


def test_outside_without_significance_is_tried_again_too() -> None:
    verdict = policy.seeded_training(nested(25), nested(26), BAND1, claimed_lift=79)
    assert verdict.retry
    assert "not significant" in verdict.reason


def test_a_fall_that_seeds_explain_is_not_the_wrong_direction() -> None:
    """39 → 43 published, one seed of a model that mines its own pairs: 25 is 14 lower, and seeds do that by chance."""
    base, after = nested(39), nested(25)
    wide = policy.seeded_training(base, after, training_band([43], N, 1, wider=2), claimed_lift=4, wider=2)
    sharp = policy.seeded_training(base, after, Band(0, N), claimed_lift=4, wider=0.5)
    assert not wide.failed
    assert sharp.failed


def test_wrong_direction_fails_even_inside_the_band() -> None:
    verdict = policy.seeded_training(nested(120), nested(95), BAND1, claimed_lift=79)
    assert verdict.failed
    assert verdict.details["direction"] == "disagrees"


def test_mini_band() -> None:
    base = nested(50)
    statuses = {
        count: policy.seeded_training(base, nested(count), MINI, claimed_lift=55).status for count in (105, 70, 52)
    }
    assert statuses == {105: "reproduced", 70: "direction only", 52: "direction only"}


# ------------------------------------------------------------------------------- differences


def flips(n: int, gains: int, losses: int, solved_in_both: int) -> tuple[list[list[bool]], list[list[bool]]]:
    rest = n - gains - losses - solved_in_both
    before = [False] * gains + [True] * (losses + solved_in_both) + [False] * rest
    after = [True] * gains + [False] * losses + [True] * solved_in_both + [False] * rest
    return [before], [after]


@pytest.mark.parametrize(
    ("gains", "losses", "status"),
    [(30, 70, "reproduced"), (20, 140, "direction only"), (35, 50, "inconclusive"), (90, 20, "not reproduced")],
)
def test_difference(gains: int, losses: int, status: str) -> None:
    before, after = flips(500, gains, losses, 200)
    assert policy.difference(before, after, published=-40).status == status


def test_difference_is_judged_two_sided() -> None:
    """p just above 0.0025 on one side is above 0.005 on both."""
    before, after = flips(500, 34, 62, 200)
    verdict = policy.difference(before, after, published=-40)
    assert 0.0025 < float(verdict.details["p"] or 0) < 0.005
    assert verdict.status != "reproduced"


def test_difference_in_band_without_power_is_inconclusive() -> None:
    before, after = flips(500, 100, 130, 100)
    assert policy.difference(before, after, published=-40).status == "inconclusive"


def test_difference_against_a_calibrated_band_may_agree_in_direction_only() -> None:
    before, after = flips(N, 2, 40, 60)
    verdict = policy.difference(before, after, published=-70, band=Band(-90, -50, "calibrated"))
    assert verdict.status == "direction only"


def test_a_difference_of_zero_has_no_direction() -> None:
    with pytest.raises(DataError, match="equivalence"):
        policy.difference(nested(5), nested(5), published=0)


@pytest.mark.parametrize(
    ("gains", "losses", "margin", "status"),
    [
        (0, 0, 14, "reproduced"),
        (3, 3, 14, "reproduced"),
        (30, 4, 8, "not reproduced"),
        (30, 30, 8, "inconclusive"),
        (12, 0, 8, "inconclusive"),
    ],
)
def test_equivalence(gains: int, losses: int, margin: float, status: str) -> None:
    before, after = flips(N, gains, losses, 25)
    assert policy.equivalence(before, after, margin=margin).status == status


def test_equivalence_over_seeds_uses_the_seed_spread() -> None:
    assert policy.equivalence(nested(25), nested(25, 26, 24, 25, 25, 26), margin=6).status == "reproduced"
    assert policy.equivalence(nested(25), nested(25, 26, 24), margin=2).status == "inconclusive"
    assert policy.equivalence(nested(25), nested(60, 62, 61), margin=6).failed


def test_no_lift_is_two_sided() -> None:
    assert policy.no_lift(nested(100), nested(100, 99, 101, 100, 98), margin=20).status == "reproduced"
    assert policy.no_lift(nested(100), nested(128, 126, 127), margin=20).failed, "a clean lift"
    assert policy.no_lift(nested(100), nested(0, 0, 0), margin=20).failed, "a destroyed model"
    assert policy.no_lift(nested(100), nested(100), margin=5).status == "inconclusive"


def test_a_rise_that_seeds_or_flips_explain_refutes_nothing() -> None:
    assert not policy.no_lift(nested(100), nested(112), margin=20).failed
    assert policy.no_lift(nested(100), nested(117, 117, 117, 117, 117), margin=30).failed
    assert not policy.no_lift(nested(100), nested(117, 117, 117, 117, 117), margin=30, flips=60).failed


def test_a_destroyed_model_is_not_alive() -> None:
    assert policy.alive(nested(299, n=500), nested(69, n=500)).status == "reproduced", "the paper's worst failure"
    assert policy.alive(nested(25), nested(104, 0)).failed, "every seed counts"


# ------------------------------------------------------------------------------- several settings

SPREAD = SeedSpread(7.0, 6)


@pytest.mark.parametrize(
    ("means", "status"),
    [
        ((51, 91, 105), "reproduced"),
        ((51, 60, 70), "direction only"),
        ((51, 51, 55), "not reproduced"),
        ((51, 105, 91), "not reproduced"),  # reversal of 14 against a limit of 9.4 at three seeds
        ((85, 91, 88), "not reproduced"),
        ((51, 98, 95), "reproduced"),  # a reversal within noise
    ],
)
def test_sweep(means: tuple[int, ...], status: str) -> None:
    points = {size: [float(m)] * 3 for size, m in zip((10, 21, 40), means, strict=True)}
    assert policy.sweep(points, spread=SPREAD, rise=27).status == status


def test_sweep_with_too_much_noise_is_inconclusive() -> None:
    assert policy.sweep({10: [51], 40: [105]}, spread=SeedSpread(20, 6), rise=27).status == "inconclusive"


def four_arms(raw: int, raw_tts: int, recipe: int, recipe_tts: int, seeds: int) -> FourArms:
    return FourArms(*(nested(*[count] * seeds) for count in (raw, raw_tts, recipe, recipe_tts)))


def test_synergy_contrasts_differ() -> None:
    arms = four_arms(67, 120, 131, 141, 3)
    tts = policy.synergy(arms, spread=SPREAD, contrast="tts", published=21)
    interaction = policy.synergy(arms, spread=SPREAD, contrast="interaction", published=21)
    assert (tts.status, tts.details["measured"], tts.details["interaction"]) == ("reproduced", 21, -43)
    assert interaction.failed


@pytest.mark.parametrize(
    ("published", "gain", "seeds", "status"),
    [
        (21, 2, 1, "inconclusive"),
        (21, 2, 20, "not reproduced"),
        (21, -30, 3, "not reproduced"),
        (-8, -8, 3, "inconclusive"),
        (-8, -8, 40, "reproduced"),
        (-8, 0, 40, "inconclusive"),
        (-8, 30, 3, "not reproduced"),
    ],
)
def test_synergy(published: float, gain: int, seeds: int, status: str) -> None:
    arms = four_arms(60, 100, 60, 100 + gain, seeds)
    assert policy.synergy(arms, spread=SPREAD, contrast="interaction", published=published).status == status


@pytest.mark.parametrize(
    ("rounds", "status"),
    [
        ((105, 108, 107), "reproduced"),
        ((45, 80, 110), "not reproduced"),
        ((26, 25, 26), "not reproduced"),
        ((60, 70, 75), "inconclusive"),
    ],
)
def test_plateau(rounds: tuple[int, ...], status: str) -> None:
    arms = [nested(*[count] * 3) for count in rounds]
    assert policy.plateau(nested(25), arms, spread=SPREAD).status == status


# ------------------------------------------------------------------------------- counts of pairs


def test_floor() -> None:
    assert policy.floor(0, 128, limit=0.05).status == "reproduced"
    assert policy.floor(60, 128, limit=0.05).failed
    assert policy.floor(0, 10, limit=0.05).status == "inconclusive"


def test_above_the_floor() -> None:
    assert policy.above_floor(60, 128, limit=0.05).status == "reproduced"
    assert policy.above_floor(0, 128, limit=0.05).failed
    assert policy.above_floor(4, 48, limit=0.05).status == "inconclusive"
    with pytest.raises(DataError, match="above_floor: 5 of 4"):
        policy.above_floor(5, 4, limit=0.05)


@given(st.integers(0, 80), st.integers(1, 80), st.floats(0.01, 0.99))
def test_a_rate_is_not_both_above_and_below_the_floor(mined: int, attempts: int, limit: float) -> None:
    """What one of the two mirrored policies reproduces, the other refutes; they are undecided together."""
    below, above = (judge(min(mined, attempts), attempts, limit=limit) for judge in (policy.floor, policy.above_floor))
    assert {below.status, above.status} in ({"reproduced", "not reproduced"}, {"inconclusive"})


# ------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize(
    "fn",
    [
        lambda: policy.equivalence(nested(5), nested(5), margin=0),
        lambda: policy.no_lift(nested(5), nested(5), margin=-1),
        lambda: policy.worst([]),
    ],
)
def test_missing_inputs_are_errors_not_verdicts(fn) -> None:
    with pytest.raises(DataError):
        fn()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(-12, 12), st.integers(0, 2**20))
def test_an_underpowered_result_is_never_reproduced(n: int, shift: int, seed: int) -> None:
    """Few tasks, noise all over: whatever the verdict, ``reproduced`` implies significance (or equivalence shown)."""
    rng = np.random.default_rng(seed)
    base = [solved(rng, n, n / 2)]
    after = [solved(rng, n, n / 2 + shift)]
    wide = Band(0, n)
    lift = policy.seeded_training(base, after, wide, claimed_lift=3)
    fall = policy.difference(base, after, published=-3, band=wide)
    for verdict in (lift, fall):
        assert verdict.status != "reproduced" or float(verdict.details["p"] or 0) <= float(
            verdict.details["alpha"] or 0
        )
    for same in (policy.equivalence(base, after, margin=3), policy.no_lift(base, after, margin=3)):
        assert same.status != "reproduced" or max(abs(float(same.details[k] or 0)) for k in ("lower", "upper")) < 3


@given(st.integers(0, N), st.integers(0, N))
@settings(max_examples=40, deadline=None)
def test_verdicts_are_plain_data(base: int, after: int) -> None:
    verdict = policy.seeded_training(nested(base), nested(after), BAND1, claimed_lift=79)
    assert json.loads(json.dumps(dict(verdict.details))) == dict(verdict.details)
    assert verdict.reason


def test_published_numbers_reproduce_themselves() -> None:
    """The paper's own figures, put through the policy, must come out as reproduced."""
    before, after = flips(500, 5, 235, 64)
    parts = {
        "recipe-7b": policy.seeded_training(nested(25), nested(104, 112, 95), BAND3, claimed_lift=78.7),
        "baseline": policy.baseline(25, baseline_band(25, 6, N)),
        "oracle": policy.baseline(152, oracle_band(152, N)),
        "math500": policy.difference(*flips(500, 30, 70, 200), published=-40),
        "selfcorrect": policy.difference(before, after, published=-230),
        "sweep": policy.sweep({10: [51], 21: [86, 95], 40: [104, 112, 95]}, spread=SPREAD, rise=27),
        "control": policy.equivalence(nested(25), nested(*[25] * 7), margin=8),
    }
    assert policy.worst(part.status for part in parts.values()) == "reproduced", {k: v.reason for k, v in parts.items()}
