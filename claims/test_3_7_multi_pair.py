"""§3.7: aggressive multi-pair mining, the whole path."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.mining import mine_train_score


@cases("multi-pair-14b", protocol=mine_train_score)
def test_many_pairs_of_each_harder_problem(lab: Lab, case: Case) -> None:
    """Paper: 67 → 132 of 164 (its own format), 131 chat, 122 on HumanEval+. The base model writes harder problems and
    samples eight solutions to each, up to four pairs a problem are kept, and an adapter is trained on them and on
    warm-up pairs. Base and adapter answer every task greedily; the lift is compared task by task."""
    case.check(lab)
