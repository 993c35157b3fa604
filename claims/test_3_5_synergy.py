"""§3.5: the recipe and test-time sampling together, with enough pairs and with too few."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab


@cases("synergy-14b", "synergy-3b")
def test_recipe_and_sampling_together(lab: Lab, case: Case) -> None:
    """Four arms on the same tasks, paired by task: recipe+TTS − raw+TTS, which the paper names, and the difference of
    differences, which it does not. At the paper's scale its policy, by seeds."""
    case.check(lab)
