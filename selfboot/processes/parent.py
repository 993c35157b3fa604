"""A process of ours that answers requests: it starts when first needed, and ends with ``close`` or with an error."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any, ClassVar

from selfboot import errors
from selfboot.errors import SelfbootError, UnavailableError
from selfboot.paths import PACKAGES

OUT_OF_MEMORY = ("OutOfMemoryError", "MemoryError")


class WorkerProcess:
    """Runs ``python -m module FD`` (child.py) and asks it. ``starts``: how often it started.

    ``environment``: variables that the process has where ours has no others. ``remedy``: what to do where the GPU's
    memory was short. ``again``: what the same command does after a failure. ``failure``: what errors become that are
    none of ours.
    """

    module: ClassVar[str]
    environment: ClassVar[Mapping[str, str]]
    remedy: ClassVar[str]
    again: ClassVar[str]
    failure: ClassVar[type[SelfbootError]] = UnavailableError

    def __init__(self) -> None:
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Was it started, and not ended?"""
        return self._process is not None

    def close(self) -> None:
        """End the process and wait until its memory is free; may be called twice. The next request starts a new one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # what it holds is on disk, or not finished
        process.wait()
        self._lines.close()
        self._socket.close()
        self._log.close()

    @contextmanager
    def _ended_by_any_error(self) -> Iterator[None]:
        """However a request fails, or the caller is interrupted: the process ends and gives its memory back."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _asked(self, message: dict[str, Any], what: str) -> Iterator[dict[str, Any]]:
        """The replies to a request; errors of the process, and its end, as ours."""
        self._start()
        self._send(message)
        while line := self._line():
            reply: dict[str, Any] = json.loads(line)
            if "error" in reply:
                raise self.explained(what, reply["error"], reply["message"])
            yield reply
        raise self._ended(what)

    def _start(self) -> None:
        if self._process is not None:
            return
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        self._socket, theirs = socket.socketpair()
        paths = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", self.module, str(theirs.fileno())],
            env={**self.environment, **os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,  # Ctrl-C reaches us, and we end it
        )
        theirs.close()
        self.starts += 1
        self._lines = self._socket.makefile("r", encoding="utf-8")

    def _send(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # it is gone: so will the next line say
            self._socket.sendall(json.dumps(message, separators=(",", ":"), default=str).encode() + b"\n")

    def _line(self) -> str:
        """The process's next line, empty when it is gone."""
        try:
            return self._lines.readline()
        except OSError:  # it ended with words of ours unread
            return ""

    def _ended(self, what: str) -> UnavailableError:
        """The process is gone without a word: how, and the end of what it logged."""
        assert self._process is not None
        code = self._process.wait()
        self._log.seek(0)
        logged = [line.strip() for line in self._log.read().decode(errors="replace").split("\n") if "Error" in line]
        last = logged[-1][:300] if logged else "it logged no error"
        return UnavailableError(f"{what}: its process {how(code)} ({last}); {self.again}")

    @classmethod
    def explained(cls, what: str, kind: str, message: str) -> SelfbootError:
        """An error of the process as one of ours: its own kind where that is ours, memory with its remedy."""
        if kind in OUT_OF_MEMORY:
            return UnavailableError(f"{what}: out of memory ({message[:300]}); {cls.remedy}; {cls.again}")
        ours = cls.failure if kind == cls.failure.__name__ else vars(errors).get(kind)
        if isinstance(ours, type) and issubclass(ours, SelfbootError):
            return ours(message)
        return cls.failure(f"{what}: {kind}: {message[:600]}; {cls.again}")


def how(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended with code {code}"
    killed = " (the machine's own memory may be short)" if code == -signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-code).name}{killed}"
