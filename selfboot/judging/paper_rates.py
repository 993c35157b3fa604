"""How the paper's claims would be decided if the paper were right, and if it were not: the checks, simulated.

Runs are drawn around the published figures and handed to the very checks and the very retry of the claim's test. Right:
every score has its published mean. Wrong: training changes nothing; where the paper says that nothing changes, training
destroys the model. Claims whose contrast has no published size are not simulated.

Assumed, since nobody has measured it: seeds spread as a binomial of the score (a model that mines its own pairs: twice
as widely), samples with 0.6 of that; of the tasks that training leaves alone, 12 % change their outcome, evenly; a base
score flips on as many tasks as between two batch sizes; what the paper does not print is in ``ASSUMED``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from selfboot.analysis.power import Rng, solved
from selfboot.analysis.verdict import VerdictStatus
from selfboot.judging.checks import checks
from selfboot.judging.decide import decide
from selfboot.judging.published import FLIPS_SHARE
from selfboot.judging.rules import mines
from selfboot.judging.weights import honest
from selfboot.protocols import run_protocol
from selfboot.protocols.base import Arm, Run
from selfboot.protocols.dryrun import DryRun
from selfboot.registry import Claim, Settings, registry

TASKS = {"aime": 90, "bigcodebench-hard": 148, "math500": 500}  # else 164, or as the name says
EVEN = 0.12  # of the tasks: outcomes that change without a lift
STEPS = (1, 3, 5, 7, 10, 14, 20)  # seeds that are tried
SAMPLING = 0.6  # of a binomial's sd
ASSUMED: Mapping[str, Mapping[str, float]] = {
    "tts-4b-he": {"greedy": 110}, "tts-8b-he": {"greedy": 110}, "tts-4b-math": {"greedy": 299},
    "tts-8b-math": {"greedy": 310}, "tts-aime": {"greedy": 23, "best-of-64": 38},
    "synergy-14b": {"raw greedy": 44, "raw best-of-8": 110, "recipe greedy": 105, "recipe best-of-8": 131},
    "synergy-3b": {"raw greedy": 40, "raw best-of-8": 100, "recipe greedy": 60, "recipe best-of-8": 92},
    "control": {"control-mbpp 21": 25}, "selfcorrect-mixed": {"base": 299, "trained": 304},
    "saturation": {"trained": 125},
    "bcb-hard": {"base": 40, "trained": 40},
    "code-to-math": {"base": 25, "trained": 30, "base, math500:100": 60, "trained, math500:100": 62},
}  # fmt: skip


@dataclass(frozen=True)
class Decided:
    """Shares of ``draws`` simulated runs: if the paper is right, and if it is wrong."""

    reproduced: float
    wrongly_red: float
    red: float
    draws: int


def simulated_claims() -> Iterator[PaperClaim]:
    """Every claim of the paper whose contrast has a published or an assumed size."""
    for claim in registry().values():
        settings = claim.scales.get("paper")
        if settings and settings.protocol and settings.contrast:
            one = PaperClaim(claim, settings)
            if all(name in one.means for name in settings.contrast):
                yield one


@dataclass(frozen=True)
class PaperClaim:
    """One claim at the paper's scale."""

    claim: Claim
    settings: Settings

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """What the protocol measures."""
        return dict(run_protocol(DryRun(_Nothing()), self.settings, 7).arms)  # type: ignore[arg-type]

    @cached_property
    def means(self) -> dict[str, float]:
        """The truth if the paper is right."""
        known = {name: float(np.mean(values)) for name, values in self.settings.published.items()}
        return known | dict(ASSUMED.get(self.claim.id, {}))

    @property
    def wrong(self) -> dict[str, float]:
        """The truth if it is wrong: training, or sampling, changes nothing; or destroys the model."""
        first, last = self.settings.contrast
        gone = self.claim.expects == "none"
        moved = {last: 0.0 if gone else self.means[first]}
        if self.claim.kind == "oracle":
            moved = {name: self.means[first] for name in self.means if self.arms[name].sampled}
        if "10 pairs" in self.means:
            moved |= dict.fromkeys(("10 pairs", "21 pairs", "40 pairs"), self.means["10 pairs"])
        return self.means | moved

    @property
    def fresh(self) -> int:
        """The seeds that are judged together."""
        return 1 if self.settings.by_seed else max(1, len(self.settings.seeds))

    def seeded(self, seeds: int) -> PaperClaim:
        """The same claim over so many seeds."""
        settings = replace(self.settings, seeds=tuple(range(1, seeds + 1)), by_seed=False)
        return PaperClaim(replace(self.claim, scales={**self.claim.scales, "paper": settings}), settings)

    def seeds_for(self, power: float, draws: int) -> int | None:
        """The fewest of ``STEPS`` seeds with which the paper, if right, is reproduced with that chance; None: more."""
        return next((m for m in STEPS if self.seeded(m).simulate(draws).reproduced >= power), None)

    def simulate(self, draws: int, seed: int = 0) -> Decided:
        """Decide ``draws`` runs under each truth."""
        rng = np.random.default_rng(seed)
        right, wrong = ([self._decided(rng, means) for _ in range(draws)] for means in (self.means, self.wrong))
        red = [statuses.count("not reproduced") / draws for statuses in (right, wrong)]
        return Decided(right.count("reproduced") / draws, red[0], red[1], draws)

    def _decided(self, rng: Rng, means: Mapping[str, float]) -> VerdictStatus:
        bases = {name: self._score(rng, name, mean) for name, mean in means.items() if self._is_base(name)}
        return decide(
            checks(self.claim, "paper"), lambda _: [self._run(rng, means, bases) for _ in range(self.fresh)]
        ).status

    def _is_base(self, name: str) -> bool:
        return name in self.arms and self.arms[name].fixed

    def _score(self, rng: Rng, name: str, mean: float) -> list[bool]:
        """A greedy base score on fixed tasks: it flips as between two batch sizes."""
        n = self._tasks(name)
        flips = int(rng.binomial(n, FLIPS_SHARE * 2 / 3))
        return solved(rng, n, mean + 2 * int(rng.binomial(flips, 0.5)) - flips)

    def _run(self, rng: Rng, means: Mapping[str, float], bases: Mapping[str, list[bool]]) -> Run:
        outcomes: dict[str, Sequence[bool]] = dict(bases)
        figures: dict[str, float] = {}
        for name, mean in means.items():
            arm = self.arms.get(name)
            if arm is None or name in bases or arm.role == "contrast":
                continue
            n = self._tasks(name)
            drawn = min(max(rng.normal(mean, self._sd(arm, mean, n)), 0.0), n)
            if arm.judged == "estimate":
                figures[name] = drawn
                continue
            beside = next((b for b in bases if len(bases[b]) == n and self.arms[b].benchmark == arm.benchmark), "")
            outcomes[name] = _after(rng, bases[beside], drawn) if beside else solved(rng, n, drawn)
        figures |= {name: float(sum(flags)) for name, flags in outcomes.items()}
        if "contrast" in means:
            first, last = self.settings.contrast
            figures["contrast"] = figures[last] - figures[first]
        arms = {name: self.arms[name] for name in figures}
        return Run(figures, arms, outcomes, drawn=honest(arms))

    def _sd(self, arm: Arm, mean: float, n: int) -> float:
        binomial = math.sqrt(max(mean * (1 - mean / n), 0.0))
        if arm.role == "base":
            return SAMPLING * binomial
        return binomial * (2 if mines(self.settings) else 1) * (SAMPLING if arm.sampled else 1)

    def _tasks(self, name: str) -> int:
        bench = self.arms[name].benchmark or self.settings.benchmark
        head, _, cut = bench.partition(":")
        return int(cut) if cut.isdigit() else TASKS.get(head, 164)


def _after(rng: Rng, base: Sequence[bool], count: float) -> list[bool]:
    """As many solved tasks, of the base's what training leaves, with an even change on ``EVEN`` of the tasks."""
    flags, n = np.array(base, dtype=bool), len(base)
    target = min(max(round(count), 0), n)
    even = round(EVEN * n / 2)
    lost = min(int(flags.sum()), even + max(int(flags.sum()) - target, 0))
    won = min(target - int(flags.sum()) + lost, int((~flags).sum()))
    for value, many in ((True, lost), (False, won)):
        places = rng.permutation(np.flatnonzero(flags == value) if value else np.flatnonzero(~np.array(base)))[:many]
        flags[places] = not value
    return [bool(flag) for flag in flags]


class _Nothing:
    """Tasks and pairs by name alone, for a dry run that is asked only what it would measure."""

    def benchmark(self, name: str) -> Any:
        return SimpleNamespace(name=name, asked=name, tokens=1, format="gsm8k", tasks=())

    def pairs(self, model: str, name: str) -> list[Any]:
        return [SimpleNamespace()] * 100
