"""Majority vote: order, ties, silence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from selfboot.analysis.vote import Vote, majority


def test_most_votes_win() -> None:
    assert majority(["1/2", "3", "1/2", None]) == Vote("1/2", 0, 2, 3, False)


def test_a_tie_goes_to_the_first_voted_for_and_is_reported() -> None:
    assert majority([None, "3", "1/2", "1/2", "3"]) == Vote("3", 1, 2, 4, True)


def test_silence_wins_nothing() -> None:
    assert majority([None, None]) == majority([]) == Vote(None, None, 0, 0, False)


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=20))
def test_winner_has_a_maximal_count_and_its_index(keys: list[str | None]) -> None:
    vote = majority(keys)
    if vote.key is None:
        assert vote.cast == 0
        return
    assert vote.votes == max(keys.count(key) for key in keys if key is not None) == keys.count(vote.key)
    assert keys.index(vote.key) == vote.index
