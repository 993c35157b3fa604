"""Parts of results, as the checks make them."""

from __future__ import annotations

from typing import Any

from selfboot.analysis.verdict import VerdictStatus
from selfboot.judging.results import Asked, Part
from selfboot.protocols.base import Arm
from selfboot.registry import Direction

BASE = Arm("base")


def trained(seed: int = 7, **more: Any) -> Arm:
    return Arm("trained", seed=seed, **more)


def figure(name: str, measured: float, lower: float, upper: float, arm: Arm | None = None) -> Part:
    """A score in its band."""
    ends: dict[str, Any] = {"measured": measured, "lower": lower, "upper": upper}
    return Part(name, "figure", "as calibrated", f"{measured:g} inside", Asked("band", lower, upper), (measured,),
                arm=arm, details=ends)  # fmt: skip


def contrast(
    direction: Direction = "up", status: VerdictStatus = "as calibrated", before: float = 25, after: float = 96,
    reason: str = "as expected", ends: tuple[float, float] = (60.0, 90.0), difference: bool = True,
) -> Part:  # fmt: skip
    """The difference of a claim's contrast."""
    found: dict[str, Any] = {
        "measured": after - before,
        "lower": ends[0],
        "upper": ends[1],
        "difference": after - before,
    }
    asked = Asked("band", *ends, difference=difference)
    return Part("contrast", "contrast", status, reason, asked, (after,), (before,), direction=direction, details=found)
