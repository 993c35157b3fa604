"""§2 and the notes on stochasticity: statements about the method itself."""

from __future__ import annotations

from claims.cases import Case, cases
from claims.test_3_10_failures import LEAST
from selfboot.analysis.verdict import above_floor
from selfboot.judging.judge import Judgement
from selfboot.lab import Adapter, Lab, Score
from selfboot.protocols import Run
from selfboot.protocols.mining import count_minable
from selfboot.protocols.sampling import score_with_stop_strings
from selfboot.records import Sampling


@cases("stop-strings", protocol=score_with_stop_strings)
def test_wrong_stop_strings_make_the_base_model_look_worse(lab: Lab, case: Case) -> None:
    """Paper: no figure (a statement). Nothing is trained; the base model completes every task greedily, once. The same
    completions are cut at the right stop strings and at the claim's wrong ones, and both scores are compared."""
    case.check(lab)


@cases("determinism", protocol=None)
def test_a_fixed_seed_fixes_tokens_and_weights(lab: Lab, second_lab: Lab, case: Case) -> None:
    """Paper: no figure (a statement). An adapter is trained on the first pairs, and two completions of every task are
    sampled at T = 0.8, each twice with one seed in two run stores that know nothing of each other. The hashes of all
    sampled tokens and of the adapter's weights are compared."""
    settings, sampling = case.settings, Sampling(max_new_tokens=200, temperature=0.8, n=2)
    hashes: list[list[str]] = []
    evidence: dict[str, Score | Adapter] = {}
    for one in (lab, second_lab):
        score = one.evaluate(case.model, settings.benchmark, sampling=sampling, seed=case.seed)
        adapter = one.train(case.model, case.pairs(one), settings.recipe, case.seed)
        hashes.append([*score.token_hashes, adapter.sha256])
        evidence = evidence or {"score": score, "adapter": adapter}
    case.expect({"same": case.judge.same(*hashes)}, evidence)


@cases("harvest-nf4", protocol=count_minable)
def test_a_model_in_four_bits_can_still_mine(lab: Lab, case: Case) -> None:
    """Paper: no figure (a method). Nothing is trained; a model in 4 bits writes problems and samples solutions to them,
    and a pair is a failing solution with a passing one. The rate of pairs a problem must lie above the floor's
    ``LEAST`` by its one-sided 95 % bound."""

    def rate(runs: list[Run]) -> dict[str, Judgement]:
        found, asked = (int(sum(run.figures[name] for run in runs)) for name in ("items", "asked"))
        return {"rate": Judgement(above_floor(found, asked, limit=LEAST), f"{found} of {asked}", f"> {LEAST:.0%}", "")}

    case.check(lab, rate)
