"""Over how many seeds the paper's claims are judged: the choice, what it costs, and the cases that run."""

from __future__ import annotations

import pytest

from claims.cases import Case
from selfboot.cli.main import main
from selfboot.engines.gpu import gpu
from selfboot.errors import DataError
from selfboot.judging.seeds import MOST, recorded_of_paper, seeds_for_power, with_seeds
from selfboot.planning.cost import plan
from selfboot.registry import Settings, claim_named, registry


def paper(claim: str, choice: str) -> Settings:
    return with_seeds(claim_named(claim), choice).scales["paper"]


def test_a_number_of_seeds_is_that_many_judged_together() -> None:
    assert paper("recipe-7b", "5").seeds == (7, 13, 42, 101, 102)
    assert (paper("cross-llama", "2").seeds, paper("recipe-7b", "2").by_seed) == ((7, 13), False)
    assert paper("stop-strings", "5") is claim_named("stop-strings").scales["paper"], "nothing there has a seed"


@pytest.mark.parametrize("claim", recorded_of_paper())
def test_power_asks_for_the_seeds_that_the_simulation_found_and_never_for_fewer(claim: str) -> None:
    before, after = claim_named(claim).scales["paper"], paper(claim, "power")
    needed, judged = seeds_for_power(claim) or 0, 1 if before.by_seed else len(before.seeds)
    assert 1 <= needed <= MOST
    assert after is before if needed <= judged else len(set(after.seeds)) == needed


@pytest.mark.parametrize("choice", ["0", "-1", "many", "1.5", "²"])
def test_another_choice_is_refused(choice: str) -> None:
    with pytest.raises(DataError, match="give a number above 0, or power"):
        with_seeds(claim_named("recipe-7b"), choice)


def test_the_first_case_of_a_claim_has_all_its_seeds() -> None:
    claim = claim_named("recipe-7b")
    made = [Case(claim, "paper", claim.scales["paper"], seed) for seed in claim.scales["paper"].seeds]
    assert [case.choose_seeds("4") for case in made] == [True, False, False]
    assert (made[0].id, made[0].judged.seeds) == ("paper", (7, 13, 42, 101))
    mini = Case(claim, "mini", claim.scales["mini"], 7)
    assert mini.choose_seeds("4")
    assert mini.id == "mini-7"


def test_the_plan_says_what_further_seeds_cost(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = [gpu("h100")]
    usual, more = (plan("", kinds, "cross-llama", seeds).together[0].hours for seeds in ("", "power"))
    assert more > usual
    assert main(["plan", "-k", "cross-llama", "--gpu", "h100", "--seeds", "power"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split()[3] == "seeds"
    assert said[1].split()[3] == str(seeds_for_power("cross-llama"))


def test_every_claim_with_more_seeds_keeps_its_settings_otherwise() -> None:
    for claim in registry().values():
        before, after = claim.scales["paper"], with_seeds(claim, "20").scales["paper"]
        assert (before.contrast, before.published, before.recipe) == (after.contrast, after.published, after.recipe)
