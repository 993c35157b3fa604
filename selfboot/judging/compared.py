"""The rule book of the small scale: any one model, which nobody has calibrated and the paper did not use.

There is no band. The two arms of a claim's contrast are compared by a paired exact test over the tasks, and what comes
out is a finding: it goes where the paper's does, or the other way, or nowhere, and fails nothing. Two things are no
findings: too few pairs to train on, and what must hold of every model (weights.py, determinism), which alone can fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

from selfboot.analysis.bands import Band
from selfboot.analysis.paired import Outcomes, PairedTest
from selfboot.analysis.prediction import NEEDED
from selfboot.analysis.verdict import AT_SMALL, Verdict, VerdictStatus
from selfboot.errors import DataError, TooFewPairsError
from selfboot.judging.calibration import SHOWN_SHARE
from selfboot.judging.results import Asked, Part, part
from selfboot.judging.rules import ALPHA, MARGIN_SHARE, Rules, mines, p_values, went
from selfboot.protocols.base import Run

ASSERTED = ("weights", "identical")  # the checks that hold of every model, or something is broken


@dataclass(frozen=True)
class Compared(Rules):
    """Judged by the paired test alone."""

    telling: ClassVar[int] = NEEDED

    def banded(self) -> list[str]:
        """No figure has a band."""
        return []

    def band(self, figure: str, runs: Sequence[Run]) -> Band:
        raise DataError(f"{self.claim.id}: the small scale has no band of {figure}; nothing asks for one")

    def contrast(self, runs: Sequence[Run]) -> Part:
        """The two arms; where the model mined fewer items than the paper trains on, that instead."""
        judged = super().contrast(runs)
        fewest = mined(runs) if mines(self.settings) else NEEDED
        if fewest < NEEDED:
            after = f"; trained on them all the same: {judged.reason}" if fewest else ""
            return _lacking(fewest, NEEDED, after)
        return replace(judged, direction=None) if judged.status == "inconclusive" else judged

    def difference(
        self, runs: Sequence[Run], test: PairedTest, before: Sequence[Outcomes], after: Sequence[Outcomes]
    ) -> tuple[Verdict, Asked]:
        """How far the arms are apart. That they are not is only said where the tasks could have shown it."""
        n = len(after[0])
        shown, direction = least_shown(n), went(test, n)
        text = f"{test.difference:+.1f} of {n} tasks, p = {test.two_sided:.2g} two-sided"
        asked = Asked("paired", limit=shown, difference=True)
        if direction == "none" and shown > MARGIN_SHARE * n:
            text = f"{text}; of so few tasks {shown} must go one way to show anything, ask for a larger part"
            return Verdict("inconclusive", text, p_values(test)), asked
        return Verdict("reproduced", text, p_values(test)), asked


def least_shown(n: int) -> int:
    """The fewest of ``n`` tasks that ``went`` calls a difference, where none goes the other way; more than ``n`` where
    even all of them are too few."""
    return next(tasks for tasks in count(1) if 0.5**tasks <= ALPHA and tasks > SHOWN_SHARE * n)


def words(check: str) -> Mapping[VerdictStatus, VerdictStatus]:
    """What the policy's statuses are called at this scale: a finding, but for what must hold of every model."""
    if check in ASSERTED:
        return {**AT_SMALL, "not reproduced": "broken"}
    return AT_SMALL


def mined(runs: Sequence[Run]) -> int:
    """The training items that the model found, in the seed with fewest."""
    items = [[run.figures[name] for name, one in run.arms.items() if one.role == "items"] for run in runs]
    return int(min(max(found) for found in items))


def too_few(error: TooFewPairsError) -> Part:
    """The outcome of a claim that had too few pairs to begin with."""
    return _lacking(error.found, error.needed, f" ({error.where})")


def _lacking(found: int, needed: int, more: str) -> Part:
    verdict = Verdict("not enough pairs", f"{found} of {needed}{more}")
    return part("pairs", "pairs", verdict, Asked("pairs", limit=needed), [found], of=needed)
