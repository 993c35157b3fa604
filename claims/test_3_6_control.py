"""§3.6: does the format alone explain the lift? Pairs of the same shape that do not carry the model's own solutions."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.training import train_on_each


@cases("control", protocol=train_on_each)
def test_pairs_that_are_not_the_models_own(lab: Lab, case: Case) -> None:
    """Paper: 25 → 25 of 164 (+0). A fresh adapter is trained on 21 pairs that other authors wrote; at mini scale one in
    a foreign style and one in the style that the model was trained on. Base and adapters answer every task greedily,
    and the scores are compared task by task. (Wrong content in the right form: `selfboot decompose`.)"""
    case.check(lab)
