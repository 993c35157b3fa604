"""§3.6: does the format alone explain the lift? Pairs of the same shape from solutions that the model did not write."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("control")
def test_pairs_from_other_authors(lab: Lab, case: Case) -> None:
    """Paper: +0. The organism is shown in two arms, since a foreign style and a foreign author are two things."""
    settings = case.settings
    base = lab.evaluate(case.model, settings.benchmark)
    judged, evidence = {}, {"base": base}
    for arm in settings.arms:
        pairs = case.pairs(f"control-{arm}")
        scores = {
            f"{arm}, seed {seed}": lab.evaluate(
                case.model, settings.benchmark, adapter=lab.train(case.model, pairs, settings.recipe, seed)
            )
            for seed in settings.seeds
        }
        flags = [score.flags for score in scores.values()]
        judged[arm] = case.judge.no_change(base.flags, flags, measure=f"control-{arm}-{settings.count}", margin=8)
        evidence |= scores
    case.expect(judged, evidence)
