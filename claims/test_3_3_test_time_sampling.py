"""§3.3 and Table 2: sampling at test time, judged by an oracle."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("tts-4b-he", "tts-8b-he", "tts-4b-math", "tts-8b-math")
def test_best_of_eight_solves_far_more_than_greedy_decoding(lab: Lab, case: Case) -> None:
    case.check(lab)


@cases("tts-aime", "tts-sweep")
def test_more_samples_keep_finding_answers(lab: Lab, case: Case) -> None:
    """pass@k for every k from one draw, by the unbiased estimator; it cannot fall with k."""
    for run in case.check(lab):
        estimates = {arm.draws: run.figures[name] for name, arm in run.arms.items()
                     if arm.judged == "estimate" and not arm.benchmark}  # fmt: skip
        curve = [estimates[k] for k in sorted(estimates)]
        assert curve == sorted(curve), f"pass@k falls with k: {curve}"
