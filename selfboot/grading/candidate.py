"""The process that holds a model's program: no test, no expected value and no secret is ever in it.

A child of the fork server. It loads the program, then answers calls until its channel closes. Whatever the program
does to this code it does to itself: the only thing that leaves is the answer to a call.
"""

from __future__ import annotations

import os
import random
import sys
import types
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any, NoReturn

from selfboot.grading import kernel
from selfboot.grading.values import words
from selfboot.grading.wire import PROGRAM, Broken, FdStream, Peer, describe, from_frame, to_frame

MODULE = "candidate"
FORBIDDEN = frozenset(
    words(
        """os.system os.exec os.fork os.forkpty os.posix_spawn os.spawn os.startfile os.kill os.killpg os.remove
        os.rename os.rmdir os.mkdir os.link os.symlink os.truncate os.chmod os.chown os.chflags os.utime os.setxattr
        os.removexattr os.lockf pty.spawn signal.pthread_kill subprocess.Popen socket.__new__ socket.connect socket.bind
        socket.getaddrinfo socket.gethostbyname shutil.rmtree shutil.move shutil.copyfile ctypes.dlopen ctypes.dlsym
        ctypes.string_at ctypes.cdata resource.prlimit urllib.Request ftplib.connect smtplib.connect
        http.client.connect webbrowser.open tempfile.mkstemp tempfile.mkdtemp"""
    )
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


AF_UNIX = 1  # a socket pair of one's own, as asyncio makes one


class Watch:
    """An audit hook that refuses, by name, what the kernel refuses anyway; it makes messages readable.

    Where the kernel offers little (level ``rlimits``) it is all there is, and a determined program gets around it.
    """

    def __init__(self, readable: tuple[str, ...]) -> None:
        self.readable = readable
        self.armed = False
        self.last = ""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event == "open":
            self._open(*arguments)
        elif event == "socket.__new__" and arguments[1] == AF_UNIX:
            return
        elif event in FORBIDDEN:
            self._refuse(f"{event} is not allowed")

    def _open(self, path: Any, mode: Any, flags: int) -> None:
        if type(path) is int or path == os.devnull or str(path).startswith("<"):  # "<program>": a traceback's wish
            return
        if flags & WRITING:
            self._refuse("files cannot be written")
        if not str(path).startswith(self.readable):
            self._refuse("files outside the standard library cannot be read")

    def _refuse(self, what: str) -> None:
        self.last = f"PermissionError: {what}"
        raise PermissionError(what)


class Packages:
    """Finds the few installed packages that programs may import, and no other of their folder.

    Found while their folder can still be read, loaded only by a program that imports them: others pay nothing.
    """

    def __init__(self, folder_of: Mapping[str, str]) -> None:
        found = {name: PathFinder.find_spec(name, [folder]) for name, folder in folder_of.items()}
        self.specs = {name: spec for name, spec in found.items() if spec is not None}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if path is None and name in self.specs:
            os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy's library takes memory for every core
            return self.specs[name]
        return None


class Candidate:
    """Made once in the fork server, served once in each child: what exists before the fork costs a child less."""

    def __init__(self, fd: int, watch: Watch) -> None:
        self.stream, self.watch = FdStream(fd), watch
        self.module = types.ModuleType(MODULE)
        self.peer = Peer(self.stream, vars(self.module).__getitem__)
        self.peer.refused = lambda: watch.last

    def serve(self) -> NoReturn:
        """Load one program and answer calls until the channel closes; never returns."""
        try:
            sys.modules[MODULE] = sys.modules["__main__"] = self.module
            _, number, program, names, cpu_s, ahead = from_frame(self.stream.recv())
            kernel.limit_cpu(cpu_s)
            self.stream.held = [] if ahead else None
            answer = self.load(number, program, names)
            self.stream.send(to_frame([*answer, self.watch.last]))
            for request in ahead if answer[0] == "ok" else []:  # those that the tests are known to make
                self.peer.serve(request)
            self.stream.flush()
            self.stream.held = None
            while True:
                self.peer.serve(from_frame(self.stream.recv()))
        except Broken:
            pass
        finally:
            os._exit(0)

    def load(self, number: int, program: str, names: list[str]) -> list[Any]:
        """Execute the program; the reply says what it offers for ``names``."""
        random.seed(0)
        try:
            exec(compile(program, PROGRAM, "exec", dont_inherit=True), vars(self.module))
            return ["ok", number, self.peer.offer(names)]
        except BaseException as error:
            return ["raise", number, describe(error)]
