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
import time
from typing import Any, NoReturn

from selfboot.grading import candidate, kernel, tester
from selfboot.grading.values import words

# What programs import most. Anything else loads when it is asked for: each library that is mapped here costs every
# program some 16 us at its fork and exit, which is why this file also does without the module socket.
PRELOAD = words(
    """abc bisect collections collections.abc contextlib copy enum functools heapq itertools math operator
    random re string time typing"""
)
FIRST_FD = 3
FORK_TRIES, FORK_AGAIN_S = 100, 0.02
DESCRIPTOR = 4  # bytes
CONTROL_SPACE = _socket.CMSG_SPACE(2 * DESCRIPTOR)


def main(control_fd: int, options: dict[str, Any]) -> None:
    """Serve until the control socket closes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which the first process of a namespace never gets from inside
    report = kernel.confine_first(options)  # before anything can start a thread
    control = _socket.socket(fileno=out_of_the_way(control_fd))
    preload(options)
    sys.path[:] = [path for path in sys.path if path != options["root"]]
    report |= kernel.confine(options)
    report["isolation"] = kernel.level_of(report)
    control.sendall(json.dumps(report).encode() + b"\n")
    gc.collect()
    gc.freeze()
    ForkServer(control, options).loop()


def out_of_the_way(fd: int) -> int:
    """Move a descriptor of our own to the end, so that those of a child arrive as FIRST_FD and the next."""
    last = kernel.MAX_FDS - 1
    if fd == last:  # there already, and dup3 refuses to copy a descriptor to itself
        os.set_inheritable(fd, False)
        return fd
    moved = os.dup2(fd, last, inheritable=False)
    os.close(fd)
    return moved


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
    sys.meta_path.append(candidate.Packages(options["packages"]))  # type: ignore[arg-type]
    importlib.util.find_spec("no_such_module")  # reads the folders of sys.path while they can still be listed


def fork() -> int:
    """Fork, waiting while the machine has no room for another process. Raises ``OSError`` when it stays so."""
    for _ in range(FORK_TRIES):
        try:
            return os.fork()
        except OSError:
            time.sleep(FORK_AGAIN_S)
    return os.fork()


class ForkServer:
    def __init__(self, control: _socket.socket, options: dict[str, Any]) -> None:
        self.control, self.pid = control, os.getpid()
        self.children: dict[int, str] = {}
        self.watch = candidate.Watch(
            (sysconfig.get_path("stdlib"), "/usr/share/zoneinfo", "/dev/", *options["readable"])
        )
        if options["watch"]:
            sys.addaudithook(self.watch)
        self.candidate = candidate.Candidate(FIRST_FD, self.watch)
        if not options["roomy"]:  # by this the worker asks for what a program that takes long has answered so far
            signal.signal(signal.SIGUSR2, self.candidate.stream.flush)

    def loop(self) -> None:
        try:
            while self.obey():
                pass
        except OSError:  # the worker is gone, perhaps with an answer of ours unread
            pass
        finally:
            self.reap()

    def obey(self) -> bool:
        """Carry out the next command; false when there will be none."""
        command, attached, _, _ = self.control.recvmsg(1, CONTROL_SPACE)
        if command == b"K":
            self.control.sendall(self.reap())
        elif command:
            self.fork(command, len(attached[0][2]) // DESCRIPTOR)
        return bool(command)

    def fork(self, role: bytes, fds: int) -> None:
        pid = fork()
        if pid == 0:
            self.become(role, fds)
        self.children[pid] = role.decode()
        os.closerange(FIRST_FD, FIRST_FD + fds)

    def become(self, role: bytes, fds: int) -> NoReturn:
        """The child: drop every descriptor but its own, confine, and turn into what was asked for."""
        try:
            os.closerange(FIRST_FD + fds, kernel.MAX_FDS)
            kernel.confine_child(self.pid)
            self.watch.armed = True
            if role == b"C":
                self.candidate.serve()
            elif role == b"T":
                tester.serve(FIRST_FD, FIRST_FD + 1)
            else:
                from selfboot.grading import unittests

                signal.signal(signal.SIGINT, signal.default_int_handler)
                unittests.serve(FIRST_FD)
        finally:
            os._exit(1)

    def reap(self) -> bytes:
        """Kill and reap all children: a line of their roles and wait statuses, such as ``C9 T0``."""
        ended = ""
        for pid, role in self.children.items():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            ended += f"{role}{os.waitpid(pid, 0)[1]} "
        self.children.clear()
        if kernel.child_filter is None:  # only then can there be grandchildren
            kernel.end_strays()
        return ended.encode() + b"\n"
