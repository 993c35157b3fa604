"""How a claim is decided: every check is judged; a result outside its band is measured once more, with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfboot.analysis.verdict import VerdictStatus, worst
from selfboot.judging.checks import Check
from selfboot.judging.results import Part
from selfboot.protocols.base import Run

Draw = Callable[[int], Sequence[Run]]  # runs of the claim's seeds (0), or of fresh ones (1)


@dataclass(frozen=True)
class Decision:
    """The first runs, and every check's part after the retry, if there was one. ``until``: what came of asking for an
    early decision, in words; ``slices``: how many of its slices were drawn (early.py), 0 for all tasks at once."""

    runs: Sequence[Run]
    parts: tuple[Part, ...]
    until: str = ""
    slices: int = 0

    @property
    def status(self) -> VerdictStatus:
        return worst(part.status for part in self.parts)


def decide(checks: Sequence[Check], draw: Draw) -> Decision:
    """Judge; where a part asks for it and no other has settled the claim, retry with fresh seeds."""
    runs = draw(0)
    first = tuple(check.judge(runs) for check in checks)
    if any(part.failed for part in first) or not any(part.retry for part in first):
        return Decision(runs, first)
    again = draw(1)
    retried = (p.retried(c.judge(again)) if p.retry else p for c, p in zip(checks, first, strict=True))
    return Decision(runs, tuple(retried))
