"""Grading of model-written programs: isolated, fast, and honest about how isolated.

    with CodeGrader() as grader:
        outcomes = grader.grade([CodeJob(program, "add", "assert add(1, 2) == 3")])

The tests never enter the process that runs the program. See worker.py for the verdict, kernel.py for the isolation.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from selfboot.errors import GradingError
from selfboot.grading.wire import Broken, SocketStream, from_frame, to_frame
from selfboot.records import CodeJob, Outcome, Status

ROOT = str(Path(__file__).resolve().parents[2])
TIMEOUT_S = 3.0
GRACE_S = 0.3  # what a worker gets beyond the time-out before it is replaced


class WorkerProcess:
    """One trusted worker: a process, a socket, and the job it has in hand."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.sock, theirs = socket.socketpair()
        call = f"worker.main({theirs.fileno()}, {options!r})"
        code = f"import sys; sys.path.insert(0, {options['root']!r}); from selfboot.grading import worker; {call}"
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", code],
            env={"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        self.index: int | None = None
        self.deadline = float("inf")

    def receive(self) -> Any:
        return from_frame(SocketStream(self.sock, time.monotonic() + 10).recv())

    def start(self, index: int, job: list[Any]) -> None:
        self.index, self.deadline = index, time.monotonic() + job[-1] + GRACE_S
        SocketStream(self.sock, time.monotonic() + 10).send(to_frame(job))

    def close(self) -> None:
        self.sock.close()
        try:
            self.process.wait(timeout=5 if self.index is None else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class CodeGrader:
    """Judges programs in parallel on ``workers`` trusted workers (default: one a usable core).

    ``timeout_s``: wall-clock seconds a program may take, tests included; ``None``: calibrated. ``memory_mb``: address
    space of a program. ``isolation``: "auto" (the strongest that this machine has) or the name of a level (kernel.py).
    Raises ``UnavailableError`` when the machine lacks what a named level needs.
    """

    def __init__(
        self,
        workers: int | None = None,
        timeout_s: float | None = None,
        memory_mb: int = 1024,
        isolation: str = "auto",
    ) -> None:
        self.timeout_s = timeout_s or TIMEOUT_S
        self.options = {"root": ROOT, "memory_mb": memory_mb, "file_mb": 1, "writable": [], "readable": [], "worker_memory_mb": 4096, "isolation": isolation}
        count = workers or len(os.sched_getaffinity(0))
        self.workers = [WorkerProcess(self.options) for _ in range(count)]
        self.manifest: dict[str, str] = next(iter([worker.receive() for worker in self.workers]))

    def __enter__(self) -> CodeGrader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process of the grader; may be called twice."""
        workers, self.workers = self.workers, []
        for worker in workers:
            worker.close()

    def grade(self, jobs: Sequence[CodeJob], progress: Callable[[int], None] | None = None) -> list[Outcome]:
        """Outcomes in the order of ``jobs``. ``progress`` is called with the number of jobs done, in this thread.

        Raises ``GradingError`` when the grader itself fails; a program can only fail its own job.
        """
        outcomes: dict[int, Outcome] = {}
        waiting = iter(range(len(jobs)))
        with selectors.DefaultSelector() as selector:
            for worker in self.workers:
                self._next(worker, waiting, jobs, selector)
            while len(outcomes) < len(jobs):
                for worker in self._ready(selector):
                    index = cast(int, worker.index)
                    selector.unregister(worker.sock)
                    outcomes[index], worker = self._collect(worker, jobs[index])
                    self._next(worker, waiting, jobs, selector)
                    if progress is not None:
                        progress(len(outcomes))
        return [outcomes[index] for index in range(len(jobs))]

    def _ready(self, selector: selectors.BaseSelector) -> list[WorkerProcess]:
        now = time.monotonic()
        busy: list[WorkerProcess] = [key.data for key in selector.get_map().values()]
        events = selector.select(max(min(worker.deadline for worker in busy) - now, 0))
        return [key.data for key, _ in events] or [w for w in busy if w.deadline <= time.monotonic()]

    def _next(
        self, worker: WorkerProcess, waiting: Any, jobs: Sequence[CodeJob], selector: selectors.BaseSelector
    ) -> None:
        index = next(waiting, None)
        if index is None:
            worker.index, worker.deadline = None, float("inf")
            return
        job = jobs[index]
        timeout = job.timeout_s or self.timeout_s
        worker.start(index, [job.program, job.entry_point, job.tests, job.trusted_tests, timeout])
        selector.register(worker.sock, selectors.EVENT_READ, worker)

    def _collect(self, worker: WorkerProcess, job: CodeJob) -> tuple[Outcome, WorkerProcess]:
        if worker.deadline <= time.monotonic():
            seconds = job.timeout_s or self.timeout_s
            return Outcome("timeout", "TimeoutError: time limit exceeded", None, seconds), self._replace(worker)
        try:
            status, detail, line, seconds = worker.receive()
        except Broken:
            self._replace(worker)
            raise GradingError(
                f"a grading worker ended while it judged {job.entry_point!r}: {job.program[:80]!r}"
            ) from None
        return Outcome(cast(Status, status), detail, line, seconds), worker

    def _replace(self, worker: WorkerProcess) -> WorkerProcess:
        with contextlib.suppress(OSError):
            worker.process.kill()
        worker.close()
        fresh = WorkerProcess(self.options)
        fresh.receive()
        self.workers[self.workers.index(worker)] = fresh
        return fresh
