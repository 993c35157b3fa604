"""§3.2 and Figure 3: the recipe alone. Self-mined pairs, a LoRA adapter, and the score before and after."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.mining import mine_train_score
from selfboot.protocols.training import train_and_score, train_on_each


@cases("recipe-7b", protocol=train_and_score)
def test_forty_self_mined_pairs_lift_the_base_model(lab: Lab, case: Case) -> None:
    """Paper: 25 → 104, 112, 95 of 164. An adapter is trained on forty pairs that the model mined from its own outputs,
    once a seed. Base and adapter answer every task greedily in chat form. The lift is compared task by task, and each
    score with its band."""
    case.check(lab)


@cases("recipe-14b", "recipe-14b-plus", protocol=train_and_score)
def test_a_hundred_pairs_lift_the_larger_model(lab: Lab, case: Case) -> None:
    """Paper: 44 → 131 of 164 (130–134), and 122 of 164 on HumanEval+. One adapter is trained on a hundred pairs. Base
    and adapter answer every task greedily, judged by the usual tests and by stricter ones; the lift is compared task
    by task."""
    case.check(lab)


@cases("pair-count-sweep", protocol=train_on_each)
def test_more_pairs_more_lift(lab: Lab, case: Case) -> None:
    """Paper: n=10 → ~51, 21 → ~91, 40 → ~105 of 164. A fresh adapter is trained on the first n pairs, for every n. Each
    answers every task greedily. Every score is compared with its band, and the fewest pairs with the most; at paper
    scale no step may fall by more than noise."""
    case.check(lab)


@cases("recipe-7b-full", protocol=mine_train_score)
def test_the_model_mines_its_own_pairs_and_improves(lab: Lab, case: Case) -> None:
    """Paper: 25 → 95–112 of 164. The base model writes problems and samples solutions, a failing and a passing one make
    a pair, and an adapter is trained on forty of them. Base and adapter answer every task greedily, and the lift is
    compared task by task."""
    case.check(lab)
