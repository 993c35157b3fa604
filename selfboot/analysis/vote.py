"""Majority vote over normal-form keys (§3.4), without an oracle.

A tie goes to the answer whose first vote came first, so the result depends on draw order but on nothing else; how many
tasks were tied is always reported. Completions without an answer (key ``None``) do not vote; if none votes, none wins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Vote:
    """The winning key (``None``: nobody answered), the index of its first completion, its votes, whether tied."""

    key: str | None
    index: int | None
    votes: int
    cast: int
    tied: bool


def majority(keys: Sequence[str | None]) -> Vote:
    """The key with the most votes; ties go to the one voted for first."""
    counts = Counter(key for key in keys if key is not None)
    if not counts:
        return Vote(None, None, 0, 0, False)
    most = max(counts.values())
    winner = next(key for key in counts if counts[key] == most)  # a Counter keeps first-seen order
    tied = sum(count == most for count in counts.values()) > 1
    return Vote(winner, list(keys).index(winner), most, counts.total(), tied)
