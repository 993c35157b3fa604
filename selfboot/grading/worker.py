"""The trusted process that holds benchmark tests and decides. One a core; each drives a fork server of its own.

Jobs and outcomes are frames on the descriptor that the grader passed: ``[kind, ..., [cpu_s, wall_s]]`` in,
``[status, detail, line, seconds, extra]`` out. Kinds: ``grade`` (program, entry point, tests or ``None`` for the same
tests as before, trusted, requests that these tests are known to make), ``measure`` (the same; ``extra`` is the CPU
seconds that it took and those requests), ``call`` (program, entry point, encoded inputs) and ``unittest`` (program,
tests).

No program ends a worker: whatever goes wrong while one is judged is that program's ``error``, and asks for a new worker
(``extra`` is ``LOST``). A program that ran out of wall-clock time because others had the cores is told apart
(``extra`` is ``STARVED``): it deserves another try.
"""

from __future__ import annotations

import collections
import contextlib
import json
import math
import os
import resource
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfboot.grading import scratch, tester
from selfboot.grading.tester import Tests, Verdict
from selfboot.grading.usage import Family, Usage
from selfboot.grading.wire import Broken, FdStream, Peer, clean, from_frame, to_frame

MAX_PROGRAM = 1 << 20  # characters
MAX_TESTS_KEPT = 512
MAX_AHEAD, MAX_AHEAD_BYTES = 256, 1 << 16  # requests that are sent before they are made
STATUSES = frozenset(("passed", "wrong", "error", "timeout", "memory", "blocked", "closed"))
WATCH_S = 0.05  # how often a program is looked at; the alarm that ends it repeats, should its exception get lost
LOST, STARVED = "lost", "starved"
STARVED_FROM_S, STARVED_BELOW = 0.05, 0.5  # of CPU time, and of that which it may take: see ``starved``
LATE = "TimeoutError: time limit exceeded"


def main(fd: int, control_fd: int, options: dict[str, Any]) -> None:
    """Serve until the grader closes its end of ``fd``; ``control_fd`` leads to the fork server."""
    grader = FdStream(fd)
    if sys.platform == "linux":
        limit, ceiling = options["worker_memory_mb"] << 20, resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
        resource.setrlimit(resource.RLIMIT_AS, (soft, ceiling))
    worker = Worker(ForkServer(control_fd), options)
    if options["roomy"]:
        scratch.empty(Path(options["scratch"]))  # libraries leave things when they load
    try:
        grader.send(to_frame(worker.fork_server.report))
        while True:
            grader.send(worker.answer(from_frame(grader.recv())))
            worker.prepare()
    except (Broken, ForkServerLost):
        pass
    finally:
        worker.fork_server.control.close()
        scratch.remove(Path(options["scratch"]))  # the grader may have been killed


class ForkServerLost(Exception):
    """The fork server ended: by a program where the kernel keeps it from little, or for want of room to fork."""


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
        self.requests: list[list[Any]] = []
        self.noted: list[list[Any]] | None = None
        self.told = False  # whether the program in hand got requests ahead, and so may hold back answers
        self.peer: Peer | None = None
        self.channel: socket.socket | None = None
        self.spare: socket.socket | None = None
        self.family = Family(options["fork_server"])
        self.limit = (0.0, 0.0)  # CPU and wall-clock seconds of the job in hand
        self.start = self.cpu_start = 0.0
        self.starved = self.armed = False
        signal.signal(signal.SIGALRM, self._watch)

    def answer(self, job: list[Any]) -> bytes:
        """The outcome of one job as a frame, whatever happens: a failure of ours is an ``error`` of this sample."""
        self.start = time.monotonic()
        try:
            return to_frame(self.work(job))
        except ForkServerLost:
            detail = "SystemExit: the program ended the sandbox"
        except BaseException as error:
            detail = f"GraderError: {type(error).__name__} while the program was judged"
        self.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        return to_frame(["error", detail, None, time.monotonic() - self.start, LOST])

    def work(self, job: list[Any]) -> list[Any]:
        """Judge one program; returns at the latest shortly after the time-out, with its processes gone."""
        kind, *rest, self.limit = job
        verdict, extra = self._limited(getattr(self, f"_{kind}"), rest)
        self._end_children()
        if kind == "unittest" or verdict.status in ("closed", "timeout", "blocked", "memory"):
            verdict = explain(verdict, self.fork_server.ended())  # what takes long to end must not count as the next's
        seconds = time.monotonic() - self.start
        if kind == "unittest":
            scratch.empty(Path(self.options["scratch"]))
        verdict = tester.name_refusal(verdict, self.peer.blocked if self.peer is not None else "")
        if self.channel is not None:
            self.channel.close()
        self.peer = self.channel = None
        self.told = False
        if verdict.status == "timeout" and self.starved:
            extra = STARVED
        return [verdict.status, verdict.detail, verdict.line, seconds, extra]

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

    def _limited(self, judge: Callable[..., Any], rest: list[Any]) -> tuple[Verdict, Any]:
        """Run ``judge`` under an alarm, which ends waiting for a program and computing on what it returned alike."""
        self.starved, self.cpu_start = False, time.process_time()
        self.armed = True
        signal.setitimer(signal.ITIMER_REAL, min(WATCH_S, self.limit[1]))
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

    def _watch(self, *_: object) -> None:
        """End the job when its program takes more than it may."""
        if not self.armed:
            return
        excess = self._excess()
        signal.setitimer(signal.ITIMER_REAL, WATCH_S)  # only now: looking may take longer than that
        if excess is not None:
            if self.peer is not None:
                self.peer.broken = self.peer.broken or excess
            raise excess

    def _excess(self) -> Broken | None:
        if self.told:
            self._ask_for_answers()
        usage, seconds = self._usage(), time.monotonic() - self.start
        cpu_s, wall_s = self.limit
        if usage.cpu_s >= cpu_s or seconds >= wall_s - WATCH_S / 10:
            self.starved = starved(usage.cpu_s, cpu_s)
            return Broken("timeout", LATE)
        if usage.threads > self.options["threads"]:
            return Broken("blocked", f"PermissionError: more than {self.options['threads']} threads and processes")
        if usage.memory_mb > self.options["total_mb"]:
            return Broken("memory", f"MemoryError: more than {self.options['total_mb']} MiB in all processes together")
        return self._disk_excess() if self.options["roomy"] else None

    def _ask_for_answers(self) -> None:
        """A wrong answer among those that the program holds back may decide already."""
        for pid in self.family.pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGUSR2)

    def _disk_excess(self) -> Broken | None:
        most_mb, most_files = self.options["disk_mb"], self.options["files"]
        size, files = scratch.size(Path(self.options["scratch"]), most_files)
        if size <= most_mb << 20 and files < most_files:
            return None
        return Broken("blocked", f"PermissionError: more than {most_mb} MiB or {most_files} files")

    def _usage(self) -> Usage:
        """Of the program, the work of this process on it included."""
        found = self.family.usage()
        return found._replace(cpu_s=found.cpu_s + time.process_time() - self.cpu_start)

    def _load(self, program: str, names: list[str], ahead: list[list[Any]]) -> Verdict | dict[str, Any]:
        """Have a fresh candidate load the program: what it offers for ``names``, or how it failed.

        ``ahead``: the requests that the tests are going to make. The program answers them without waiting for each.
        """
        if len(program) > MAX_PROGRAM:
            return Verdict("error", f"ValueError: the program is longer than {MAX_PROGRAM} characters")
        self.channel, self.spare = self.spare or self._fork(), None
        self.peer = peer = Peer(FdStream(self.channel.fileno()))
        self.told = bool(ahead)
        try:
            offered = peer.request("load", program, names, self._whole_cpu_s(), ahead)
            peer.ahead = [to_frame(request) for request in ahead]
        except Exception as error:
            return tester.explain(error, "", peer)
        return offered if isinstance(offered, dict) else Verdict("error", "ProtocolError: malformed reply")

    def _grade(
        self, program: str, entry_point: str, tests: str | None, trusted: bool, requests: list[list[Any]] | None
    ) -> Verdict:
        if tests is not None:
            self.tests, self.requests = tests, requests or []
        try:
            compiled = self._compile(self.tests) if trusted else None
        except (SyntaxError, ValueError, RecursionError) as error:
            return Verdict("invalid", clean(f"{type(error).__name__}: {error}"))
        if compiled is None:
            return self._grade_sandboxed(program, entry_point)
        verdict = self._run_tests(program, entry_point, compiled, self.requests)
        if self.peer is not None and self.peer.missed:  # what was answered too early may have changed the program
            self._end_children()
            verdict = self._run_tests(program, entry_point, compiled, [])
        return verdict

    def _grade_sandboxed(self, program: str, entry_point: str) -> Verdict:
        """By tests that a model wrote, in a sandboxed process of their own."""
        offered = self._load(program, [], [])
        if isinstance(offered, Verdict):
            return offered
        assert self.channel is not None
        return self._verdict_of("T", [self.tests, entry_point], self.channel)

    def _run_tests(self, program: str, entry_point: str, tests: Tests, ahead: list[list[Any]]) -> Verdict:
        offered = self._load(program, tester.wanted(tests, entry_point), ahead)
        if isinstance(offered, Verdict):
            return offered
        assert self.peer is not None
        self.peer.said = self.noted
        return tester.run_tests(tests, entry_point, offered, self.peer)

    def _measure(self, *job: Any) -> tuple[Verdict, Any]:
        """``extra``: CPU seconds, and the requests that the tests made, unless they are too many to be sent ahead."""
        self.noted = []
        try:
            verdict = self._grade(*job)
        finally:
            noted, self.noted = self.noted, None
        few = len(noted) <= MAX_AHEAD and sum(len(to_frame(request)) for request in noted) <= MAX_AHEAD_BYTES
        return verdict, [self._usage().cpu_s, noted if few else []]

    def _compile(self, source: str) -> Tests:
        if source in self.compiled:
            self.compiled.move_to_end(source)
        else:
            self.compiled[source] = tester.compile_tests(source)
            while len(self.compiled) > MAX_TESTS_KEPT or sum(map(len, self.compiled)) > tester.CACHE_BYTES:
                self.compiled.popitem(last=False)
        return self.compiled[source]

    def _unittest(self, program: str, tests: str) -> Verdict:
        return self._verdict_of("U", [program, tests])

    def _verdict_of(self, role: str, job: list[Any], *ends: socket.socket) -> Verdict:
        """The verdict of a sandboxed process on ``job``, told apart from anything else it may say by a nonce."""
        mine, theirs = socket.socketpair()
        self.fork_server.fork(role, theirs, *ends)
        with mine:
            stream, nonce = FdStream(mine.fileno()), secrets.token_hex(16)
            stream.send(
                to_frame([*job, self._whole_cpu_s()]) + to_frame(nonce)
            )  # the second is read when the tests are done
            message = from_frame(stream.recv())
        return read_verdict(message, nonce)

    def _whole_cpu_s(self) -> int:
        """The limit that the kernel keeps, which it counts in whole seconds."""
        return math.ceil(self.limit[0])

    def _call(self, program: str, entry_point: str, batch: Any) -> tuple[Verdict, Any]:
        """Results of a program on many inputs, still encoded; ``passed`` here means that no call raised."""
        offered = self._load(program, [], [])
        if isinstance(offered, Verdict):
            return offered, None
        assert self.peer is not None
        values, error = self.peer.request("map", entry_point, batch)
        if error is not None:
            return Verdict("error", clean(f"{error[0]}: {error[1]}")), None
        return Verdict("passed"), values


def starved(used_s: float, cpu_s: float) -> bool:
    """Whether a program that is out of time by the clock did want to compute, and got little of its CPU time."""
    return STARVED_FROM_S < used_s < STARVED_BELOW * cpu_s


def read_verdict(message: Any, nonce: str) -> Verdict:
    """What a sandboxed process says about its tests. It may be the program that speaks: anything odd is an error."""
    nothing = Verdict("error", "ProtocolError: the tests ended without a verdict")
    if not isinstance(message, list) or len(message) != 4 or message[0] != nonce:
        return nothing
    _, status, detail, line = message
    if not isinstance(status, str) or status not in STATUSES or not isinstance(detail, str):
        return nothing
    return Verdict(status, clean(detail), line if type(line) is int and 0 < line < MAX_PROGRAM else None)


def explain(verdict: Verdict, ended: dict[str, int]) -> Verdict:
    """Turn "the process ended" into why. Never turns anything into a pass."""
    return death(ended) if verdict.status == "closed" else verdict


def death(ended: dict[str, int]) -> Verdict:
    """Why a process ended without an answer. An exit code is only ever a reason to fail."""
    for role in "UTC":
        code = os.waitstatus_to_exitcode(ended.get(role, 0))
        if code == -signal.SIGXCPU:
            return Verdict("timeout", "TimeoutError: CPU time limit exceeded")
        if code < 0 and code != -signal.SIGKILL:
            return Verdict("error", f"SystemError: the program crashed ({signal_name(-code)})")
    return Verdict("error", "SystemExit: the program ended its process")


def signal_name(number: int) -> str:
    """A signal's name, where it has one: real-time signals have none."""
    return next((known.name for known in signal.Signals if known == number), f"signal {number}")
