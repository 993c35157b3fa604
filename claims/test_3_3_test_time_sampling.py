"""§3.3 and Table 2: sampling at test time, judged by an oracle."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.sampling import best_of_n


@cases("tts-4b-he", "tts-8b-he", "tts-4b-math", "tts-8b-math", protocol=best_of_n)
def test_best_of_eight_solves_far_more_than_greedy_decoding(lab: Lab, case: Case) -> None:
    """Paper: 152 of 164 (Qwen3-4B, N=8), 151 of 164 (Qwen3-8B, N=8), 397 of 500 on MATH-500 (Qwen3-4B, N=8) and 405 of
    500 on MATH-500 (Qwen3-8B, N=8). Nothing is trained; the base model answers every task greedily and eight times at
    T = 0.7. Tasks that any of the eight solves are compared with those that the greedy answer solves."""
    case.check(lab)


@cases("tts-aime", "tts-sweep", protocol=best_of_n)
def test_more_samples_keep_finding_answers(lab: Lab, case: Case) -> None:
    """Paper: 23 of 90 at k=1, 35 of 90 at best-of-32 (AIME, Qwen3-8B); Table 2, k = 1 … 32 (Qwen3-4B; HumanEval,
    HumanEval+, MATH-500). Nothing is trained; the base model answers greedily and many times at T > 0. One draw
    gives pass@k for every k, by the unbiased estimator; it cannot fall with k."""
    for run in case.check(lab):
        estimates = {arm.draws: run.figures[name] for name, arm in run.arms.items()
                     if arm.judged == "estimate" and not arm.benchmark}  # fmt: skip
        curve = [estimates[k] for k in sorted(estimates)]
        assert curve == sorted(curve), f"pass@k falls with k: {curve}"
