"""§3.11 and Figure 6: the boundary chart over a row of models."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.boundary import boundary_of_models


@cases("boundary", protocol=boundary_of_models)
def test_where_the_recipe_works(lab: Lab, case: Case) -> None:
    """Paper: Figure 6: eleven models, from 5 → floor to 132 → saturation. Each model of the row mines its own pairs,
    and an adapter of it is trained on them. Base and adapter answer every task greedily. Every model's two scores and
    its number of pairs are compared with their bands."""
    case.check(lab)
