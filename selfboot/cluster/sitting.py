"""One sitting: in which order one process with one GPU does its cases, so that each model's engine starts once.

A GPU holds an engine or a training, never both. So the cases go model by model (``by_model``). Before the first case of
a model, everything that its cases train is trained in one process, and what they mine is mined by one engine
(``make_ahead``). Then one engine serves the base and all adapters, for all cases. All of it lies in the run store,
where the cases find it. It goes on with trainings, or with mining runs, as long as one more can be done: each change
ends a process and starts another.

What a case scores is drawn before its protocol runs (``score_ahead``), one draw after the other; what has been drawn is
graded on the CPU's cores while the engine draws the next.

A model whose cases mine their pairs has two engines: one that mines, and, after the training, one that scores. A miner
that trains between its rounds, and a retry with fresh seeds, start an engine for each training more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import TypeVar

from selfboot.cluster.graph import Job, Reader, Unit, plan
from selfboot.errors import SelfbootError
from selfboot.lab import Lab
from selfboot.protocols.dryrun import Verb

T = TypeVar("T")


def by_model(cases: Iterable[T], model: Callable[[T], str]) -> list[T]:
    """The cases model by model, in the order in which the models first come; else as they were."""
    cases = list(cases)
    order = {name: at for at, name in enumerate(dict.fromkeys(map(model, cases)))}
    return sorted(cases, key=lambda case: order[model(case)])


def make_ahead(lab: Lab, jobs: Sequence[Job], verbs: Sequence[Verb] = ("train", "mine")) -> int:
    """Train and mine all that the jobs need, as many trainings and then as many mining runs as possible in a row.
    Returns how many artifacts were made. Nothing is done for models that an engine does not have to end for.
    ``verbs``: what of it, and which of the two first.

    A unit that fails is left to its case, which fails in its turn and says why.
    """
    served = [job for job in jobs if lab.engines.trains_apart(lab.entry(job.settings.model))]
    reading, tried, verb = _reading(lab), set[str](), verbs[0]
    while ready := _ready(served, reading, tried, verbs):
        verb = verb if any(unit.verb == verb for unit in ready) else ready[0].verb
        for unit in (one for one in ready if one.verb == verb):
            tried.add(unit.address)
            _make(lab, unit)
    return len(tried)


def score_ahead(lab: Lab, jobs: Sequence[Job]) -> int:
    """Draw all that the jobs score, where a model's engine is a process of its own, and grade each draw while the next
    one is drawn. Returns how many scores that were. What fails is left to its case, as in ``make_ahead``."""
    served = [job for job in jobs if lab.engines.engine(lab.entry(job.settings.model)) == "vllm"]
    reading = _reading(lab)
    units: list[Unit] = []
    for unit in (unit for job in served for unit in plan(job, reading) if unit.verb.startswith("evaluate")):
        if not any(unit.same_call(other) for other in units):  # by address, two gradings of one draw would be one
            units.append(unit)
    with ThreadPoolExecutor(1) as grading:
        under_way = [_drawn(lab, unit) and grading.submit(_make, lab, unit) for unit in units]
        for one in under_way:
            if one:
                one.result()
    return len(units)


def _drawn(lab: Lab, unit: Unit) -> bool:
    """Draw what a score grades. Its grader starts here, not in the thread that grades."""
    try:
        lab.draw(*unit.args, **unit.options)
    except SelfbootError:
        return False
    return bool(lab.grader if unit.verb == "evaluate" else lab.answers)


def _reading(lab: Lab) -> Lab:
    """The same Lab over the same store, from which it only reads."""
    twin = copy(lab)
    twin.store = Reader(lab.store.root, lab.store.fresh_since)
    return twin


def _ready(jobs: Sequence[Job], reading: Lab, tried: set[str], verbs: Sequence[Verb]) -> list[Unit]:
    """What can be done now and was not tried, each once."""
    ready = {unit.address: unit for job in jobs for unit in plan(job, reading, verbs)}
    return [unit for address, unit in ready.items() if address not in tried]


def _make(lab: Lab, unit: Unit) -> None:
    try:
        getattr(lab, unit.verb)(*unit.args, **unit.options)
    except SelfbootError as error:
        lab.progress.update(f"{unit}: {error}", 1, 1)
