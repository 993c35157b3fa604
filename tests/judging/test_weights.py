"""What every claim asserts of its weights: the errors that no score would have to show, and the cases that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from selfboot.judging.weights import honest, weights
from selfboot.protocols.base import Arm, Run
from selfboot.registry import Settings

PAIRS = Settings("m", "b", pairs="self-mined")
MINED = Settings("m", "b")

Wrong = Callable[[list[Run]], list[Run]]


def runs(items: int | None = None) -> list[Run]:
    """Two seeds of a claim that trains, with as many items found as said."""
    return [_run(seed, items) for seed in (7, 13)]


def _run(seed: int, items: int | None) -> Run:
    arms = {"base": Arm("base"), "trained": Arm("trained", seed=seed)}
    figures = {"base": 1.0, "trained": 1.0}
    outcomes = {"base": [True, False], "trained": [True, False]}
    if items is not None:
        arms["items"], figures["items"] = Arm("items", seed=seed), float(items)
    return Run(figures, arms, outcomes, drawn=honest(arms))


def changed(name: str, **drawn: str) -> Wrong:
    """The last run with other hashes of one score."""

    def change(found: list[Run]) -> list[Run]:
        last = found[-1]
        return [*found[:-1], replace(last, drawn={**last.drawn, name: replace(last.drawn[name], **drawn)})]

    return change


WRONG = {
    "the adapter changes no token": changed("trained", tokens="base 0"),
    "drawn without the adapter": changed("trained", adapter="", tokens="base 0"),
    "seeds 7 and 13 gave the same adapter": changed("trained", adapter="trained 7"),
    "drawn from other weights": changed("base", model="another"),
    "the base gives other tokens": changed("base", tokens="others"),
}


@pytest.mark.parametrize("said", WRONG)
def test_scores_that_look_right_from_wrong_weights_fail(said: str) -> None:
    """Every score is the same in all of them: only the hashes tell."""
    assert weights(PAIRS, runs()).status == "reproduced"
    judged = weights(PAIRS, WRONG[said](runs()))
    assert judged.failed
    assert said in judged.reason
    assert not judged.retry, "fresh seeds would not make it right"


def test_where_nothing_was_mined_the_trained_arm_is_the_base() -> None:
    without = changed("trained", adapter="", tokens="base 0")
    assert weights(MINED, without(runs(items=0))).status == "reproduced"
    assert weights(MINED, without(runs(items=3))).failed, "there was something to train on"
    both = [changed("trained", adapter="", tokens="base 0")([one])[0] for one in runs(items=0)]
    assert weights(MINED, both).measured == (0,)


def test_at_small_scale_an_adapter_of_a_few_items_may_change_nothing() -> None:
    same = changed("trained", tokens="base 0")
    assert weights(MINED, same(runs(items=3))).failed
    assert weights(MINED, same(runs(items=3)), needed=10).status == "reproduced"
    assert weights(MINED, same(runs(items=10)), needed=10).failed
    assert weights(PAIRS, same(runs()), needed=10).failed, "pairs at hand are always enough"


def test_an_adapter_is_judged_by_all_its_scores() -> None:
    """On a benchmark of another kind it may change nothing."""
    one = _run(7, None)
    arms = {**one.arms, "base, math": Arm("base", "math"), "trained, math": Arm("trained", "math", seed=7)}
    drawn = {**honest(arms), "trained, math": replace(honest(arms)["base, math"], adapter="trained 7")}
    assert weights(PAIRS, [replace(one, arms=arms, drawn=drawn)]).status == "reproduced"
    same = {**drawn, "trained": replace(drawn["base"], adapter="trained 7")}
    assert weights(PAIRS, [replace(one, arms=arms, drawn=same)]).failed


def test_two_engines_may_draw_other_tokens_from_one_base() -> None:
    assert weights(PAIRS, changed("base", engine="other", tokens="others")(runs())).status == "reproduced"


def test_a_score_that_says_nothing_of_its_weights_is_no_pass() -> None:
    assert weights(PAIRS, [replace(one, drawn={}) for one in runs()]).status == "inconclusive"
