"""The clean process that forks one child a program: standard library loaded, environment empty, nothing to steal.

Control messages are single bytes with descriptors attached: ``C`` fork a candidate on the attached socket, ``T`` fork a
tester on the two attached ones, ``K`` kill and reap every child and report how they ended. When the control socket
closes, so does everything here.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from typing import Any

from selfboot.grading import candidate, kernel, tester
from selfboot.grading.wire import words

PRELOAD = words(
    """abc array bisect cmath collections collections.abc contextlib copy dataclasses datetime decimal enum fractions
    functools hashlib heapq itertools json math numbers operator random re statistics string sys textwrap time typing
    unicodedata"""
)


def main(control_fd: int, options: dict[str, Any]) -> None:
    control = socket.socket(fileno=control_fd)
    for name in PRELOAD:
        __import__(name)
    report = kernel.confine(options)
    sys.path[:] = [path for path in sys.path if path != options["root"]]
    control.sendall(json.dumps(report).encode() + b"\n")
    gc.collect()
    gc.freeze()
    Zygote(control).loop()


class Zygote:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.children: dict[int, str] = {}

    def loop(self) -> None:
        while True:
            command, fds, _, _ = socket.recv_fds(self.control, 1, 2)
            if not command:
                break
            if command == b"K":
                self.control.sendall(json.dumps(self.reap()).encode() + b"\n")
            else:
                self.fork(command.decode(), fds)
        self.reap()

    def fork(self, role: str, fds: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self.become(role, fds)
        self.children[pid] = role
        for fd in fds:
            os.close(fd)

    def become(self, role: str, fds: list[int]) -> None:
        try:
            self.control.close()
            kernel.confine_child(600)
            if role == "C":
                candidate.serve(fds[0])
            else:
                tester.serve(fds[0], fds[1])
        finally:
            os._exit(1)

    def reap(self) -> dict[str, int]:
        """Kill and reap all children: role -> wait status."""
        ended: dict[str, int] = {}
        for pid, role in self.children.items():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            ended[role] = os.waitpid(pid, 0)[1]
        self.children.clear()
        return ended
