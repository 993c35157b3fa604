"""What both rule books share: a figure against its band, a paired contrast, and the checks of single kinds of claim.

A rule book says which bands apply at a scale: ``Calibrated`` (calibrated.py) judges our own small model by what it did
over the calibration's seeds, ``Published`` (published.py) judges the paper's models by the paper's figures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from selfboot.analysis import verdict as policy
from selfboot.analysis.bands import Band, seed_spread
from selfboot.analysis.paired import Outcomes, PairedTest, paired_test
from selfboot.analysis.synergy import FourArms
from selfboot.analysis.verdict import Verdict
from selfboot.judging.calibration import SHOWN_SHARE, four
from selfboot.judging.results import Asked, Criterion, Part, part
from selfboot.protocols.base import Arm, Run
from selfboot.registry import Claim, Direction, Settings

ALPHA = 0.05
LEAST = 0.05  # pairs a problem asked for; below, the paper's twenty rounds of sixteen give fewer than sixteen pairs
MARGIN_SHARE = 1 / 8  # of the tasks: "no difference" must be able to see one of this size
MAY_SOLVE_NOTHING = ("floor", "boundary")  # kinds of claim with a model that is too weak

Judge = Callable[[Sequence[Run]], Part]


@dataclass(frozen=True)
class Rules(ABC):
    """How runs (one a seed) of one claim are judged at one scale."""

    claim: Claim
    settings: Settings
    telling: ClassVar[int] = 1  # an adapter of so many mined items must change a token

    @abstractmethod
    def banded(self) -> list[str]:
        """The figures that have a band."""

    @abstractmethod
    def band(self, figure: str, runs: Sequence[Run]) -> Band:
        """The band of a figure's mean over the runs."""

    @abstractmethod
    def difference(
        self, runs: Sequence[Run], test: PairedTest, before: Sequence[Outcomes], after: Sequence[Outcomes]
    ) -> tuple[Verdict, Asked]:
        """What the policy says of the contrast's difference, and what it asked for."""

    def special(self) -> dict[str, Judge]:
        """The checks that only this kind of claim has."""
        own: dict[str, dict[str, Judge]] = {
            "boundary": {"boundary": self.boundary},
            "floor": {"rate": self.rate},
            "plateau": {"plateau": self.plateau},
            "determinism": {"identical": self.identical},
        }
        return own.get(self.claim.kind, {})

    def figure(self, name: str, runs: Sequence[Run]) -> Part:
        """The mean of a figure over the runs' seeds, against its band."""
        values, fixed = [run.figures[name] for run in runs], name in runs[0].fixed
        band = self.band(name, runs)
        alive = fixed and self.claim.kind not in MAY_SOLVE_NOTHING
        alive = alive and not (band.lower <= 0 and self._alive_beside(name, runs))
        verdict = policy.baseline(float(np.mean(values)), band, alive=alive)
        if verdict.failed and not fixed:
            verdict = to_retry(verdict.reason, verdict.details)
        shown = values[:1] if fixed else values
        return part(name, "figure", verdict, within(band), shown, arm=arm(runs, name), of=tasks(runs, name))

    def _alive_beside(self, name: str, runs: Sequence[Run]) -> bool:
        """Does a sampled score of the same untrained model on the same tasks have a band above 0? Then a model that
        solves nothing fails by that one, and the greedy score's own band may reach 0."""
        arms, banded = runs[0].arms, self.banded()
        beside = (n for n in banded if arms[n].role == "base" and arms[n].sampled and arms[n].beside(arms[name]))
        return any(self.band(other, runs).lower > 0 for other in beside)

    def contrast(self, runs: Sequence[Run]) -> Part:
        """The paired difference between the two arms of the claim's contrast."""
        first, last = self.settings.contrast
        before, after = [run.outcomes[first] for run in runs], [run.outcomes[last] for run in runs]
        if first in runs[0].fixed:
            before = before[:1]
        test = paired_test(before, after)
        verdict, asked = self.difference(runs, test, before, after)
        verdict = replace(verdict, details={**verdict.details, "difference": test.difference})
        scores, n = tuple(float(sum(flags)) for flags in before), len(after[0])
        return part(
            "contrast", "contrast", verdict, asked, [sum(flags) for flags in after], before=scores, of=n,
            arm=arm(runs, last), direction=went(test, n),
        )  # fmt: skip

    def rate(self, runs: Sequence[Run]) -> Part:
        """The rate of pairs lies on the claimed side of ``LEAST`` by its one-sided 95 % bound (§3.10, §2.1)."""
        found, asked = (int(sum(run.figures[name] for run in runs)) for name in ("items", "asked"))
        above = self.claim.expects == "up"
        verdict = (policy.above_floor if above else policy.floor)(found, asked, limit=LEAST)
        criterion: Criterion = "rate above" if above else "rate below"
        direction: Direction | None = None
        if verdict.status != "inconclusive":
            direction = "up" if above == (verdict.status == "reproduced") else "none"
        return part("rate", "rate", verdict, Asked(criterion, limit=LEAST), [found], of=asked, direction=direction)

    def control(self, runs: Sequence[Run]) -> Part:
        """Another model's rate of pairs, by the same miner: above ``LEAST`` by its one-sided 95 % bound."""
        found, asked = (int(sum(run.figures[name] for run in runs)) for name in ("items", "asked"))
        verdict = policy.above_floor(found, asked, limit=LEAST)
        verdict = replace(verdict, reason=f"{self.settings.model}: {verdict.reason}")
        return part("control", "rate", verdict, Asked("rate above", limit=LEAST), [found], of=asked)

    def boundary(self, runs: Sequence[Run]) -> Part:
        """The weakest and the strongest model gain less than the claim's: by half, and by ``MARGIN_SHARE`` of the tasks
        at most (Figure 6: floor, headroom, saturation)."""
        arms = {(one.role, one.model): name for name, one in runs[0].arms.items() if one.role in ("base", "trained")}
        bases = {model: runs[0].figures[name] for (role, model), name in arms.items() if role == "base"}
        gains = {m: float(np.mean([run.figures[arms["trained", m]] for run in runs])) - bases[m] for m in bases}
        lifted = runs[0].arms[self.settings.contrast[1]].model
        weakest, strongest = min(bases, key=lambda m: bases[m]), max(bases, key=lambda m: bases[m])
        most = min(gains[lifted] / 2, MARGIN_SHARE * tasks(runs, self.settings.contrast[1]))
        shown = {m: gains[m] for m in (weakest, lifted, strongest)}
        text = ", ".join(f"{model} {gain:+.1f}" for model, gain in shown.items())
        details: dict[str, policy.Detail] = {**shown, "most": most}
        right = max(gains[weakest], gains[strongest]) <= most
        verdict = Verdict("reproduced", text, details) if right else to_retry(text, details)
        return part("boundary", "boundary", verdict, Asked("boundary", limit=most), list(shown.values()))

    def plateau(self, runs: Sequence[Run]) -> Part:
        """Round 1 brings most of the lift (§3.10)."""
        names = [name for name, one in runs[0].arms.items() if one.round and name in runs[0].outcomes]
        seeds = [[run.outcomes[name] for run in runs] for name in names]
        spread = seed_spread([[float(sum(a)) for a in arms] for arms in seeds], len(seeds[0][0]))
        base = next(name for name, one in runs[0].arms.items() if one.fixed)
        verdict = policy.plateau([runs[0].outcomes[base]], seeds, spread=spread)
        means = [float(np.mean([sum(a) for a in arms])) for arms in seeds]
        return part("plateau", "plateau", verdict, Asked("plateau"), means, before=(runs[0].figures[base],))

    def identical(self, runs: Sequence[Run]) -> Part:
        """Two runs with one seed: identical token and weight hashes."""
        same = [flag for run in runs for name, one in run.arms.items() if one.role == "identical"
                for flag in run.outcomes[name]]  # fmt: skip
        verdict = policy.determinism(same)
        direction: Direction = "down" if verdict.failed else "none"
        return part("identical", "identical", verdict, Asked("all"), [sum(same)], of=len(same), direction=direction)


def mines(settings: Settings) -> bool:
    """Does the model mine its own pairs first? Then seeds spread more widely."""
    return settings.protocol in ("mine_train_score", "mine_in_rounds", "boundary_of_models")


def went(test: PairedTest, n: int) -> Direction:
    """Where a difference went: significant, and more than one task in twenty; else nowhere."""
    ours: Direction = "up" if test.up <= ALPHA else "down" if test.down <= ALPHA else "none"
    return ours if abs(test.difference) > SHOWN_SHARE * n else "none"


def arm(runs: Sequence[Run], name: str) -> Arm:
    """What a figure is of, whatever its seed."""
    return replace(runs[0].arms[name], seed=0)


def tasks(runs: Sequence[Run], name: str) -> int:
    """Tasks of a score; 0 of a figure that is none."""
    return len(runs[0].outcomes.get(name, ()))


def within(band: Band, difference: bool = False) -> Asked:
    """To lie within a band."""
    return Asked("band", band.lower, band.upper, difference=difference)


def four_arms(runs: Sequence[Run]) -> FourArms:
    """The arms of the synergy protocol over its runs."""
    scored = {name: one for name, one in runs[0].arms.items() if name in runs[0].outcomes}
    return FourArms(*([run.outcomes[name] for run in runs] for name in four(scored)))


def to_retry(reason: str, details: Mapping[str, policy.Detail]) -> Verdict:
    """Not as it was: to be tried again with fresh seeds."""
    return Verdict("direction only", reason, details, retry=True)


def span(band: Band, signed: bool = False) -> str:
    """A band as text, in whole tasks; ``signed``: of a difference."""
    low, high = band.whole
    return f"{low:+d}…{high:+d}" if signed or low < 0 else f"{low}–{high}"


def p_values(test: PairedTest) -> dict[str, policy.Detail]:
    """A paired test's numbers."""
    return {"difference": test.difference, "up": test.up, "down": test.down, "two_sided": test.two_sided}
