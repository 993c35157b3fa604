"""§3.2 and Figure 3: the recipe alone. Self-mined pairs, a LoRA adapter, and the score before and after."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("recipe-7b")
def test_forty_self_mined_pairs_lift_the_base_model(lab: Lab, case: Case) -> None:
    case.check(lab)


@cases("recipe-14b", "recipe-14b-plus")
def test_a_hundred_pairs_lift_the_larger_model(lab: Lab, case: Case) -> None:
    """One adapter for both: under the usual tests, and under stricter ones."""
    case.check(lab)


@cases("pair-count-sweep")
def test_more_pairs_more_lift(lab: Lab, case: Case) -> None:
    """Every point in its band and the end-point rise; at paper scale also no reversal beyond noise."""
    case.check(lab)


@cases("recipe-7b-full")
def test_the_model_mines_its_own_pairs_and_improves(lab: Lab, case: Case) -> None:
    case.check(lab)
