"""Judge a claim from completions that someone else recorded: the claim's own checks, on our graders' verdicts.

    replay(lab, claim_named("cross-coder"), "paper", [Given("base", Source("base.jsonl", Path("base.jsonl")))])

A dry run of the claim's protocol says which arms it has; each file is one arm's completions, of one seed. What needs an
arm that was not given, or the weights themselves, is not judged, and said so. The result is marked ``replayed``: it is
kept apart from runs of ours, and never counts as one. Two greedy arms of programs are also taken apart into form and
skill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selfboot import published
from selfboot.analysis.decomposition import Decomposition, decompose
from selfboot.analysis.failures import classify, side
from selfboot.analysis.pass_at_k import pass_at_k
from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, load_any
from selfboot.errors import DataError
from selfboot.exchange.portable import is_portable, sources
from selfboot.exchange.recorded import RecordingLab, Source, tolerant
from selfboot.judging.checks import Check, checks
from selfboot.judging.results import REPLAYED, Evidence, Part, Result, log_e_of, solved_in
from selfboot.lab import AnswerScore, Score
from selfboot.pairs import load_pairs
from selfboot.planning.forecast import Sizes
from selfboot.protocols.arms import asking
from selfboot.protocols.base import Arm, Run
from selfboot.protocols.catalogue import run_protocol
from selfboot.protocols.dryrun import DryRun
from selfboot.protocols.sampling import voted
from selfboot.records import Pair
from selfboot.registry import Claim, Scale, Settings

ONLY_RUNS = ("weights", "again")  # they ask what drew the tokens, and how a run of ours came out before
NEED_ALL = ("boundary", "rate", "plateau", "identical", "sweep", "interaction", "synergy")


@dataclass(frozen=True)
class Given:
    """One arm's completions, of one seed."""

    name: str
    source: Source
    seed: int = 0


@dataclass(frozen=True)
class Reading:
    """How one file came out: tasks solved of ``of``, solved once its form is forgiven (None: nothing to forgive), and
    first completions that fail, by "form" and "skill"."""

    given: Given
    arm: Arm
    solved: float
    of: int
    tolerant: int | None = None
    failures: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Replay:
    """What came of it. ``open``: what could not be judged, and why."""

    result: Result
    readings: tuple[Reading, ...]
    open: tuple[str, ...]
    lift: Decomposition | None


def replay(
    lab: RecordingLab, claim: Claim, scale: Scale, given: Sequence[Given], format: str = "", model: str = ""
) -> Replay:
    """The claim's verdict on what is given. ``format``: how completions are read ("": others' continue their prompts,
    our own are read as the claim reads); ``model``: instead of the claim's."""
    own = settings_of(claim, scale)
    arms, settings = arms_of(own), replace(own, seeds=_seeds(given), model=model or own.model)
    graded = [_Graded(lab, settings, one, _arm(claim, arms, one.name), format) for one in given]
    runs = _runs(graded)
    parts, open_ = _judge(checks(claim, scale, settings), settings.contrast, arms, runs)
    result = _result(claim, scale, settings, runs, parts, graded)
    return Replay(result, tuple(one.reading for one in graded), open_, _lift(settings, graded))


def settings_of(claim: Claim, scale: Scale) -> Settings:
    """A claim's settings at a scale. DataError where it has none, or no protocol says what its arms are."""
    if scale not in claim.scales:
        raise DataError(f"claim {claim.id}: not at {scale} scale; it is at {', '.join(claim.scales)}")
    if not claim.scales[scale].protocol:
        raise DataError(f"claim {claim.id}: its test compares runs, not completions; it cannot be replayed")
    return claim.scales[scale]


def given_of(claim: Claim, scale: Scale, words: Sequence[str], seeds: Sequence[int] = ()) -> list[Given]:
    """Which file is which arm's: ``ARM=FILE``, or FILE in the order of the claim's contrast, the rest its second arm's,
    with ``seeds``. A file of `selfboot export` says itself what it holds; arms read or asked in another way
    are left out."""
    settings = settings_of(claim, scale)
    arms = arms_of(settings)
    order, found = [*settings.contrast] or list(arms), []
    for word in words:
        name, path = _named(word, arms)
        if is_portable(path):
            held = [(arm, source) for arm, source in sources(path, claim.id, scale) if _plain(arm)]
            found += [Given(_name(path, arms, arm), source, arm.seed) for arm, source in held]
        else:
            name = name or order[min(len(found), len(order) - 1)]
            found.append(Given(name, Source(str(path), path)))
    return _seeded(found, seeds)


def _named(word: str, arms: Mapping[str, Arm]) -> tuple[str, Path]:
    name, equals, path = word.partition("=")
    return (name, Path(path)) if equals and name in arms else ("", Path(word))


def _name(path: Path, arms: Mapping[str, Arm], arm: Arm) -> str:
    own = replace(arm, seed=0)
    found = next((name for name, known in arms.items() if replace(known, seed=0) == own), "")
    if not found:
        raise DataError(f"{path}: its {arm.role} completions belong to no arm of the claim; it has {', '.join(arms)}")
    return found


def _seeded(found: Sequence[Given], seeds: Sequence[int]) -> list[Given]:
    """Each file that is not the first arm's gets its seed, in order; where none is known they are counted from 1."""
    later = [place for place, one in enumerate(found) if one.name != found[0].name]
    if seeds and len(seeds) != len(later):
        raise DataError(f"--seeds {' '.join(map(str, seeds))}: {len(later)} files of later arms; name a seed for each")
    if len(set(seeds)) < len(seeds):
        raise DataError(f"--seeds {' '.join(map(str, seeds))}: name each seed once")
    known = seeds or [found[place].seed or number for number, place in enumerate(later, 1)]
    numbers = dict(zip(later, known, strict=True))
    return [replace(one, seed=numbers.get(place, one.seed)) for place, one in enumerate(found)]


class _Here:
    """Tasks and pairs of this checkout, for a dry run at mini scale; the paper's may be anywhere else (Sizes)."""

    def benchmark(self, name: str) -> Benchmark | AnswerBenchmark:
        return load_any(name)

    def pairs(self, model: str, name: str) -> list[Pair]:
        return load_pairs(model, name)


def arms_of(settings: Settings) -> dict[str, Arm]:
    """The arms of a claim that completions decide, by the names of their figures."""
    data = _Here() if settings.model.startswith("organism") else Sizes()
    arms = run_protocol(DryRun(data), settings, (settings.seeds or (0,))[0]).arms
    return {name: arm for name, arm in arms.items() if arm.role in ("base", "trained")}


def _plain(arm: Arm) -> bool:
    """Can the arm be judged from completions alone, without other stop strings, another reading, or tasks shown?"""
    return not (arm.reading or arm.shots)


def _arm(claim: Claim, arms: Mapping[str, Arm], name: str) -> Arm:
    plain = {known: arm for known, arm in arms.items() if _plain(arm)}
    if name in arms and name not in plain:
        raise DataError(f"arm {name!r} of {claim.id} is read or asked in another way; give {', '.join(plain)} alone")
    if name not in plain:
        raise DataError(f"claim {claim.id}: no arm {name!r} to replay; it has {', '.join(map(repr, plain))}")
    return plain[name]


def _seeds(given: Sequence[Given]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(one.seed for one in given if one.seed))


class _Graded:
    """One arm's completions, graded as it is judged, and once more with their form forgiven."""

    def __init__(self, lab: RecordingLab, settings: Settings, given: Given, arm: Arm, format: str) -> None:
        self.given, self.arm = given, arm if arm.fixed else replace(arm, seed=given.seed)
        name = arm.benchmark or settings.benchmark
        self.bench, timeout = load_any(name), 0.0
        if given.source.own and not format:
            how = asking(settings, self.bench, "base" if arm.role == "base" else "trained", None)
            format, timeout = how.format, how.timeout_s
        self.format = format
        draws = 0 if arm.judged == "estimate" else arm.draws
        self.score = lab.score(name, given.source, format, draws=draws, timeout_s=timeout)
        self.forgiven = lab.score(name, given.source, tolerant(format), draws=draws) if self._has_form else None

    @property
    def _has_form(self) -> bool:
        return isinstance(self.bench, Benchmark) and not self.bench.unittest and self.arm.draws == 1

    @property
    def flags(self) -> list[bool]:
        """Per task: solved, as the arm is judged."""
        if self.arm.judged == "vote":
            return voted(self.score, self.format or self.bench.format)
        return self.score.oracle if self.arm.judged == "any" else self.score.flags

    @property
    def figure(self) -> float:
        if self.arm.judged != "estimate":
            return float(sum(self.flags))
        rows = zip(self.score.outcomes, self.score.passes, strict=True)
        return sum(pass_at_k(len(row), passes, self.arm.draws) for row, passes in rows)

    @property
    def reading(self) -> Reading:
        found = (self.given, self.arm, self.figure, len(self.bench.tasks))
        return Reading(*found, self.forgiven.solved, self._failures()) if self.forgiven else Reading(*found)

    def _failures(self) -> dict[str, int]:
        sides = [side(name) for name in self._classes()]
        return {name: sides.count(name) for name in ("form", "skill")}

    def _classes(self) -> Iterable[str]:
        assert isinstance(self.bench, Benchmark)
        assert isinstance(self.score, Score)
        assert isinstance(self.forgiven, Score)
        programs = [row[0] for row in programs_of(self.score)]
        rows = zip(self.bench.tasks, self.score.samples.completions, programs, strict=True)
        for place, (task, texts, code) in enumerate(rows):
            yield classify(task, texts[0].text, code, self.score.outcomes[place][0], self.forgiven.outcomes[place][0])


def programs_of(score: Score) -> list[list[str]]:
    """The programs that were graded, as the store has them."""
    import json

    return [json.loads(line) for line in score.artifact.text("programs.jsonl").split("\n") if line]


def _runs(graded: Sequence[_Graded]) -> list[Run]:
    """One run a seed. An arm with one file is in all of them; several files of an arm are one run each."""
    by_arm: dict[str, list[_Graded]] = {}
    for one in graded:
        by_arm.setdefault(one.given.name, []).append(one)
    count = max(map(len, by_arm.values()))
    if odd := next((name for name, files in by_arm.items() if len(files) not in (1, count)), None):
        raise DataError(
            f"arm {odd!r}: {len(by_arm[odd])} files where another arm has {count}; give one a seed, or just one"
        )
    return [_run([files[place % len(files)] for files in by_arm.values()]) for place in range(count)]


def _run(graded: Sequence[_Graded]) -> Run:
    scores = [one for one in graded if one.arm.judged != "estimate"]
    return Run(
        {one.given.name: one.figure for one in graded},
        {one.given.name: one.arm for one in graded},
        {one.given.name: one.flags for one in scores},
    )


def _judge(
    asked: Sequence[Check], contrast: Sequence[str], arms: Mapping[str, Arm], runs: Sequence[Run]
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Each check whose arms are there; of the others, what is missing."""
    parts, left = [], []
    if not runs[0].outcomes:
        raise DataError(f"{', '.join(runs[0].figures)}: only estimates; add an arm that is judged task by task")
    for check in asked:
        if check.name in ONLY_RUNS:
            left.append(f"{check.name}: needs a run of ours")
        elif missing := [name for name in _needed(check.name, contrast, arms) if name not in runs[0].figures]:
            left.append(f"{check.name}: no completions of {', '.join(missing)}")
        else:
            parts.append(check.judge(runs))
    if not parts:
        raise DataError(f"nothing can be judged from {', '.join(runs[0].figures)} alone: {'; '.join(left)}")
    return tuple(parts), tuple(left)


def _needed(check: str, contrast: Sequence[str], arms: Mapping[str, Arm]) -> Sequence[str]:
    """The arms that a check looks at."""
    if check in NEED_ALL:
        return tuple(arms)
    return contrast if check in ("contrast", "alive") else (check,)


def _lift(settings: Settings, graded: Sequence[_Graded]) -> Decomposition | None:
    """The contrast taken apart, where both of its arms are greedy answers in programs."""
    sides = [[one for one in graded if one.given.name == name and one.forgiven] for name in settings.contrast]
    if len(sides) != 2 or not all(sides) or sides[0][0].arm.role != "base":
        return None
    (base, *_), trained = sides
    forgiven = [one.forgiven.flags for one in (base, *trained) if one.forgiven]
    return decompose(base.flags, forgiven[0], [one.flags for one in trained], None, forgiven[1:])


def _result(
    claim: Claim, scale: Scale, settings: Settings, runs: Sequence[Run], parts: tuple[Part, ...],
    graded: Sequence[_Graded],
) -> Result:  # fmt: skip
    solved = solved_in(runs)
    facts: dict[str, Any] = {name: getattr(claim, name) for name in ("section", "title", "tier", "expects")}
    return Result(
        claim.id, scale, **facts, scale=scale, model=settings.model, paper=claim.published,
        effect=published.effect(claim.id), parts=parts, weights=REPLAYED,
        evidence=tuple(_evidence(one.arm, one.score) for one in graded), contrast=settings.contrast, solved=solved,
        log_e=log_e_of(solved, settings.contrast, claim.expects),
    )  # fmt: skip


def _evidence(arm: Arm, score: Score | AnswerScore) -> Evidence:
    return Evidence(arm, score.artifact.kind, score.artifact.id)
