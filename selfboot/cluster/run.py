"""Fill a run store with all that the chosen claims need: plan, hand out, plan again, until nothing is missing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from selfboot.cluster.graph import Job, Reader, Unit, plan
from selfboot.cluster.pools import Pool
from selfboot.cluster.work import Site
from selfboot.errors import SelfbootError, StoreError
from selfboot.newmodel.models import OpenLab
from selfboot.progress import Progress, Silent


@dataclass
class Filled:
    """How it went. ``seconds``: wall-clock; ``work``: the units' own; ``units``: by address; ``failed``: why."""

    seconds: float = 0.0
    work: float = 0.0
    units: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    retried: int = 0

    def __str__(self) -> str:
        lines = [
            f"{len(self.units)} units, {self.work:.0f} s of work in {self.seconds:.0f} s, {self.retried} tried again"
        ]
        lines += [f"  failed: {name}: {why}" for name, why in self.failed.items()]
        return "\n".join([*lines, *(f"  not planned: {name}: {why}" for name, why in self.problems.items())])


def fill(jobs: Sequence[Job], site: Site, pool: Pool, progress: Progress | None = None) -> Filled:
    """Make every artifact that the jobs need, each once. A unit that fails stops what needs it and nothing else."""
    return _Filling(jobs, site, pool, progress or Silent()).run()


class _Filling:
    """The state of one ``fill``."""

    def __init__(self, jobs: Sequence[Job], site: Site, pool: Pool, progress: Progress) -> None:
        self.jobs, self.site, self.pool, self.progress = list(jobs), site, pool, progress
        self.lab = OpenLab(reader(site), **site.options())
        self.known: dict[str, Unit] = {}
        self.waiting: set[str] = set()
        self.found = Filled()

    def run(self) -> Filled:
        began = time.perf_counter()
        for job in self.jobs:
            self._plan(job)
        while self.waiting:
            for unit, result in self.pool.finished():
                self._settle(unit, result)
        self.found.seconds = time.perf_counter() - began
        self.found.retried = self.pool.retried
        return self.found

    def _plan(self, job: Job) -> None:
        for unit in plan(job, self.lab):
            if unit.address in self.found.units:
                raise StoreError(
                    f"{unit} was made, but the store has no such artifact: the worker's versions of torch, "
                    "transformers or selfboot differ from those here, or it does not share the store"
                )
            if begun := self._begun(unit):
                job.wants = job.wants - {unit.address} | {begun}
            elif unit.address not in self.known:
                self.known[unit.address] = unit
                self.waiting.add(unit.address)
                self.pool.submit(unit)
        if job.problem:
            self.found.problems[job.name] = job.problem

    def _begun(self, unit: Unit) -> str:
        """The address under which the very same call is waited for, "" if it is not: it is half done perhaps."""
        return next((name for name in self.waiting if self.known[name].same_call(unit)), "")

    def _settle(self, unit: Unit, result: float | Exception) -> None:
        self.waiting.discard(unit.address)
        wanted_by = [job for job in self.jobs if unit.address in job.wants]
        if isinstance(result, Exception):
            self.found.failed[str(unit)] = f"{type(result).__name__}: {result}"
            for job in wanted_by:
                job.wants = set()  # given up; pytest will say what is the matter with it
            return
        self.found.units[unit.address] = result
        self.found.work += result
        for job in wanted_by:
            self._plan(job)
        self.progress.update(str(unit), len(self.found.units), len(self.known))


def reader(site: Site) -> Reader:
    """The site's store, to read from."""
    if not site.url:
        return Reader(site.root)
    from selfboot.cluster.remote import RemoteReader

    return RemoteReader(site.root, site.url)


def check(found: Filled) -> None:
    """Raise SelfbootError when units failed."""
    if found.failed:
        name, why = next(iter(found.failed.items()))
        raise SelfbootError(f"{len(found.failed)} units failed, the first: {name}: {why}")
