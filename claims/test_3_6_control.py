"""§3.6: does the format alone explain the lift? Pairs of the same shape from solutions that the model did not write."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("control")
def test_pairs_from_other_authors(lab: Lab, case: Case) -> None:
    """Paper: +0. The organism is shown in two arms, since a foreign style and a foreign author are two things."""
    settings = case.settings
    base = lab.evaluate(case.model, settings.benchmark)
    judged = {}
    for arm in settings.arms:
        pairs = case.pairs(f"control-{arm}")
        trained = [
            lab.evaluate(
                case.model, settings.benchmark, adapter=lab.train(case.model, pairs, settings.recipe, seed)
            ).flags
            for seed in settings.seeds
        ]
        measure = f"control-{arm}-{settings.count}"
        judged[arm] = case.judge.no_change(base.flags, trained, measure, margin=8)
    case.expect(**judged)
