"""Where units run: processes of this machine, or a Ray cluster. Both give units back as they finish or fail.

A worker that is lost (killed, out of memory, its machine gone) loses no finished work, and not even a started training:
checkpoints lie in the store. Its unit is tried again, ``RETRIES`` times.

On a cluster's GPUs a process does many units of one model in a row (``batches``): its trainings, and when they are done
all that it draws, so that one process reads its base and one engine starts.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Protocol

from selfboot.cluster.graph import Unit
from selfboot.cluster.work import Result, Site, do, do_all
from selfboot.errors import SelfbootError, UnavailableError

RETRIES = 3
WORKER = ("its process", "look for a lack of memory")  # what died, and what to do about it
RAY = ("Ray itself, where it ran,", "its logs say why (session_latest/logs in Ray's folder, /tmp/ray by default)")
Work = Callable[[Unit, Site], float]
Finished = tuple[Unit, Result]  # seconds, or why it failed for good


class Pool(Protocol):
    """Takes units; ``finished`` waits for the next ones."""

    @property
    def retried(self) -> int: ...

    def submit(self, unit: Unit) -> None: ...

    def finished(self) -> Iterator[Finished]: ...

    def close(self) -> None: ...


class Tries:
    """How often each unit's worker was lost."""

    def __init__(self) -> None:
        self.retried = 0
        self.lost: dict[str, int] = {}

    def given_up(self, unit: Unit, dead: tuple[str, str] = WORKER) -> SelfbootError | None:
        """A worker of the unit was lost: why it is not tried again, if it is not."""
        self.lost[unit.address] = self.lost.get(unit.address, 0) + 1
        if self.lost[unit.address] > RETRIES:
            return SelfbootError(f"{unit}: {dead[0]} died {RETRIES + 1} times; {dead[1]}")
        self.retried += 1
        return None


def batches(queued: Sequence[Unit], training: Collection[str] = ()) -> list[list[Unit]]:
    """Units of GPU models as they are to be handed out: a model's trainings together; all that it draws together, once
    none of its trainings is queued or (``training``: models) under way."""
    groups: dict[tuple[str, bool], list[Unit]] = {}
    for unit in queued:
        groups.setdefault((unit.model, unit.verb == "train"), []).append(unit)
    held = {model for model, trains in groups if trains} | set(training)
    return [units for (model, trains), units in groups.items() if trains or model not in held]


class Processes(Tries):
    """``count`` processes of this machine, each doing ``work``."""

    def __init__(self, site: Site, count: int, work: Work = do) -> None:
        super().__init__()
        self.site, self.count, self.work = site, count, work
        self.running: dict[Future[float], Unit] = {}
        self.pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.count, mp_context=get_context("spawn"))

    def submit(self, unit: Unit) -> None:
        """Queue a unit."""
        self.running[self.pool.submit(self.work, unit, self.site)] = unit

    def finished(self) -> Iterator[Finished]:
        """At least one unit that came to an end, unless a lost process set all back."""
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        lost: list[Unit] = []
        for future in done:
            unit, error = self.running.pop(future), future.exception()
            if isinstance(error, BrokenProcessPool):
                lost.append(unit)
            else:
                yield unit, error if isinstance(error, Exception) else future.result()
        if lost:
            yield from self._again(lost)

    def _again(self, lost: list[Unit]) -> Iterator[Finished]:
        """One killed process breaks the whole pool: a new one takes all that was queued or running."""
        lost += [self.running.pop(future) for future in list(self.running)]
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.pool = self._start()
        for unit in lost:
            if why := self.given_up(unit):
                yield unit, why
            else:
                self.submit(unit)

    def close(self) -> None:
        """End the processes."""
        self.pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class _Lost:
    """A task's worker is gone: what died, and what to do about it."""

    dead: tuple[str, str]


def _options(units: Sequence[Unit]) -> dict[str, Any]:
    """Ray's options for a task that does these units."""
    name = f"{units[0]}, and {len(units) - 1} more" if len(units) > 1 else str(units[0])
    return {"num_cpus": 1, "num_gpus": units[0].gpus, "max_retries": 0, "name": name}


class Cluster(Tries):
    """A Ray cluster at ``address`` ("local": one is started here; "auto": the one that this machine is part of).

    Every machine needs this package installed and the store's path or URL in reach. A unit takes one core; units of a
    model that needs GPUs wait in ``queued`` until a batch of them takes those GPUs.
    """

    def __init__(self, site: Site, address: str, work: Work = do) -> None:
        super().__init__()
        try:
            import ray  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise UnavailableError("--ray needs Ray: pip install 'selfboot[cluster]'") from None
        self.ray, self.site = ray, site
        self.running: dict[Any, tuple[Unit, ...]] = {}
        self.queued: list[Unit] = []
        self.started = not ray.is_initialized()
        if self.started:  # no address at all would join whatever cluster ran here last
            self._join(address)
        self.task = ray.remote(work)
        self.many = ray.remote(lambda units, site: do_all(units, site, work))

    def _join(self, address: str) -> None:
        """Start Ray here, or join a cluster. UnavailableError when it cannot be done, with Ray's own words."""
        try:
            self.ray.init(address, log_to_driver=False, logging_level=logging.WARNING, include_dashboard=None)
        except Exception as error:  # it raises many kinds: no cluster, an old one, no room, a process that ended
            words = " ".join(str(error).split())[:300]
            raise UnavailableError(
                f"--ray {address}: Ray cannot start or be joined ({type(error).__name__}: {words}); correct the "
                "address, or look into its logs (session_latest/logs in Ray's folder, /tmp/ray by default)"
            ) from None

    def submit(self, unit: Unit) -> None:
        """Queue a unit. Retries are ours, so that they are counted."""
        if unit.gpus:
            self.queued.append(unit)
        else:
            self.running[self.task.options(**_options((unit,))).remote(unit, self.site)] = (unit,)

    def _hand_out(self) -> None:
        """Give the batches that can be done now to the cluster."""
        training = {unit.model for units in self.running.values() for unit in units if unit.verb == "train"}
        for batch in batches(self.queued, training):
            taken = {unit.address for unit in batch}
            self.queued = [unit for unit in self.queued if unit.address not in taken]
            self.running[self.many.options(**_options(batch)).remote(batch, self.site)] = tuple(batch)

    def finished(self) -> Iterator[Finished]:
        """The next units that came to an end, unless their worker or machine was lost: then they are queued again."""
        self._hand_out()
        done, _ = self.ray.wait(list(self.running), num_returns=1)
        for reference in done:
            units = self.running.pop(reference)
            for unit, result in zip(units, self._results(reference, len(units)), strict=True):
                if not isinstance(result, _Lost):
                    yield unit, result
                elif why := self.given_up(unit, result.dead):
                    yield unit, why
                else:
                    self.submit(unit)

    def _results(self, reference: Any, count: int) -> Sequence[Result | _Lost]:
        """What came of a task's units; the same for all of them where the task itself failed."""
        errors = self.ray.exceptions
        ended = (errors.NodeDiedError, errors.LocalRayletDiedError)
        try:
            found = self.ray.get(reference)
            return found if isinstance(found, list) else [float(found)]
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, *ended) as error:
            return [_Lost(RAY if isinstance(error, ended) else WORKER)] * count
        except errors.RayError as error:
            cause = getattr(error, "cause", None)
            return [cause if isinstance(cause, Exception) else error] * count

    def close(self) -> None:
        """Leave the cluster, if it was joined here."""
        if self.started:
            self.ray.shutdown()


def open_pool(site: Site, ray: str = "", processes: int = 0) -> Pool:
    """The pool that is asked for: a cluster's address, or so many processes (0: one a core)."""
    return Cluster(site, ray) if ray else Processes(site, processes or os.cpu_count() or 1)
