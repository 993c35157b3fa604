"""§3.4 and Table 3: what a majority vote recovers without an oracle."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("self-consistency")
def test_a_majority_vote_lies_between_one_sample_and_the_oracle(lab: Lab, case: Case) -> None:
    """True greedy AND the first sample are measured: the paper shows the first sample as greedy."""
    for run in case.check(lab):
        assert run.figures["vote"] <= run.figures["oracle"], "a vote cannot be right where no sample is"
