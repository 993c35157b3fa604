"""Trusted workers as processes: started, fed with jobs, replaced when they hang, ended with all that is below them."""

from __future__ import annotations

import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from selfboot.errors import GradingError
from selfboot.grading.wire import Broken, FdStream, from_frame, to_frame
from selfboot.grading.worker import LOST

# No site-packages, nothing from the working folder or the caller's environment; a fixed order of sets of strings.
FLAGS = ("-s", "-S", "-P", "-X", "utf8", "-W", "ignore")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}


class Request(NamedTuple):
    """What a worker gets, its time-out, and what it gets beyond that before it is replaced (seconds)."""

    body: list[Any]
    timeout_s: float
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
        self.scratch = tempfile.mkdtemp(prefix="selfboot-grade-")
        self.options = {**options, "scratch": self.scratch}
        self.sock, worker_end = socket.socketpair()
        control, server_end = socket.socketpair()
        self.fork_server = self._python("fork_server", server_end)
        self.process = self._python("worker", worker_end, control)
        self.stream = FdStream(self.sock.fileno())
        self.index: int | None = None
        self.deadline = float("inf")
        self.tests: str | None = None
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
                [sys.executable, *FLAGS, "-c", code],
                env={**ENVIRONMENT, **home, **self.options["environment"]},
                cwd=self.scratch,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if module == "worker" else subprocess.DEVNULL,
                pass_fds=[end.fileno() for end in ends],
                process_group=0,
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
        if body[0] == "grade":  # the tests of a task travel once, not once a sample
            body = [*body[:3], None if body[3] == self.tests else body[3], *body[4:]]
            self.tests = request.body[3]
        self.index, self.deadline = index, time.monotonic() + request.timeout_s + request.grace_s
        self.stream.send(to_frame([*body, request.timeout_s]))

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
        shutil.rmtree(self.scratch, ignore_errors=True)


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

    def run(self, requests: Sequence[Request], progress: Callable[[int], None] | None = None) -> list[Reply]:
        """``progress`` is called in this thread with the number done. Raises ``GradingError`` when a worker ends."""
        if not self.workers:
            raise GradingError("this grader is closed; make a new one")
        replies: dict[int, Reply] = {}
        waiting = iter(range(len(requests)))
        try:
            with selectors.DefaultSelector() as selector:
                for worker in self.workers:
                    self._next(worker, waiting, requests, selector)
                while len(replies) < len(requests):
                    for worker, answered in ready(selector):
                        selector.unregister(worker.sock)
                        index = cast(int, worker.index)
                        replies[index], worker = self._collect(worker, requests[index], answered)
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

    def _collect(self, worker: WorkerProcess, request: Request, answered: bool) -> tuple[Reply, WorkerProcess]:
        if not answered:
            seconds = request.timeout_s + request.grace_s
            late = Reply("timeout", "TimeoutError: time limit exceeded in a test", None, seconds, None)
            return late, self._replace(worker)
        try:
            reply = Reply(*worker.receive())
        except Broken:
            raise GradingError(f"a grading worker ended while it judged {request.body[1][:80]!r}") from None
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
