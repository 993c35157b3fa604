"""§3.8 and §2.3: the automatic difficulty curriculum, and what it is compared with."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("curriculum-math", "curriculum-code")
def test_a_curriculum_trains_on_what_sampling_just_solves(lab: Lab, case: Case) -> None:
    case.check(lab)


@cases("vanilla-math")
def test_the_bootstrap_without_a_curriculum_makes_word_problems_worse(lab: Lab, case: Case) -> None:
    case.check(lab)


@cases("star")
def test_rejection_sampling_on_given_problems(lab: Lab, case: Case) -> None:
    case.check(lab)
