"""§3.2 and Figure 3: the recipe alone. Self-mined pairs, a LoRA adapter, and the score before and after."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.mining.bootstrap import BootstrapMiner


@cases("recipe-7b", by_seed=True)
def test_forty_self_mined_pairs_lift_the_base_model(lab: Lab, case: Case) -> None:
    base = lab.evaluate(case.model, case.settings.benchmark)
    adapter = lab.train(case.model, case.pairs(), case.settings.recipe, case.seed)
    trained = lab.evaluate(case.model, case.settings.benchmark, adapter=adapter)
    judged = {
        "base": case.judge.baseline(base.flags),
        "lift": case.judge.lift(base.flags, [trained.flags], measure="trained-40"),
    }
    case.expect(judged, {"base": base, "adapter": adapter, "trained": trained})


@cases("pair-count-sweep")
def test_more_pairs_more_lift(lab: Lab, case: Case) -> None:
    settings, pairs = case.settings, case.pairs()
    base = lab.evaluate(case.model, settings.benchmark)
    scores = {
        (count, seed): lab.evaluate(
            case.model, settings.benchmark, adapter=lab.train(case.model, pairs[:count], settings.recipe, seed)
        )
        for count in settings.counts
        for seed in settings.seeds
    }
    points = {count: [scores[count, seed].flags for seed in settings.seeds] for count in settings.counts}
    evidence = {f"{count} pairs, seed {seed}": score for (count, seed), score in scores.items()}
    case.expect({"sweep": case.judge.sweep(base.flags, points, measure="trained")}, {"base": base, **evidence})


@cases("recipe-7b-full", by_seed=True)
def test_the_model_mines_its_own_pairs_and_improves(lab: Lab, case: Case) -> None:
    settings = case.settings
    base = lab.evaluate(case.model, settings.benchmark)
    mined = lab.mine(case.model, BootstrapMiner(target=settings.count), case.seed)
    adapter = lab.train(case.model, mined.pairs, settings.recipe, case.seed)
    trained = lab.evaluate(case.model, settings.benchmark, adapter=adapter)
    judged = case.judge.lift(base.flags, [trained.flags], measure="full-40")
    case.expect({"lift": judged}, {"base": base, "pairs": mined, "adapter": adapter, "trained": trained})
