"""Trying a new machine (`selfboot run --smoke`): does each part work before the hours begin?

Known answers first. Canonical solutions must pass and empty functions fail. Recorded completions of our own mini model
must be judged as they were, be drawn again, and its training must take the recorded steps. Then every chosen model, on
``TASKS`` tasks of a claim of its own: the first steps of a training, an adapter, one engine that serves base and
adapter, grading, and a store that gives it all back.

Each ``Proof`` is one thing that was tried. Nothing is judged by a claim's bands, and all of it is done anew each time,
in a run store that is thrown away.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import Benchmark, split_name
from selfboot.errors import DataError
from selfboot.formats import code_format
from selfboot.formats.examples import training_example
from selfboot.lab import Adapter, AnswerScore, Lab, Score
from selfboot.models.load import load_tokenizer
from selfboot.paths import MEASURED, require
from selfboot.records import CodeJob, Outcome, Sampling
from selfboot.registry import Claim, Scale, Settings, recipes
from selfboot.store import write_atomic
from selfboot.training.recipe import Recipe
from selfboot.training.trajectory import Job, Step, apart, differs

OWN = "organism-0"  # the model whose completions and training are recorded
TASKS, PAIRS, SEED = 8, 8, 7
READINGS = ("chat", "raw-tolerant")  # how its recorded completions are asked for and read
RECORDED = "minieval::10"
FLIPS = 2  # recorded completions that another machine may draw otherwise: near ties, by rounding
CLOSE = {"cpu": 1e-3, "cuda": 0.05}  # how far from the recorded step: float32, bfloat16


@dataclass(frozen=True)
class Proof:
    """One thing that was tried: ``ok``, what was ``found``, and in how many seconds."""

    name: str
    ok: bool
    found: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Completion:
    """A recorded completion and its verdict."""

    reading: str
    task: str
    text: str
    token_hash: str
    passed: bool


@dataclass(frozen=True)
class Record:
    """What is known of a model: completions, and the first ``steps`` of its training by ``recipe`` on the first ones
    of ``pairs``."""

    completions: tuple[Completion, ...]
    recipe: str
    pairs: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Subject:
    """A model to try, on a benchmark and (where a claim trains it) on pairs of a claim of its own."""

    model: str
    benchmark: str
    recipe: str = ""
    pairs: str = ""


def subjects(claims: Iterable[Claim], scale: Scale) -> list[Subject]:
    """Every model that the claims name, each once, on one of its benchmarks; as a claim trains it, where one does."""
    found: dict[str, Subject] = {}
    for settings in (claim.scales[scale] for claim in claims if scale in claim.scales):
        trains = bool(settings.recipe and settings.pairs)
        if settings.model not in found or (trains and not found[settings.model].recipe):
            found[settings.model] = _subject(settings, trains)
    return list(found.values())


def _subject(settings: Settings, trains: bool) -> Subject:
    part = f"{split_name(settings.benchmark)[0]}:{TASKS}"
    return Subject(settings.model, part, *((settings.recipe, settings.pairs) if trains else ()))


# What is recorded


def record_path(model: str) -> Path:
    """Where a model's record is."""
    return MEASURED / "smoke" / f"{model}.json"


def read_record(model: str) -> Record | None:
    """A model's record, if there is one; DataError for a damaged one."""
    path = record_path(model)
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        completions = tuple(Completion(**one) for one in found["completions"])
        return Record(completions, found["recipe"], found["pairs"], tuple(Step(**one) for one in found["steps"]))
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: no record of a model ({error}); restore the file from the repository") from None


def record(lab: Lab) -> Path:
    """Write the mini model's record anew, from this machine."""
    scores = {reading: _own(lab, reading) for reading in READINGS}
    completions = [
        Completion(reading, task, row[0].text, row[0].token_hash, outcomes[0].passed)
        for reading, score in scores.items()
        for task, row, outcomes in zip(score.tasks, score.samples.completions, score.outcomes, strict=True)
    ]
    subject = Subject(OWN, RECORDED, "mini", "self-mined")
    made = Record(tuple(completions), subject.recipe, subject.pairs, tuple(first_steps(lab, subject)))
    path = require(MEASURED, "measured results") / "smoke" / f"{OWN}.json"
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, (json.dumps(asdict(made), indent=1, ensure_ascii=False) + "\n").encode())
    return path


def _own(lab: Lab, reading: str) -> Score:
    return lab.evaluate(OWN, RECORDED, format=reading)


# The proofs


def prove(lab: Lab, chosen: Sequence[Subject]) -> Iterator[Proof]:
    """Every proof, as it is done. What ends with an error, of ours or of a library, is a failed proof."""
    known = read_record(OWN)
    if known is None:
        raise DataError(f"{record_path(OWN)} is missing; restore it from the repository")
    for name in dict.fromkeys([RECORDED, *(one.benchmark for one in chosen)]):
        yield from _tried(f"{name}: known solutions", partial(canonical, lab, name))
    yield from _tried("recorded completions: judged again", lambda: judged_again(lab, known))
    if lab.weights == "trained":  # random weights neither say nor learn what was recorded
        yield from _as_recorded(lab, known, any(one.model == OWN and one.recipe for one in chosen))
    for one in chosen:
        yield from _of_model(lab, one)


def _as_recorded(lab: Lab, known: Record, trained_later: bool) -> Iterator[Proof]:
    """The mini model, whatever the chosen claims' models are: it says and learns what was recorded."""
    yield from _tried("recorded completions: drawn again", lambda: drawn_again(lab, known))
    if not trained_later:
        yield from _tried(f"{OWN}: first steps of a training", lambda: steps_again(lab, Subject(OWN, RECORDED), known))


def _of_model(lab: Lab, one: Subject) -> Iterator[Proof]:
    made: list[Adapter] = []
    if one.recipe:
        found = read_record(one.model)
        yield from _tried(f"{one.model}: first steps of a training", lambda: steps_again(lab, one, found))
        yield from _tried(f"{one.model}: adapter", lambda: trained(lab, one, made))
    yield from _tried(f"{one.model}: engine and grading", lambda: served(lab, one, made))
    yield from _tried(f"{one.model}: store", lambda: stored(lab, one))


def _tried(name: str, prove_it: Callable[[], tuple[bool, str]]) -> Iterator[Proof]:
    began = time.perf_counter()
    try:
        ok, found = prove_it()
    except Exception as error:  # on a new machine anything may be wrong; the next proof is tried all the same
        ok, found = False, f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"
    yield Proof(name, ok, found, time.perf_counter() - began)


def canonical(lab: Lab, name: str) -> tuple[bool, str]:
    """Canonical programs pass, and functions that return nothing fail; a problem's own answer is right."""
    bench = lab.benchmark(name)
    if not isinstance(bench, Benchmark):
        golds = [task.answer for task in bench.tasks]
        outcomes = lab.answers.grade([(_said(gold), gold) for gold in golds], _style(bench.format))
        right = sum(one.lenient for one in outcomes)
        return right == len(golds), f"{right} of {len(golds)} answers of their own are right"
    right = sum(one.passed for one in _graded(lab, bench, [task.prompt + task.canonical for task in bench.tasks]))
    empty = [f"def {task.entry_point}(*args, **kwargs):\n    return None\n" for task in bench.tasks]
    wrong = sum(one.passed for one in _graded(lab, bench, empty))
    total = len(bench.tasks)
    return right == total and not wrong, f"{right} of {total} canonical solutions pass, {wrong} empty functions do"


def _said(answer: str) -> str:
    return answer if "####" in answer else f"The answer is \\boxed{{{answer}}}.\n#### {answer}"


def _style(format: str) -> Any:
    from selfboot.formats import answer_format

    return answer_format(format).style


def _graded(lab: Lab, bench: Benchmark, programs: Sequence[str]) -> list[Outcome]:
    jobs = [
        CodeJob(program, task.entry_point, bench.tests(task))
        for task, program in zip(bench.tasks, programs, strict=True)
    ]
    return list((lab.grader.grade_unittests if bench.unittest else lab.grader.grade)(jobs))


def judged_again(lab: Lab, known: Record) -> tuple[bool, str]:
    """The recorded texts get the recorded verdicts."""
    bench = lab.benchmark(RECORDED)
    assert isinstance(bench, Benchmark)
    tasks = {task.task_id: task for task in bench.tasks}
    rows = [(one, tasks[one.task], code_format(one.reading)) for one in known.completions]
    jobs = [CodeJob(form.program(task, one.text), task.entry_point, bench.tests(task)) for one, task, form in rows]
    same = sum(outcome.passed == one.passed for outcome, (one, *_) in zip(lab.grader.grade(jobs), rows, strict=True))
    passing = sum(one.passed for one in known.completions)
    return same == len(rows), f"{same} of {len(rows)} verdicts as recorded ({passing} of them pass)"


def drawn_again(lab: Lab, known: Record) -> tuple[bool, str]:
    """The mini model, drawn by this machine's engine for it, says what it said."""
    now = [(reading, _own(lab, reading)) for reading in READINGS]
    hashes = {(reading, task): row[0].token_hash for reading, score in now
              for task, row in zip(score.tasks, score.samples.completions, strict=True)}  # fmt: skip
    other = sum(hashes[one.reading, one.task] != one.token_hash for one in known.completions)
    total = len(known.completions)
    return other <= FLIPS, f"{total - other} of {total} to the token ({FLIPS} may differ, by rounding)"


def first_steps(lab: Lab, one: Subject) -> list[Step]:
    """The first steps of the subject's training, in a process of its own."""
    entry, settings = lab.entry(one.model), dict(recipes()[one.recipe])
    spec = lab.spec(one.model)
    form, eos = settings.pop("pair_format"), load_tokenizer(spec).eos_token
    pairs = lab.pairs(one.model, one.pairs)[:PAIRS]
    examples = tuple(training_example(pair, form, lab.chat(one.model), eos) for pair in pairs)
    lab.engines.leave_gpu()
    where, gpus = lab.engines.device_of(entry), lab.engines.training_gpus(entry)
    return apart(Job(spec, examples, Recipe(**settings), SEED, where, gpus=gpus))


def steps_again(lab: Lab, one: Subject, known: Record | None) -> tuple[bool, str]:
    """The first steps are finite, and the recorded ones where some are."""
    subject = replace(one, recipe=known.recipe, pairs=known.pairs) if known else one
    steps = first_steps(lab, subject)
    said = "; ".join(f"loss {step.loss:.4f}, gradient {step.norm:.4f}" for step in steps)
    if not all(math.isfinite(step.loss) and math.isfinite(step.norm) and step.norm > 0 for step in steps):
        return False, said
    if known is None or lab.weights == "random":
        return True, f"{said} (nothing recorded to compare with)"
    device = lab.engines.device_of(lab.entry(one.model)).partition(":")[0]
    wrong = differs(steps, known.steps, CLOSE[device])
    return not wrong, wrong or f"{len(steps)} as recorded, within {CLOSE[device]:g}: {said}"


def trained(lab: Lab, one: Subject, made: list[Adapter]) -> tuple[bool, str]:
    """An adapter comes out; it is left in ``made``."""
    pairs = lab.pairs(one.model, one.pairs)[:PAIRS]
    made.append(lab.train(one.model, pairs, one.recipe, SEED))
    losses = made[0].artifact.manifest["provenance"]["training"]["losses"]
    said = f"{len(losses)} steps on {len(pairs)} pairs, loss {losses[0]:.3f} → {losses[-1]:.3f}"
    return all(map(math.isfinite, losses)), said


def served(lab: Lab, one: Subject, made: Sequence[Adapter]) -> tuple[bool, str]:
    """One engine draws from the base and from the adapter, and all of it is graded."""
    began, parts, drawn = time.perf_counter(), [], 0
    for name, adapter in (("base", None), *(("adapter", adapter) for adapter in made)):
        score = _scored(lab, one, adapter)
        rows = [row[0] for row in score.samples.completions]
        drawn += sum(row.tokens for row in rows)
        parts.append(f"{name} {score.solved} of {len(rows)}")
    rate = drawn / max(time.perf_counter() - began, 1e-9)
    engine = lab.engines.engine(lab.entry(one.model))
    return drawn > 0, f"{', '.join(parts)}; {drawn} tokens by {engine}, {rate:.0f} a second with start and grading"


def stored(lab: Lab, one: Subject) -> tuple[bool, str]:
    """The same question again is answered by the store, without an engine."""
    lab.engines.close()
    score = _scored(lab, one, None)
    started = lab.engines.starts["engine"] + lab.engines.held
    return score.artifact.cached and not started, "read again, no engine started"


def _scored(lab: Lab, one: Subject, adapter: Adapter | None) -> Score | AnswerScore:
    bench = lab.benchmark(one.benchmark)
    ask = lab.evaluate if isinstance(bench, Benchmark) else lab.evaluate_answers
    return ask(one.model, one.benchmark, adapter=adapter, sampling=Sampling(bench.tokens))
