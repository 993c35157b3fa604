"""§3.7: aggressive multi-pair mining, the whole path."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("multi-pair-14b")
def test_many_pairs_of_each_harder_problem(lab: Lab, case: Case) -> None:
    case.check(lab)
