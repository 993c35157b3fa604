"""Trusted workers as processes: started, fed with jobs, replaced when they hang, ended with all that is below them.

No job ends a run. One whose worker ended, or that wanted to compute and could not, is judged again when all others are
done and nothing else runs here; what comes out then stands.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple, cast

from selfboot.errors import GradingError
from selfboot.grading.scratch import Scratch
from selfboot.grading.usage import cpu_seconds
from selfboot.grading.wire import Broken, FdStream, from_frame, to_frame
from selfboot.grading.worker import LOST, STARVED, starved

# No site-packages, nothing from the working folder or the caller's environment; a fixed order of sets of strings.
FLAGS = ("-s", "-S", "-P", "-X", "utf8", "-W", "ignore")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}


class Limit(NamedTuple):
    """Seconds that a program may take, its tests included: of CPU time, and by the clock on the wall."""

    cpu_s: float
    wall_s: float


class Request(NamedTuple):
    """What a worker gets, its limit, and how many seconds it gets beyond that before it is replaced."""

    body: list[Any]
    limit: Limit
    grace_s: float


class Reply(NamedTuple):
    """What a worker answers (worker.py); ``extra`` depends on the kind of job."""

    status: str
    detail: str
    line: int | None
    seconds: float
    extra: Any


class WorkerProcess:
    """One trusted worker and its fork server: two processes that this one waits for, and the job in hand."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.folder = Scratch()
        self.scratch = str(self.folder.path)
        self.options = {**options, "scratch": self.scratch}
        self.sock, worker_end = socket.socketpair()
        control, server_end = socket.socketpair()
        self.fork_server = self._python("fork_server", server_end)
        self.options["fork_server"] = self.fork_server.pid
        self.process = self._python("worker", worker_end, control)
        self.stream = FdStream(self.sock.fileno())
        self.index: int | None = None
        self.deadline = float("inf")
        self.cpu_start = 0.0
        self.tests: list[Any] | None = None
        self.report: dict[str, str] | None = None
        self.owner = os.getpid()

    def _python(self, module: str, *ends: socket.socket) -> subprocess.Popen[bytes]:
        """Start ``selfboot.grading.<module>.main`` with ``ends``, which are closed here, and the options."""
        call = f"{module}.main({', '.join(str(end.fileno()) for end in ends)}, {self.options!r})"
        code = (
            f"import sys; sys.path.insert(0, {self.options['root']!r}); from selfboot.grading import {module}; {call}"
        )
        if not self.options["roomy"]:  # no hooks for threads and random: they cost a child a hundred pages, for nothing
            code = f"import os; os.register_at_fork = lambda **_: None; {code}"
        home = {"HOME": self.scratch, "TMPDIR": self.scratch}
        try:
            return subprocess.Popen(
                [self.options["python"] if module == "fork_server" else sys.executable, *FLAGS, "-c", code],
                env={**ENVIRONMENT, **home, **self.options["environment"]},
                cwd=self.scratch,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if module == "worker" else subprocess.DEVNULL,
                pass_fds=[end.fileno() for end in ends],
                process_group=None if self.options["roomy"] else 0,  # a session has a group of its own
                # Where the kernel shares out cores by session, one of its own costs every change of process; where
                # programs may start many processes, it keeps them from outnumbering their worker.
                start_new_session=self.options["roomy"],
            )
        finally:
            for end in ends:
                end.close()

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
        body = request.body
        if body[0] in ("grade", "measure"):  # the tests of a task travel once, not once a sample
            known = body[3:] == self.tests
            body = [*body[:3], *((None, body[4], None) if known else body[3:])]
            self.tests = request.body[3:]
        self.index, self.deadline = index, time.monotonic() + request.limit.wall_s + request.grace_s
        self.cpu_start = cpu_seconds(self.process.pid)
        self.stream.send(to_frame([*body, request.limit]))

    def late(self, request: Request) -> Reply:
        """What to say of a job whose worker does not answer: a test computes on what the program returned."""
        seconds = request.limit.wall_s + request.grace_s
        used = cpu_seconds(self.process.pid) - self.cpu_start
        again = STARVED if starved(used, request.limit.cpu_s) else None
        return Reply("timeout", "TimeoutError: time limit exceeded in a test", None, seconds, again)

    def close(self) -> None:
        """End the worker and all below it; returns when they are gone. In a forked copy of this process: nothing."""
        if self.owner != os.getpid() or self.sock.fileno() < 0:
            return
        self.sock.close()
        if self.index is not None:
            self.process.kill()  # in the middle of a job; its fork server notices, ends its children and goes
        for process in (self.process, self.fork_server):
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.folder.remove()


class Pool:
    """Workers with the same options. A job goes to the first that is free; answers come in the order of the jobs."""

    def __init__(self, options: dict[str, Any], count: int) -> None:
        self.options = options
        self.workers: list[WorkerProcess] = []
        try:
            self.workers.extend(WorkerProcess(options) for _ in range(count))
            self.report = [worker.greet() for worker in self.workers][0]  # noqa: RUF015 - all of them greet
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        while self.workers:
            self.workers.pop().close()

    def run(self, requests: Sequence[Request], done: Callable[[int, Reply], None] | None = None) -> list[Reply]:
        """Replies in the order of ``requests``. ``done`` is called in this thread with each one and its place.

        Raises ``GradingError`` when this grader is closed, or when workers cannot be started any more.
        """
        if not self.workers:
            raise GradingError("this grader is closed; make a new one")
        replies: dict[int, Reply] = {}
        again: list[int] = []

        def final(index: int, reply: Reply) -> None:
            replies[index] = reply
            if done is not None:
                done(index, reply)

        with closing(self._replies(self.workers, range(len(requests)), requests)) as found:
            for index, reply in found:
                if reply.extra in (LOST, STARVED):
                    again.append(index)
                else:
                    final(index, reply)
        with closing(self._replies(self.workers[:1], again, requests)) as found:
            for index, reply in found:
                final(index, reply)
        return [replies[index] for index in range(len(requests))]

    def _replies(
        self, workers: Sequence[WorkerProcess], indices: Sequence[int], requests: Sequence[Request]
    ) -> Generator[tuple[int, Reply], None, None]:
        """The replies to the requests of these indices, as they come; however this ends, no job is left running."""
        waiting = iter(indices)
        try:
            with selectors.DefaultSelector() as selector:
                for worker in workers:
                    self._next(worker, waiting, requests, selector)
                while selector.get_map():
                    for worker, answered in ready(selector):
                        selector.unregister(worker.sock)
                        index = cast(int, worker.index)
                        reply, worker = self._collect(worker, requests[index], answered)
                        self._next(worker, waiting, requests, selector)
                        yield index, reply
        finally:
            for worker in [worker for worker in self.workers if worker.index is not None]:
                self._replace(worker)

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
            worker.index = index
            with suppress(Broken):  # ended between two jobs: seen where its answer is read
                worker.start(index, requests[index])
            selector.register(worker.sock, selectors.EVENT_READ, worker)

    def _collect(self, worker: WorkerProcess, request: Request, answered: bool) -> tuple[Reply, WorkerProcess]:
        if not answered:
            return worker.late(request), self._replace(worker)
        try:
            reply = Reply(*worker.receive())
        except Broken:
            reply = Reply("error", "GraderError: the worker ended while the program was judged", None, 0.0, LOST)
        return reply, self._replace(worker) if reply.extra == LOST else worker

    def _replace(self, worker: WorkerProcess) -> WorkerProcess:
        place = self.workers.index(worker)
        worker.close()
        fresh = self.workers[place] = WorkerProcess(self.options)  # greeted when it gets its first job
        return fresh


def ready(selector: selectors.BaseSelector) -> list[tuple[WorkerProcess, bool]]:
    """Workers that have answered, else those past their deadline (perhaps none); and which it is."""
    busy: list[WorkerProcess] = [key.data for key in selector.get_map().values()]
    events = selector.select(max(min(worker.deadline for worker in busy) - time.monotonic(), 0))
    answered = [(cast(WorkerProcess, key.data), True) for key, _ in events]
    return answered or [(worker, False) for worker in busy if worker.deadline <= time.monotonic()]
