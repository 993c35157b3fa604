"""The trusted process that holds benchmark tests and decides. One a core; each drives a fork server of its own.

Jobs and outcomes are frames on the descriptor that the grader passed: ``[kind, ..., timeout_s]`` in,
``[status, detail, line, seconds, extra]`` out. Kinds: ``grade`` (program, entry point, tests or ``None`` for the same
tests as before, trusted), ``call`` (program, entry point, encoded inputs) and ``unittest`` (program, tests).
"""

from __future__ import annotations

import collections
import json
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from selfboot.grading import tester
from selfboot.grading.tester import Tests, Verdict
from selfboot.grading.wire import Broken, FdStream, Peer, clean, from_frame, to_frame

MAX_PROGRAM = 1 << 20  # characters
MAX_TESTS_KEPT = 512
STATUSES = frozenset(("passed", "wrong", "error", "timeout", "memory", "blocked", "closed"))
ALARM_AGAIN_S = 0.05  # the alarm repeats, should its first exception get lost
LOST = "fork server lost"  # asks the grader for a replacement
LATE = "TimeoutError: time limit exceeded"


def main(fd: int, control_fd: int, options: dict[str, Any]) -> None:
    """Serve until the grader closes its end of ``fd``; ``control_fd`` leads to the fork server."""
    grader = FdStream(fd)
    limit = options["worker_memory_mb"] << 20
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    worker = Worker(ForkServer(control_fd), options)
    grader.send(to_frame(worker.fork_server.report))
    try:
        while True:
            grader.send(to_frame(worker.work(from_frame(grader.recv()))))
            worker.prepare()
    except (Broken, ForkServerLost):
        pass


class ForkServerLost(Exception):
    """The fork server ended: only possible where the kernel keeps a program from little (level ``rlimits``)."""


class ForkServer:
    """The worker's handle on a fork server: asks for children, hands them sockets, hears how they ended."""

    def __init__(self, control_fd: int) -> None:
        self.control = socket.socket(fileno=control_fd)
        self.reader = self.control.makefile("rb")
        self.owed = 0  # answers to "K" that were not waited for
        self.report: dict[str, str] = json.loads(self._line())

    def _line(self) -> str:
        line = self.reader.readline()
        if not line:
            raise ForkServerLost
        return line.decode()

    def fork(self, role: str, *ends: socket.socket) -> None:
        """Fork a child that holds ``ends``; closes them here."""
        try:
            socket.send_fds(self.control, [role.encode()], [end.fileno() for end in ends])
        except OSError:
            raise ForkServerLost from None
        finally:
            for end in ends:
                end.close()

    def reap(self) -> None:
        """Have all children killed and reaped, without waiting for it; what is forked next comes after."""
        self.ended()
        try:
            self.control.sendall(b"K")
        except OSError:
            raise ForkServerLost from None
        self.owed = 1

    def ended(self) -> dict[str, int]:
        """Wait for the last ``reap``: role -> wait status of the children it found."""
        line = self._line() if self.owed else ""
        self.owed = 0
        return {ended[0]: int(ended[1:]) for ended in line.split()}


class Worker:
    """Works off jobs one at a time, with a fresh child for each."""

    def __init__(self, fork_server: ForkServer, options: dict[str, Any]) -> None:
        self.fork_server, self.options = fork_server, options
        self.compiled: collections.OrderedDict[str, Tests] = collections.OrderedDict()
        self.tests = ""
        self.peer: Peer | None = None
        self.channel: socket.socket | None = None
        self.spare: socket.socket | None = None
        self.armed = False
        signal.signal(signal.SIGALRM, self._late)

    def work(self, job: list[Any]) -> list[Any]:
        """Judge one program; always returns, at the latest shortly after the time-out, with its processes gone."""
        kind, *rest, timeout_s = job
        start = time.monotonic()
        try:
            verdict, extra = self._limited(timeout_s, getattr(self, f"_{kind}"), rest)
            self._end_children()
            if kind == "unittest" or verdict.status == "closed":
                verdict = explain(verdict, self.fork_server.ended())
        except ForkServerLost:
            verdict, extra = Verdict("error", "SystemExit: the program ended the sandbox"), LOST
        if kind == "unittest":
            empty(self.options["scratch"])
        verdict = tester.name_refusal(verdict, self.peer.blocked if self.peer is not None else "")
        if self.channel is not None:
            self.channel.close()
        self.peer = self.channel = None
        return [verdict.status, verdict.detail, verdict.line, time.monotonic() - start, extra]

    def _end_children(self) -> None:
        """All of them, a candidate that this job had no use for included."""
        if self.spare is not None:
            self.spare.close()
            self.spare = None
        self.fork_server.reap()

    def prepare(self) -> None:
        """Have the next candidate forked while the grader still reads the last outcome."""
        if not self.options["roomy"] and self.spare is None:
            self.spare = self._fork()

    def _fork(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self.fork_server.fork("C", theirs)
        return ours

    def _limited(self, timeout_s: float, judge: Callable[..., Any], rest: list[Any]) -> tuple[Verdict, Any]:
        """Run ``judge`` under an alarm, which ends waiting for a program and computing on what it returned alike."""
        self.armed = True
        signal.setitimer(signal.ITIMER_REAL, timeout_s, ALARM_AGAIN_S)
        try:
            try:
                answer = judge(*rest)
            finally:
                self.armed = False
        except Broken as broken:
            self.armed = False
            answer = Verdict(broken.status, broken.detail)
        except MemoryError:
            answer = Verdict("memory", "MemoryError: in a test on what the program returned")
        signal.setitimer(signal.ITIMER_REAL, 0)
        return answer if type(answer) is tuple else (answer, None)

    def _late(self, *_: object) -> None:
        if self.armed:
            late = Broken("timeout", LATE)
            if self.peer is not None:
                self.peer.broken = self.peer.broken or late
            raise late

    def _load(self, program: str, names: list[str]) -> Verdict | dict[str, Any]:
        """Have a fresh candidate load the program: what it offers for ``names``, or how it failed."""
        if len(program) > MAX_PROGRAM:
            return Verdict("error", f"ValueError: the program is longer than {MAX_PROGRAM} characters")
        self.channel, self.spare = self.spare or self._fork(), None
        self.peer = peer = Peer(FdStream(self.channel.fileno()))
        try:
            offered = peer.request("load", program, names)
        except Exception as error:
            return tester.explain(error, "", peer)
        return offered if isinstance(offered, dict) else Verdict("error", "ProtocolError: malformed reply")

    def _grade(self, program: str, entry_point: str, tests: str | None, trusted: bool) -> Verdict:
        self.tests = self.tests if tests is None else tests
        try:
            compiled = self._compile(self.tests) if trusted else None
        except (SyntaxError, ValueError, RecursionError) as error:
            return Verdict("invalid", clean(f"{type(error).__name__}: {error}"))
        offered = self._load(program, tester.wanted(compiled, entry_point) if compiled else [])
        if isinstance(offered, Verdict):
            return offered
        assert self.peer is not None
        assert self.channel is not None
        if compiled is None:  # written by a model: to a sandboxed tester of its own
            return self._verdict_of("T", [self.tests, entry_point], self.channel)
        return tester.run_tests(compiled, entry_point, offered, self.peer)

    def _compile(self, source: str) -> Tests:
        tests = self.compiled.pop(source, None) or tester.compile_tests(source)
        self.compiled[source] = tests
        while len(self.compiled) > MAX_TESTS_KEPT or sum(map(len, self.compiled)) > tester.CACHE_BYTES:
            self.compiled.popitem(last=False)
        return tests

    def _unittest(self, program: str, tests: str) -> Verdict:
        return self._verdict_of("U", [program, tests])

    def _verdict_of(self, role: str, job: list[Any], *ends: socket.socket) -> Verdict:
        """The verdict of a sandboxed process on ``job``, told apart from anything else it may say by a nonce."""
        mine, theirs = socket.socketpair()
        self.fork_server.fork(role, theirs, *ends)
        with mine:
            stream, nonce = FdStream(mine.fileno()), secrets.token_hex(16)
            stream.send(to_frame([*job, nonce]))
            message = from_frame(stream.recv())
        if not isinstance(message, list) or len(message) != 4 or message[0] != nonce or message[1] not in STATUSES:
            return Verdict("error", "ProtocolError: the tests ended without a verdict")
        _, status, detail, line = message
        return Verdict(status, clean(str(detail)), line if type(line) is int else None)

    def _call(self, program: str, entry_point: str, batch: Any) -> tuple[Verdict, Any]:
        """Results of a program on many inputs, still encoded; ``passed`` here means that no call raised."""
        offered = self._load(program, [])
        if isinstance(offered, Verdict):
            return offered, None
        assert self.peer is not None
        values, error = self.peer.request("map", entry_point, batch)
        if error is not None:
            return Verdict("error", clean(f"{error[0]}: {error[1]}")), None
        return Verdict("passed"), values


def explain(verdict: Verdict, ended: dict[str, int]) -> Verdict:
    """Turn "the process ended" into why. Never turns anything into a pass."""
    return death(ended) if verdict.status == "closed" else verdict


def empty(folder: str) -> None:
    """Remove what a program left in its folder, trees too deep for Python included."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            subprocess.run(["rm", "-rf", "--", entry.path], check=False, stdin=subprocess.DEVNULL)
        else:
            os.unlink(entry.path)  # noqa: PTH108


def death(ended: dict[str, int]) -> Verdict:
    """Why a process ended without an answer. An exit code is only ever a reason to fail."""
    for role in "UTC":
        code = os.waitstatus_to_exitcode(ended.get(role, 0))
        if code == -signal.SIGXCPU:
            return Verdict("timeout", "TimeoutError: CPU time limit exceeded")
        if code < 0 and code != -signal.SIGKILL:
            return Verdict("error", f"SystemError: the program crashed ({signal.Signals(-code).name})")
    return Verdict("error", "SystemExit: the program ended its process")
