"""Wrong systems that really run at mini scale, each through one claim: the matrix of mutants.py, put to the test.

    selfboot claims --mutants --real        # some five minutes of one core

Each is a Lab with one fault of the kind that people make. Its claim runs as its test would, retry included, over the
calibrated seed. What the faults did to the figures is kept in data/measured/error_rates/real.json; mutants.py takes
from there what the faults do to other claims.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from selfboot.errors import DataError
from selfboot.judging.calibrate import FIRST_SEED
from selfboot.judging.calibration import calibration
from selfboot.judging.checks import checks
from selfboot.judging.decide import Decision, decide
from selfboot.lab import Adapter, AnswerScore, Lab, Samples, Score
from selfboot.paths import MEASURED
from selfboot.protocols.base import Run
from selfboot.protocols.catalogue import run_protocol
from selfboot.records import Item, Pair
from selfboot.registry import Settings, claim_named
from selfboot.store import RunStore

TABLE = MEASURED / "error_rates" / "real.json"
SEED_IGNORED, STOPS_IGNORED, TEMPLATE = "seed ignored", "stop strings ignored", "another chat template"
WRONG_CONTENT = "wrong content in the pairs"
OTHER_TEMPLATE = "plain"  # of data/templates/
SHORT = 32  # tokens of a random-init model, which never ends by itself


class AdapterNotApplied(Lab):
    """Trains, and then samples from the base."""

    def evaluate(self, model: str, benchmark: str, *, adapter: Adapter | None = None, **options: Any) -> Score:
        return super().evaluate(model, benchmark, **options)


class HalfThePairs(Lab):
    """Trains on the first half of a pair file."""

    def pairs(self, model: str, name: str) -> list[Pair]:
        found = super().pairs(model, name)
        return found[: len(found) // 2]


class WrongContent(Lab):
    """Trains on pairs whose fixed program solves the next pair's problem: right in form, wrong in content."""

    def pairs(self, model: str, name: str) -> list[Pair]:
        found = super().pairs(model, name)
        others = [*found[1:], *found[:1]]
        return [replace(pair, fixed=other.fixed) for pair, other in zip(found, others, strict=True)]


class SeedIgnored(Lab):
    """Trains with one seed, whatever is asked for."""

    def train(
        self, model: str, items: Sequence[Item], recipe: str, seed: int, start_from: Adapter | None = None
    ) -> Adapter:
        return super().train(model, items, recipe, 0, start_from)


class StopStringsIgnored(Lab):
    """Draws on where a stop string should cut."""

    def sample(self, model: str, prompts: Sequence[str], sampling: Any = None, *args: Any, **options: Any) -> Samples:
        return super().sample(model, prompts, replace(sampling, stop=()), *args, **options)


class PassesAll(Lab):
    """A grader that passes everything."""

    def evaluate(self, *args: Any, **options: Any) -> Score:
        found = super().evaluate(*args, **options)
        passed = tuple(tuple(replace(one, status="passed") for one in row) for row in found.outcomes)
        return replace(found, outcomes=passed)

    def evaluate_answers(self, *args: Any, **options: Any) -> AnswerScore:
        raise DataError("this grader judges programs only; name a claim that is scored by programs")


@dataclass(frozen=True)
class Fault:
    """How to make the wrong Lab over a run store, and the claim that it runs."""

    lab: Callable[[RunStore], Lab]
    claim: str = "recipe-7b"


FAULTS: Mapping[str, Fault] = {
    "random weights": Fault(lambda store: Lab(store, weights="random", tokens=SHORT)),
    "adapter not applied": Fault(AdapterNotApplied),
    "half the pairs": Fault(HalfThePairs),
    WRONG_CONTENT: Fault(WrongContent),
    SEED_IGNORED: Fault(SeedIgnored, "bcb-hard"),
    f"{SEED_IGNORED}, at a claim of one seed": Fault(SeedIgnored),
    TEMPLATE: Fault(lambda store: Lab(store, chat_template=OTHER_TEMPLATE)),
    STOPS_IGNORED: Fault(StopStringsIgnored, "stop-strings"),
    f"{STOPS_IGNORED}, in raw completions": Fault(StopStringsIgnored, "few-pairs-72b"),
    "a grader that passes all": Fault(PassesAll),
}


SURVIVES: Mapping[str, str] = {  # as calibrated all the same
    f"{SEED_IGNORED}, at a claim of one seed": "one case sees one adapter, and another seed's score is within what"
    " devices differ by; claims of three seeds compare the adapters' hashes, on the fast path synergy-14b",
    f"{STOPS_IGNORED}, in raw completions": "the right stop strings hardly ever occur in what the mini model writes, so"
    " no score changes by more than a task; the claim stop-strings, which uses wrong ones, notices it",
}


@dataclass(frozen=True)
class Real:
    """What came of a fault: its claim's figures beside the calibration's of the same seed, and the verdict."""

    claim: str
    seed: int
    right: Mapping[str, float]
    figures: Mapping[str, float]
    verdict: str
    reason: str

    @property
    def change(self) -> float:
        """The most that a figure changed, in tasks."""
        return max(abs(self.figures[name] - value) for name, value in self.right.items())


def run(name: str, store: Path) -> Real:
    """Run one fault's claim at mini scale and decide it as its test does; of a claim whose seeds are cases of their
    own, the case of the calibrated seed.

    ``store``: a folder for what it makes; a wrong grader's verdicts stay out of it.
    """
    fault, claim = FAULTS[name], claim_named(FAULTS[name].claim)
    own = claim.scales["mini"]
    settings = replace(own, seeds=own.seeds[:1]) if own.by_seed else own
    with fault.lab(RunStore(store)) as lab:
        found = decide(checks(claim, "mini", settings), lambda fresh: _runs(lab, settings, fresh))
    known, first = calibration(settings.model).figures(claim.id), found.runs[0]
    right = {name: known[name].by_seed[0 if known[name].fixed else FIRST_SEED] for name in first.figures}
    return Real(claim.id, FIRST_SEED, right, dict(first.figures), found.status, _reason(found))


def _runs(lab: Lab, settings: Settings, fresh: int) -> list[Run]:
    return [run_protocol(lab, settings, seed + fresh) for seed in settings.seeds or (0,)]


def _reason(found: Decision) -> str:
    return "; ".join(f"{part.name}: {part.reason}" for part in found.parts if part.failed)


def write(found: Mapping[str, Real], path: Path = TABLE) -> None:
    """Keep what came of the faults."""
    table = {name: asdict(one) for name, one in found.items()}
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def recorded() -> dict[str, Real]:
    """What came of the faults when they were last run; empty where the checkout has no record."""
    if not TABLE.exists():
        return {}
    return {name: Real(**one) for name, one in json.loads(TABLE.read_text(encoding="utf-8")).items()}
