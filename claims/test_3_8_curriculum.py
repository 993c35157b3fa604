"""§3.8 and §2.3: the automatic difficulty curriculum, and what it is compared with."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.mining import mine_train_score


@cases("curriculum-math", "curriculum-code", protocol=mine_train_score)
def test_a_curriculum_trains_on_what_sampling_just_solves(lab: Lab, case: Case) -> None:
    """Paper: 32 → 66 of 100 (GSM8K, Qwen2.5-3B, ~13 pairs); for code no figure (a method). In rounds the model writes
    problems, makes solved ones harder and failed ones easier, and an adapter is trained on what sampling solves where
    greedy decoding failed. Base and the last adapter answer greedily; the lift is compared problem by problem."""
    case.check(lab)


@cases("vanilla-math", protocol=mine_train_score)
def test_the_bootstrap_without_a_curriculum_makes_word_problems_worse(lab: Lab, case: Case) -> None:
    """Paper: regresses (no figure). The same bootstrap without a curriculum: the model writes word problems, and an
    adapter is trained on pairs of a wrong and a right sampled answer. Base and adapter answer greedily; the score must
    fall."""
    case.check(lab)


@cases("star", protocol=mine_train_score)
def test_rejection_sampling_on_given_problems(lab: Lab, case: Case) -> None:
    """Paper: no figure (a comparison). Solutions of given word problems are sampled, and an adapter is trained on the
    first right one of each. Base and adapter answer greedily, and the difference is compared with the curriculum's."""
    case.check(lab)
