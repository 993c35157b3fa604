"""Registry entries as pytest cases: one a scale (and seed), with the tier's marker; and what they report."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from selfboot import pairs as pair_files
from selfboot import published
from selfboot.cluster.graph import Job, jobs_of
from selfboot.cluster.sitting import make_ahead, score_ahead
from selfboot.errors import DataError, SelfbootError, TooFewPairsError
from selfboot.judging.calibrate import FIRST_SEED
from selfboot.judging.calibration import Calibration, own_bands, own_mark, own_path
from selfboot.judging.checks import RULES, Check, checks, control
from selfboot.judging.compared import too_few
from selfboot.judging.decide import Decision, decide
from selfboot.judging.early import AT_ONCE, decide_early, on_part, whole_because
from selfboot.judging.flips import has_baseline, measured_flips
from selfboot.judging.results import Beside, Evidence, Result, beside, log_e_of, solved_in
from selfboot.judging.seeds import with_seeds
from selfboot.lab import Lab
from selfboot.mining.own import is_own
from selfboot.models.find import find_model
from selfboot.models.spec import fingerprint
from selfboot.protocols.any_model import WHOLE, Part, fitted, measure_of
from selfboot.protocols.arms import other_arm
from selfboot.protocols.base import Run
from selfboot.protocols.catalogue import Protocol, options_of, run_protocol
from selfboot.records import Pair
from selfboot.registry import Claim, Scale, Settings, claim_named
from selfboot.report import cells

OPEN = (
    "inconclusive",
    "unsettled",
    "protocol mismatch",
    "not enough pairs",
)  # could not be told: skipped, never a pass
FRESH = 1_000_000  # a retry's seeds are the first ones plus this
CALIBRATED = 30  # seeds that a calibration has, from FIRST_SEED on


@dataclass
class Case:
    """What a claim's test holds: the claim's settings at one scale, and ``check`` to measure and judge them."""

    claim: Claim
    scale: Scale
    settings: Settings
    seed: int = 0
    weights: str = "trained"  # else what kind of trial run this is
    substitute: str = ""  # a model that runs in the place of the claim's own
    part: Part = WHOLE  # small: the tasks that it runs on
    tokens: int = 0  # small: the most tokens of a completion; 0: as many as each benchmark allows
    until_settled: bool = False  # stop drawing once the difference is settled (judging/early.py)
    measure_flips: bool = False  # at the paper's scale: score the base at a second batch size
    results: list[Result] = field(default_factory=list)
    ahead: bool = False  # is all that it trains and mines made?
    company: Sequence[Case] = field(default=(), repr=False)  # all cases of this sitting on the same model, if known

    def choose_seeds(self, choice: str) -> bool:
        """Judge a paper-scale case over the chosen seeds (judging/seeds.py). Returns whether the case is still wanted:
        where each seed was a case of its own, the first case now has them all."""
        chosen = with_seeds(self.claim, choice).scales[self.scale]
        if self.scale != "paper" or chosen is self.settings:
            return True
        wanted = not self.seed or self.seed == self.settings.seeds[0]
        self.settings, self.seed = chosen, 0
        return wanted

    @property
    def id(self) -> str:
        measure = measure_of(self.part, self.tokens)
        return "-".join(str(one) for one in (self.scale, measure, self.seed) if one)

    @property
    def model(self) -> str:
        return self.settings.model

    def runs(self, lab: Lab, fresh: int = 0, part: Part = WHOLE) -> list[Run]:
        """One run of the claim's protocol for each seed of this case; ``fresh``: which retry it is, 0 for none;
        ``part``: scored on this part of its tasks."""
        runs = self._again(lab, fresh, part) if fresh else self._first(lab, part)
        if not (self.measure_flips and self.scale == "paper" and has_baseline(self.settings)):
            return runs
        flips = measured_flips(lab, self.runnable)  # the store has it when it is asked for again
        return [replace(run, flips=flips) for run in runs]

    def _first(self, lab: Lab, part: Part) -> list[Run]:
        self.make_ahead(lab)
        if part == WHOLE:
            score_ahead(lab, self.jobs)
        return [run_protocol(on_part(lab, part), self.runnable, seed) for seed in self._seeds(0)]

    def _again(self, lab: Lab, fresh: int, part: Part) -> list[Run]:
        """The judged arm's runs with fresh seeds. What they ask for is not counted as the case's own."""
        asked = dict(lab.store.asked)
        make_ahead(lab, self._retry(fresh))
        runs = [run_protocol(on_part(lab, part), self.runnable, seed) for seed in self._seeds(fresh)]
        lab.store.asked = asked
        return runs

    def _seeds(self, fresh: int) -> list[int]:
        return [_fresh(seed, fresh) for seed in ((self.seed,) if self.seed else self.settings.seeds or (0,))]

    def _retry(self, fresh: int) -> list[Job]:
        return [Job(self.claim.id, self.runnable, seed) for seed in self._seeds(fresh)]

    @property
    def _surely_retried(self) -> bool:
        """Random weights lift nothing, so a claim that trains on pairs at hand is measured twice."""
        return self.weights == "random" and bool(self.settings.recipe and (self.settings.pairs or self.settings.arms))

    def make_ahead(self, lab: Lab) -> None:
        """Train and mine before anything is scored: for this case first, and for all that are on the same model. What
        is trained on the model's own pairs is known only when those are mined."""
        if self.ahead:
            return
        together = [self, *(case for case in self.company if case is not self)]
        own = [case for case in together if is_own(case.settings.pairs)]
        given = [job for case in together if not is_own(case.settings.pairs) for job in case.jobs]
        retries = [job for case in together if case._surely_retried for job in case._retry(1)]
        asked = dict(lab.store.asked)
        if own:
            make_ahead(lab, given, ("train",))
        mined = [job for case in own if case.fits(lab) for job in case.jobs]
        make_ahead(lab, [*given, *mined, *retries], ("mine", "train") if own else ("train", "mine"))
        lab.store.asked = asked  # what the others need is theirs
        for case in together:
            case.ahead = True

    def fits(self, lab: Lab) -> bool:
        """Mine the pairs of the model's own that this case trains on, and take as many as there are; are they enough?
        Where that cannot be done, the case itself says why."""
        try:
            self.settings = fitted(lab, self.settings)
        except SelfbootError:
            return False
        return True

    @property
    def judged(self) -> Settings:
        """The settings with the seeds of this case."""
        return replace(self.settings, seeds=(self.seed,)) if self.seed else self.settings

    @property
    def jobs(self) -> list[Job]:
        """What this case asks of the Lab, in both arms where both are run."""
        seeds = (self.seed,) if self.seed else self.settings.seeds
        return jobs_of(self.claim.id, replace(self.runnable, seeds=seeds))

    @property
    def runnable(self) -> Settings:
        """The settings as they are run: with the substitute model, if any, and the pairs of the claim's own model."""
        if not self.substitute:
            return self.settings
        own = pair_files.join(f"{self.model}/{part}" for part in pair_files.parts(self.settings.pairs))
        return replace(self.settings, model=self.substitute, pairs=own)

    def check(self, lab: Lab, beside: str = "") -> list[Run]:
        """Run the claim's protocol, judge every check of the claim, and report; a result outside its band is measured
        once more, with other seeds (selfboot/judging/decide.py). At small scale the model mines its pairs first.
        ``beside``: the model of a positive control."""
        if self.scale == "small":
            self.make_ahead(lab)
            try:
                self.settings = fitted(lab, self.settings)
            except TooFewPairsError as error:
                return self.report(Decision((), (too_few(error),)))
        controls = [self._control(lab, beside)] if beside and self.scale != "small" and not self.substitute else []
        judged = [*controls, *checks(self.claim, self.scale, self.judged, self._bands(lab))]
        if self.until_settled:
            decision = decide_early(
                self.claim, self.scale, self.judged, judged, lambda fresh, part: self.runs(lab, fresh, part)
            )
        else:
            decision = decide(judged, lambda fresh: self.runs(lab, fresh))
        return self.report(decision, () if decision.slices else self._beside(lab, decision.runs))

    def _bands(self, lab: Lab) -> Calibration | None:
        """At small scale the bands that were calibrated in this store, for this model, part and length."""
        if self.scale != "small" or self.weights != "trained":
            return None
        path = own_path(lab.store.root, find_model(self.model).name, measure_of(self.part, self.tokens))
        return own_bands(path, self.claim.id, own_mark(self.settings, fingerprint(lab.spec(self.model))))

    def _control(self, lab: Lab, model: str) -> Check:
        own = replace(self, settings=replace(self.settings, model=model), company=(), ahead=False)
        return control(self.claim, self.scale, own.settings, lambda: own.runs(lab))

    def _beside(self, lab: Lab, judged: Sequence[Run]) -> tuple[Beside, ...]:
        """The claim's other arm on the same weights and seeds, where its settings ask for it."""
        if not self.settings.both_arms:
            return ()
        other = replace(self, settings=other_arm(self.settings), results=[])
        return beside(judged, other.runs(lab))

    def report(self, decision: Decision, others: tuple[Beside, ...] = ()) -> list[Run]:
        """Keep the decision as a result; fail the test where it is "not reproduced" or "drifted"; returns the runs."""
        result = self._result(decision, others)
        self.results.append(result)
        figures = f"paper {result.paper} | measured {cells.measured(result)} | band {cells.band(result)}"
        said = f"{result.verdict}, {cells.direction(result)}: {'; '.join(cells.reasons(result))}"
        message = f"{result.name}: {figures} | {said}"
        if result.verdict in OPEN:
            pytest.skip(message)
        if result.failed:
            pytest.fail(message, pytrace=False)
        return list(decision.runs)

    def pairs(self, lab: Lab) -> list[Pair]:
        """The pairs for this case, as many as its ``count``."""
        return lab.pairs(self.model, self.settings.pairs)[: self.settings.count or None]

    def _result(self, decision: Decision, others: tuple[Beside, ...]) -> Result:
        made = {(one.arm, one.artifact.id): one for run in decision.runs for one in run.evidence}
        solved = solved_in(decision.runs)
        return Result(
            claim=self.claim.id,
            case=self.id,
            section=self.claim.section,
            title=self.claim.title,
            tier=self.claim.tier,
            scale=self.scale,
            model=find_model(self.model).name if self.scale == "small" else self.model,
            paper=self.claim.published,
            expects=self.claim.expects,
            effect=published.effect(self.claim.id),
            parts=decision.parts,
            weights=self.weights,
            evidence=tuple(Evidence(one.arm, one.artifact.kind, one.artifact.id) for one in made.values()),
            arm=self.settings.arm,
            beside=others,
            contrast=self.settings.contrast,
            solved=solved,
            log_e=log_e_of(solved, self.settings.contrast, self.claim.expects),
            until=decision.until or self._whole(decision),
            slices=decision.slices,
        )

    def _whole(self, decision: Decision) -> str:
        """Why a case that its own test judges is not decided early, where that was asked for."""
        if not (self.until_settled and decision.runs):
            return ""
        return f"{AT_ONCE}: {whole_because(RULES[self.scale](self.claim, self.judged))}"


def _fresh(seed: int, fresh: int) -> int:
    """The seed that retry number ``fresh`` runs in the place of ``seed``; for a calibration seed it is the next one."""
    calibrated = FIRST_SEED <= seed < FIRST_SEED + CALIBRATED
    return seed + fresh * (1 if calibrated else FRESH)


CASES: dict[str, Any] = {}  # by test and parameter, as the last part of a test's id has them


def models(scale: Scale) -> dict[str, str]:
    """The model of every case at one scale, by the last part of its test's id: for who has no tests, as xdist's
    controller."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"{__package__}.{path.stem}")
    return {name: case.model for name, case in CASES.items() if case.scale == scale}


def cases(*claim_ids: str, protocol: Protocol | None) -> Callable[[Any], Any]:
    """Parametrise a test over the scales of claims (where their file says so, their seeds too), marked with tiers.

    ``protocol``: the function that their files must name, or collection fails; None: the test itself says what is run.
    """
    params = [
        pytest.param(case, id=case.id if len(claim_ids) == 1 else f"{name}-{case.id}", marks=[*_marks(case)])
        for name in claim_ids
        for case in _expand(_agreed(name, protocol))
    ]

    def decorate(test: Any) -> Any:
        CASES.update({f"{test.__name__}[{param.id}]": param.values[0] for param in params})
        return pytest.mark.parametrize("case", params)(test)

    return decorate


def _agreed(name: str, protocol: Protocol | None) -> Claim:
    """The claim, whose file names the test's protocol and every option of it."""
    try:
        claim, named = claim_named(name), protocol.__name__ if protocol else ""
        for scale, settings in claim.scales.items():
            if settings.protocol != named:
                raise DataError(f"[{name}.{scale}]: protocol {settings.protocol!r}, but its test says {named!r}")
            if lacking := set(options_of(protocol) if protocol else ()) - set(settings.options):
                raise DataError(f"[{name}.{scale}]: options lack {', '.join(sorted(lacking))}; write them")
    except SelfbootError as error:
        raise pytest.Collector.CollectError(f"claims: {error}") from None
    return claim


def _expand(claim: Claim) -> Iterator[Case]:
    for scale, settings in claim.scales.items():
        for seed in settings.seeds if settings.by_seed else (0,):
            yield Case(claim, scale, settings, seed)


def _marks(case: Case) -> Iterator[pytest.MarkDecorator]:
    yield pytest.mark.claim(case.claim.id)
    yield getattr(pytest.mark, case.claim.tier)
    yield getattr(pytest.mark, case.scale)
    if case.scale == "paper":
        yield pytest.mark.gpu
