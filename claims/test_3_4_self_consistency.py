"""§3.4 and Table 3: what a majority vote recovers without an oracle."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.sampling import majority_vote


@cases("self-consistency", protocol=majority_vote)
def test_a_majority_vote_lies_between_one_sample_and_the_oracle(lab: Lab, case: Case) -> None:
    """Paper: Table 3 (GSM8K, MATH-500; Qwen3-4B, N = 8 or 16). Nothing is trained; the base model answers greedily and
    N times at T = 0.7. The majority's answer is compared with the first sample, which the paper shows as greedy, with
    true greedy decoding and with the oracle."""
    for run in case.check(lab):
        assert run.figures["vote"] <= run.figures["oracle"], "a vote cannot be right where no sample is"
