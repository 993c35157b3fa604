"""The clean process that forks one child a program: standard library loaded, environment empty, nothing to steal.

Control messages are single bytes with descriptors attached: ``C`` fork a candidate on the attached socket, ``T`` a
tester on the two attached ones, ``U`` a unittest run, ``K`` kill and reap every child and say how they ended. When the
control socket closes, so does everything here.
"""

from __future__ import annotations

import _socket
import contextlib
import gc
import json
import os
import signal
import sys
import sysconfig
from typing import Any, NoReturn

from selfboot.grading import candidate, kernel, tester
from selfboot.grading.values import words

# What programs import most. Anything else loads when it is asked for: each library that is mapped here costs every
# program some 16 us at its fork and exit, which is why this file also does without the module socket.
PRELOAD = words(
    """abc bisect collections collections.abc contextlib copy dataclasses enum functools heapq itertools math operator
    random re string time typing"""
)
FIRST_FD = 3


def main(control_fd: int, alive_fd: int, options: dict[str, Any]) -> None:
    """Serve until the control socket closes. ``alive_fd`` is only held, so that its other end sees this process end."""
    report = kernel.confine_first(options)  # before anything can start a thread
    control = _socket.socket(fileno=control_fd)
    preload(options)
    sys.path[:] = [path for path in sys.path if path != options["root"]]
    report |= kernel.confine(options)
    report["isolation"] = kernel.level_of(report)
    control.sendall(json.dumps(report).encode() + b"\n")
    gc.collect()
    gc.freeze()
    Zygote(control, options).loop()


def preload(options: dict[str, Any]) -> None:
    import _sitebuiltins
    import builtins
    import importlib.util

    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D")
    if options["roomy"]:
        from selfboot.grading import unittests  # noqa: F401 - loaded here, used in children
    sys.path.extend(options["path"])
    for name in [*PRELOAD, *options["preload"]]:
        with contextlib.suppress(ImportError):
            __import__(name)
    importlib.util.find_spec("no_such_module")  # reads the folders of sys.path while they can still be listed


class Zygote:
    def __init__(self, control: _socket.socket, options: dict[str, Any]) -> None:
        self.control, self.options = control, options
        self.children: dict[int, str] = {}
        self.watch: candidate.Watch | None = None
        if options["watch"]:
            self.watch = candidate.Watch((sysconfig.get_path("stdlib"), "/usr/share/zoneinfo", "/dev/"))

    def loop(self) -> None:
        while True:
            command, attached, _, _ = self.control.recvmsg(1, _socket.CMSG_SPACE(8))
            fds = [
                int.from_bytes(data[i : i + 4], sys.byteorder) for _, _, data in attached for i in (0, 4) if data[i:]
            ]
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

    def become(self, role: str, fds: list[int]) -> NoReturn:
        """The child: drop every descriptor but its own, confine, and turn into what was asked for."""
        try:
            high = [os.dup2(fd, kernel.MAX_FDS - 1 - place) for place, fd in enumerate(fds)]
            for place, fd in enumerate(high, FIRST_FD):
                os.dup2(fd, place)
            os.closerange(FIRST_FD + len(fds), kernel.MAX_FDS)
            kernel.confine_child()
            if role == "C":
                candidate.serve(FIRST_FD, self.watch)
            elif role == "T":
                tester.serve(FIRST_FD, FIRST_FD + 1, self.watch)
            else:
                from selfboot.grading import unittests

                unittests.serve(FIRST_FD)
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
        if kernel.child_filter is None:  # only then can there be grandchildren
            kernel.end_strays()
        return ended
