"""§3.9 and §3.11: other architectures and generations, and the boundary chart over a row of models."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("cross-llama", "cross-coder", "cross-qwen3")
def test_seeded_mining_on_another_architecture(lab: Lab, case: Case) -> None:
    case.check(lab)


@cases("boundary")
def test_where_the_recipe_works(lab: Lab, case: Case) -> None:
    """Base score, pairs mined and score after training, for each model of the row."""
    case.check(lab)
