"""The trusted process that holds benchmark tests and decides. One a core; it starts and drives one zygote.

Jobs and outcomes are frames on the descriptor that the grader passed. A job is
``[program, entry_point, tests, trusted, timeout_s]``, an outcome ``[status, detail, line, seconds]``.
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
from typing import Any

from selfboot.grading import tester
from selfboot.grading.tester import Tests, Verdict
from selfboot.grading.wire import Broken, Peer, SocketStream, clean, from_frame, to_frame

MAX_PROGRAM = 1 << 20  # characters
STATUSES = frozenset(("passed", "wrong", "error", "timeout", "memory", "blocked"))
SIGNALS = {signal.SIGXCPU: "timeout"}


def main(fd: int, options: dict[str, Any]) -> None:
    grader = SocketStream(socket.socket(fileno=fd))
    limit = options["worker_memory_mb"] << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    worker = Worker(options)
    grader.send(to_frame(worker.zygote.report))
    try:
        while True:
            grader.send(to_frame(worker.grade(*from_frame(grader.recv()))))
    except Broken:
        worker.zygote.close()


class Zygote:
    """The worker's handle on its zygote: asks for children, hands them sockets, hears how they ended."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.control, theirs = socket.socketpair()
        call = f"zygote.main({theirs.fileno()}, {options!r})"
        code = f"import sys; sys.path.insert(0, {options['root']!r}); from selfboot.grading import zygote; {call}"
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", code],
            env={"PYTHONHASHSEED": "0", "LANG": "C.UTF-8"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        self.reader = self.control.makefile("rb")
        self.report: dict[str, str] = self._reply()
        self.dirty = False

    def _reply(self) -> dict[str, Any]:
        line = self.reader.readline()
        if not line:
            raise RuntimeError("the zygote ended")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def fork(self, role: str, *ends: socket.socket) -> None:
        socket.send_fds(self.control, [role.encode()], [end.fileno() for end in ends])
        self.dirty = True

    def reap(self) -> dict[str, int]:
        """Kill and reap the children; role -> wait status."""
        if not self.dirty:
            return {}
        self.control.sendall(b"K")
        self.dirty = False
        return self._reply()

    def close(self) -> None:
        self.control.close()
        self.reader.close()
        self.process.wait()


class Worker:
    def __init__(self, options: dict[str, Any]) -> None:
        self.zygote = Zygote(options)
        self.compiled: collections.OrderedDict[str, Tests] = collections.OrderedDict()
        self.deadline = 0.0
        signal.signal(signal.SIGALRM, self._late)

    def _late(self, *_: object) -> None:
        raise Broken("timeout", "TimeoutError: time limit exceeded in a test")

    def grade(self, program: str, entry_point: str, tests: str, trusted: bool, timeout_s: float) -> list[Any]:
        """Judge one program; always returns, at the latest shortly after ``timeout_s``, with its processes gone."""
        start = time.monotonic()
        self.deadline = start + timeout_s
        peer = Peer(SocketStream(socket.socket(socket.AF_UNIX), self.deadline))
        try:
            verdict = self._judge(program, entry_point, tests, trusted, peer)
        except Broken as broken:
            verdict = Verdict(broken.status, broken.detail)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        peer.stream.sock.close()  # type: ignore[attr-defined]
        verdict = self._explain(verdict, self.zygote.reap(), peer)
        return [verdict.status, verdict.detail, verdict.line, time.monotonic() - start]

    def _judge(self, program: str, entry_point: str, tests: str, trusted: bool, peer: Peer) -> Verdict:
        if len(program) > MAX_PROGRAM:
            return Verdict("error", f"ValueError: the program is longer than {MAX_PROGRAM} characters")
        ours, theirs = socket.socketpair()
        peer.stream = SocketStream(ours, self.deadline)
        self.zygote.fork("C", theirs)
        theirs.close()
        compiled = self._compile(tests) if trusted else None
        try:
            peer.request("load", program)
        except Exception as error:
            return tester.explain(error, "", peer)
        if compiled is None:
            return self._hand_over(tests, entry_point, ours)
        signal.setitimer(signal.ITIMER_REAL, max(self.deadline - time.monotonic(), 0.001) + 0.05)
        return tester.run_tests(compiled, entry_point, peer)

    def _compile(self, source: str) -> Tests:
        tests = self.compiled.pop(source, None) or tester.compile_tests(source)
        self.compiled[source] = tests
        while len(self.compiled) > 512 or sum(map(len, self.compiled)) > tester.CACHE_BYTES:
            self.compiled.popitem(last=False)
        return tests

    def _hand_over(self, tests: str, entry_point: str, ours: socket.socket) -> Verdict:
        """Let a sandboxed tester of its own run model-written tests against the candidate."""
        mine, theirs = socket.socketpair()
        ours.setblocking(True)  # the flag belongs to the open file, which the tester shares
        self.zygote.fork("T", theirs, ours)
        theirs.close()
        ours.close()
        with mine:
            channel, nonce = SocketStream(mine, self.deadline), secrets.token_hex(16)
            channel.send(to_frame([tests, entry_point, nonce]))
            return self._verdict(from_frame(channel.recv()), nonce)

    def _verdict(self, message: Any, nonce: str) -> Verdict:
        if not isinstance(message, list) or len(message) != 4 or message[0] != nonce or message[1] not in STATUSES:
            return Verdict("error", "ProtocolError: the tests ended without a verdict")
        _, status, detail, line = message
        return Verdict(status, clean(str(detail)), line if type(line) is int else None)

    def _explain(self, verdict: Verdict, ended: dict[str, int], peer: Peer) -> Verdict:
        """Turn "the process ended" into why, and name what the sandbox refused. Never turns anything into a pass."""
        if verdict.status == "passed":
            return verdict
        kind = verdict.detail.partition(":")[0]
        if verdict.status == "closed":
            verdict = self._death(ended)
        if peer.blocked or kind == "PermissionError":
            return Verdict("blocked", clean(peer.blocked or verdict.detail), verdict.line)
        if kind == "MemoryError":
            return Verdict("memory", verdict.detail, verdict.line)
        return verdict

    def _death(self, ended: dict[str, int]) -> Verdict:
        code = os.waitstatus_to_exitcode(next((ended[role] for role in "TC" if role in ended), 0))
        if code == -signal.SIGXCPU:
            return Verdict("timeout", "TimeoutError: CPU time limit exceeded")
        if code < 0 and code != -signal.SIGKILL:
            return Verdict("error", f"SystemError: the program crashed ({signal.Signals(-code).name})")
        return Verdict("error", "SystemExit: the program ended its process")
