"""§3.6: does the form alone explain the lift? The same base model, asked and read in other ways, and never trained."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.without_training import score_without_training


@cases("training-free", protocol=score_without_training)
def test_the_base_model_scores_no_more_without_training(lab: Lab, case: Case) -> None:
    """Paper: no figure (the paper's own control of form trains on pairs). Nothing is trained; the base model answers
    every task greedily, as usual, with three solved tasks from outside the benchmark shown before the question, and by
    plain completion. The usual answers and those after the solved tasks are compared task by task. All answers are
    also read tolerantly, and the report puts these scores beside the lift that training brings."""
    case.check(lab)
