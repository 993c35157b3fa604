"""§3.6: does the format alone explain the lift? Pairs of the same shape that do not carry the model's own solutions."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("control")
def test_pairs_that_are_not_the_models_own(lab: Lab, case: Case) -> None:
    """Paper: +0. Two arms at mini scale, since a foreign author and a foreign style are two things; wrong content
    in the right form is a third (`selfboot decompose`)."""
    case.check(lab)
