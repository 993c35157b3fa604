"""The trusted process that holds benchmark tests and decides. One a core; each drives a zygote of its own.

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
LATE = "TimeoutError: time limit exceeded"


def main(fd: int, alive_fd: int, options: dict[str, Any]) -> None:
    """Serve until the grader closes its end. ``alive_fd`` is only held, so that its other end sees this process end."""
    grader = FdStream(fd)
    limit = options["worker_memory_mb"] << 20
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    worker = Worker(alive_fd, options)
    grader.send(to_frame(worker.zygote("plain").report))
    try:
        while True:
            grader.send(to_frame(worker.work(from_frame(grader.recv()))))
    except Broken:
        worker.close()


class ZygoteLost(Exception):
    """The zygote ended: only possible where the kernel keeps a program from little (level ``rlimits``)."""


class Zygote:
    """The worker's handle on a zygote: asks for children, hands them sockets, hears how they ended."""

    def __init__(self, alive_fd: int, options: dict[str, Any]) -> None:
        self.control, theirs = socket.socketpair()
        call = f"zygote.main({theirs.fileno()}, {alive_fd}, {options!r})"
        code = f"import sys; sys.path.insert(0, {options['root']!r}); from selfboot.grading import zygote; {call}"
        if not options["roomy"]:  # hooks for threads and random, which cost a child a hundred pages and do it no good
            code = f"import os; os.register_at_fork = lambda **_: None; {code}"
        self.process = subprocess.Popen(
            [sys.executable, *FLAGS, "-c", code],
            env={**ENVIRONMENT, "HOME": options["scratch"], "TMPDIR": options["scratch"], **options["environment"]},
            cwd=options["scratch"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), alive_fd),
        )
        theirs.close()
        self.reader = self.control.makefile("rb")
        self.dirty = False
        self.report: dict[str, str] = self._reply()

    def _reply(self) -> dict[str, Any]:
        line = self.reader.readline()
        if not line:
            raise ZygoteLost
        reply: dict[str, Any] = json.loads(line)
        return reply

    def fork(self, role: str, *ends: socket.socket) -> None:
        """Fork a child that holds ``ends``; closes them here."""
        self.dirty = True
        try:
            socket.send_fds(self.control, [role.encode()], [end.fileno() for end in ends])
        except OSError:
            raise ZygoteLost from None
        finally:
            for end in ends:
                end.close()

    def reap(self) -> dict[str, int]:
        """Kill and reap the children: role -> wait status."""
        if not self.dirty:
            return {}
        try:
            self.control.sendall(b"K")
        except OSError:
            raise ZygoteLost from None
        self.dirty = False
        return self._reply()

    def close(self) -> None:
        self.control.close()
        self.reader.close()
        self.process.wait()


# No site-packages, nothing from the working folder or the caller's environment; a fixed order of sets of strings.
FLAGS = ("-s", "-S", "-P", "-X", "utf8", "-W", "ignore")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}


class Worker:
    """Works off jobs one at a time, with a fresh child for each."""

    def __init__(self, alive_fd: int, options: dict[str, Any]) -> None:
        self.alive_fd, self.options = alive_fd, options
        self.zygotes: dict[str, Zygote] = {}
        self.compiled: collections.OrderedDict[str, Tests] = collections.OrderedDict()
        self.tests = ""
        self.peer: Peer | None = None
        self.channel: socket.socket | None = None
        self.armed = False
        signal.signal(signal.SIGALRM, self._late)

    def zygote(self, profile: str) -> Zygote:
        if profile not in self.zygotes:
            self.zygotes[profile] = Zygote(self.alive_fd, {**self.options, **self.options["profiles"][profile]})
        return self.zygotes[profile]

    def close(self) -> None:
        for zygote in self.zygotes.values():
            zygote.close()

    def work(self, job: list[Any]) -> list[Any]:
        """Judge one program; always returns, at the latest shortly after the time-out, with its processes gone."""
        kind, *rest, timeout_s = job
        profile = "unittest" if kind == "unittest" else "plain"
        zygote = self.zygote(profile)
        start = time.monotonic()
        try:
            verdict, extra = self._limited(timeout_s, getattr(self, f"_{kind}"), rest)
            ended = zygote.reap()
        except ZygoteLost:
            self.zygotes.pop(profile).close()
            verdict, extra, ended = Verdict("error", "SystemExit: the program ended the sandbox"), None, {}
        if profile == "unittest":
            empty(self.options["scratch"])
        verdict = explain(verdict, ended, self.peer)
        if self.channel is not None:
            self.channel.close()
        self.peer = self.channel = None
        return [verdict.status, verdict.detail, verdict.line, time.monotonic() - start, extra]

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

    def _load(self, program: str) -> Verdict | None:
        """Fork a candidate and have it load the program; ``None`` when that went well."""
        if len(program) > MAX_PROGRAM:
            return Verdict("error", f"ValueError: the program is longer than {MAX_PROGRAM} characters")
        self.channel, theirs = socket.socketpair()
        self.peer = peer = Peer(FdStream(self.channel.fileno()))
        self.zygote("plain").fork("C", theirs)
        try:
            peer.request("load", program)
        except Exception as error:
            return tester.explain(error, "", peer)
        return None

    def _grade(self, program: str, entry_point: str, tests: str | None, trusted: bool) -> Verdict:
        self.tests = self.tests if tests is None else tests
        try:
            compiled = self._compile(self.tests) if trusted else None
        except (SyntaxError, ValueError, RecursionError) as error:
            return Verdict("invalid", clean(f"{type(error).__name__}: {error}"))
        failed = self._load(program)
        if failed is not None:
            return failed
        if compiled is None:  # written by a model: to a sandboxed tester of its own
            return self._verdict_of("plain", "T", [self.tests, entry_point], self._channel())
        return tester.run_tests(compiled, entry_point, self._peer())

    def _peer(self) -> Peer:
        assert self.peer is not None
        return self.peer

    def _channel(self) -> socket.socket:
        assert self.channel is not None
        return self.channel

    def _compile(self, source: str) -> Tests:
        tests = self.compiled.pop(source, None) or tester.compile_tests(source)
        self.compiled[source] = tests
        while len(self.compiled) > MAX_TESTS_KEPT or sum(map(len, self.compiled)) > tester.CACHE_BYTES:
            self.compiled.popitem(last=False)
        return tests

    def _unittest(self, program: str, tests: str) -> Verdict:
        return self._verdict_of("unittest", "U", [program, tests])

    def _verdict_of(self, profile: str, role: str, job: list[Any], *ends: socket.socket) -> Verdict:
        """The verdict of a sandboxed process on ``job``, told apart from anything else it may say by a nonce."""
        mine, theirs = socket.socketpair()
        self.zygote(profile).fork(role, theirs, *ends)
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
        failed = self._load(program)
        if failed is not None:
            return failed, None
        values, error = self._peer().request("map", entry_point, batch)
        if error is not None:
            return Verdict("error", clean(f"{error[0]}: {error[1]}")), None
        return Verdict("passed"), values


def explain(verdict: Verdict, ended: dict[str, int], peer: Peer | None) -> Verdict:
    """Turn "the process ended" into why, and name what the sandbox refused. Never turns anything into a pass."""
    if verdict.status == "closed":
        verdict = death(ended)
    return tester.name_refusal(verdict, peer.blocked if peer is not None else "")


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
