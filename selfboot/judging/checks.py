"""The only list of what is judged: tests, simulated error rates and the report all use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from selfboot.analysis.verdict import AT_MINI, VerdictStatus
from selfboot.judging import compared
from selfboot.judging.calibrated import Calibrated, OwnBands
from selfboot.judging.calibration import Calibration
from selfboot.judging.compared import Compared
from selfboot.judging.published import Published
from selfboot.judging.results import Part
from selfboot.judging.rules import Judge, Rules
from selfboot.judging.weights import weights
from selfboot.protocols.base import Run
from selfboot.registry import Claim, Scale, Settings


def control(claim: Claim, scale: Scale, settings: Settings, draw: Callable[[], Sequence[Run]]) -> Check:
    """The positive control of a claim that nothing can be mined: from another model, named by ``settings`` and run by
    ``draw``, the same miner must get enough. Else it is the miner or the grader that is too weak."""
    rules = RULES[scale](claim, settings)
    return Check("control", lambda _: rules.control(draw()), AT_MINI if scale == "mini" else {})


RULES: dict[Scale, type[Rules]] = {"mini": Calibrated, "small": Compared, "paper": Published}


@dataclass(frozen=True)
class Check:
    """One thing that is judged of a claim's runs; ``words``: what the policy's statuses are called at this scale."""

    name: str
    rule: Judge
    words: Mapping[VerdictStatus, VerdictStatus] = field(default_factory=dict)

    def judge(self, runs: Sequence[Run]) -> Part:
        """The outcome on the runs, one a seed."""
        part = self.rule(runs)
        return replace(part, status=self.words.get(part.status, part.status))


def checks(
    claim: Claim, scale: Scale, settings: Settings | None = None, known: Calibration | None = None
) -> list[Check]:
    """Every check of a claim at a scale: of the weights, the kind's own, each figure that has a band, and last the
    contrast; of a synergy with a published size instead its own policy, which knows the noise of seeds.

    ``settings``: those of the registry, or the same with another model in its place; ``known``: bands of that model.
    """
    settings = settings or claim.scales[scale]
    rules = OwnBands(claim, settings, known) if known else RULES[scale](claim, settings)
    asserted = partial(weights, rules.settings, needed=rules.telling)
    judges: dict[str, Judge] = {"weights": asserted} if rules.settings.protocol else {}
    judges |= rules.special() | {name: partial(rules.figure, name) for name in rules.banded()}
    judges |= {"contrast": rules.contrast} if rules.settings.contrast and "synergy" not in judges else {}
    judges |= {"synergy": judges.pop("synergy")} if "synergy" in judges else {}  # the main figure comes last
    words = partial(_words, "mini" if known else scale)
    return [Check(name, judge, words(name)) for name, judge in judges.items()]


def _words(scale: Scale, check: str) -> Mapping[VerdictStatus, VerdictStatus]:
    """What the policy's statuses are called at a scale; at the paper's by their own names."""
    if scale == "small":
        return compared.words(check)
    return AT_MINI if scale == "mini" else {}
