"""§2 and the notes on stochasticity: statements about the method itself."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.judging.checks import checks
from selfboot.judging.decide import decide
from selfboot.lab import Lab
from selfboot.protocols.base import Arm, Notes
from selfboot.protocols.mining import count_minable
from selfboot.protocols.repeated import TWICE, draw_and_train
from selfboot.protocols.sampling import score_with_stop_strings


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
    notes, hashes = Notes(case.seed), list[list[str]]()
    case.make_ahead(lab)
    for one in (lab, second_lab):
        score, adapter = draw_and_train(one, case.runnable, case.seed)
        hashes.append([*score.token_hashes, adapter.sha256])
    notes.outcomes["identical"] = [a == b for a, b in zip(*hashes, strict=True)]
    notes.figure("identical", Arm("identical"), sum(notes.outcomes["identical"]))
    notes.made(Arm("base", greedy=False, draws=TWICE.n, judged="any"), score)
    notes.made(Arm("adapter"), adapter)
    case.report(decide(checks(case.claim, case.scale, case.settings), lambda _: [notes.run()]))


@cases("harvest-nf4", protocol=count_minable)
def test_a_model_in_four_bits_can_still_mine(lab: Lab, case: Case) -> None:
    """Paper: no figure (a method). Nothing is trained; a model in 4 bits writes problems and samples solutions to them,
    and a pair is a failing solution with a passing one. The rate of pairs a problem must lie above the floor's
    ``LEAST`` by its one-sided 95 % bound."""
    case.check(lab)
