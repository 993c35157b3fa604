"""D, measured on the spot: the share of tasks whose greedy outcome another batch size changes, on this machine.

The same model, asked alike, differs between two engines by rounding alone. How often that changes an outcome depends
on model, precision and machine: 0 to 18 of 164 verdicts differed between vLLM in bfloat16 and transformers in float32
(data/measured/gpu/README.md). It decides how far a base score of ours may lie from the published one before the
protocol must be another (``Published.band``).
"""

from __future__ import annotations

from selfboot.lab import Lab
from selfboot.protocols.base import evaluate
from selfboot.registry import Settings

OTHER_ROWS = 64  # rows decoded together, where engines usually take 128 or 256


def has_baseline(settings: Settings) -> bool:
    """Is there a published score of the untrained model, for which D matters?"""
    return bool(settings.protocol) and any(name.split()[-1] == "base" for name in settings.published)


def measured_flips(lab: Lab, settings: Settings) -> float:
    """The share of the claim's tasks whose base outcome differs between the usual batch size and ``OTHER_ROWS``."""
    usual = evaluate(lab, settings, "base").flags
    with lab.at_batch(OTHER_ROWS) as other:
        changed = evaluate(other, settings, "base").flags
    return sum(a != b for a, b in zip(usual, changed, strict=True)) / len(usual)
