"""§3.5: the recipe and test-time sampling together, with enough pairs and with too few."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.synergy import recipe_with_sampling


@cases("synergy-14b", "synergy-3b", protocol=recipe_with_sampling)
def test_recipe_and_sampling_together(lab: Lab, case: Case) -> None:
    """Paper: +12.8 pp (14B, 100 pairs) and −4.9 pp (3B, 36 pairs). An adapter is trained on many pairs or on few. Base
    and adapter answer every task greedily and eight times at T = 0.6: best-of-8 with the recipe is compared with
    best-of-8 without, and what sampling adds with the recipe with what it adds without."""
    case.check(lab)
