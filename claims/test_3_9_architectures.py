"""§3.9: other architectures and generations of models."""

from __future__ import annotations

from claims.cases import Case, cases
from selfboot.lab import Lab
from selfboot.protocols.mining import mine_train_score


@cases("cross-llama", "cross-coder", "cross-qwen3", protocol=mine_train_score)
def test_seeded_mining_on_another_architecture(lab: Lab, case: Case) -> None:
    """Paper: 39 → 43 of 164 (Llama-3.2-3B, 32 pairs); 83 → 87 of 164, MBPP 122 → 124 of 200 (Qwen2.5-Coder-7B); 79 →
    106 of 164, MBPP 135 → 148 of 200 (Qwen3-4B). The model samples solutions to given problems, and an adapter is
    trained on its pairs of a failing and a passing one. Base and adapter answer greedily; the lift is compared task by
    task."""
    case.check(lab)
