"""Where a training runs: ``Here``, in this process, or in a ``TrainingProcess`` of its own, for models on a GPU.

torch keeps what it once took of a GPU until its process ends (its allocator's cache, cuBLAS workspaces, the CUDA
context), and an engine asks for nine tenths of the memory. So what trains there has a process, which several trainings
in a row share and which ends before an engine starts. Same bits either way: both call ``lora.train_adapter``.
Killed, out of memory or interrupted, the training goes on at its last checkpoint when it is asked for again.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from selfboot import errors
from selfboot.errors import SelfbootError, UnavailableError
from selfboot.models.spec import ModelSpec
from selfboot.paths import PACKAGES
from selfboot.training.recipe import Example, Recipe, TrainingError

OUT_OF_MEMORY = ("OutOfMemoryError", "MemoryError")
AGAIN = "the same command again goes on at its last checkpoint"
ENVIRONMENT = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS reads it when it starts, and deterministic training asks for it
    "TOKENIZERS_PARALLELISM": "false",
}
OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Training:
    """Everything that a training takes, as data: arguments of ``lora.train_adapter``."""

    spec: ModelSpec
    examples: tuple[Example, ...]
    recipe: Recipe
    seed: int
    out: Path
    device: str
    checkpoints: Path
    start_from: Path | None = None
    gpus: int = 1


@dataclass(frozen=True)
class Trained:
    """The manifest of what came of a training, and the most GB that it took of a GPU (None: none, or not its own)."""

    manifest: dict[str, Any]
    peak_gb: float | None = None


class Trainer(Protocol):
    """Who trains."""

    def free_gb(self, device: str, gpus: int = 1) -> float | None:
        """GB of each GPU that a training would have, as seen from where it runs; None without a GPU."""

    def train(self, job: Training, on_step: OnStep) -> Trained:
        """Write the adapter to ``job.out``. Raises what ``lora.train_adapter`` raises, and UnavailableError."""


class Here:
    """Trains in this process."""

    def free_gb(self, device: str, gpus: int = 1) -> float | None:
        from selfboot.training.memory import free_gb

        return free_gb(device, gpus)

    def train(self, job: Training, on_step: OnStep) -> Trained:
        from selfboot.training.scripted import trainer

        info = trainer(job.recipe)(
            job.spec,
            job.examples,
            job.recipe,
            job.seed,
            job.out,
            device=job.device,
            checkpoint_dir=job.checkpoints,
            on_step=on_step,
            start_from=job.start_from,
            gpus=job.gpus,
        )
        return Trained(info.manifest())


class TrainingProcess:
    """Trains in a process that starts when first needed and ends with ``close``, or with anything that goes wrong.
    ``starts``: how often it started."""

    def __init__(self) -> None:
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def free_gb(self, device: str, gpus: int = 1) -> float | None:
        with self._ended_by_any_error():
            reply = next(self._asked({"free": [device, gpus]}, f"measuring the memory of {device}"))
        found: float | None = reply["free_gb"]
        return found

    def train(self, job: Training, on_step: OnStep) -> Trained:
        import torch

        what = f"training {job.spec.name!r} on {len(job.examples)} examples"
        request = {"train": asdict(job), "threads": torch.get_num_threads()}
        with self._ended_by_any_error():
            for reply in self._asked(request, what):
                if "done" in reply:
                    return Trained(reply["done"], reply["peak_gb"])
                on_step(*reply["step"])
        raise AssertionError("_asked ends by raising")

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
                raise explained(what, reply["error"], reply["message"])
            yield reply
        raise self._ended(what)

    def _start(self) -> None:
        if self._process is not None:
            return
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        self._socket, theirs = socket.socketpair()
        paths = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "selfboot.training.worker", str(theirs.fileno())],
            env={**ENVIRONMENT, **os.environ, "PYTHONPATH": paths},
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
        return UnavailableError(f"{what}: its process {how(code)} ({last}); {AGAIN}")


def how(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended with code {code}"
    killed = " (the machine's own memory may be short)" if code == -signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-code).name}{killed}"


def explained(what: str, kind: str, message: str) -> SelfbootError:
    """An error of the process as one of ours: its own kind where that is ours, memory with its remedy."""
    if kind in OUT_OF_MEMORY:
        return UnavailableError(
            f"{what}: out of memory ({message[:300]}); end what else uses the GPU (nvidia-smi lists it), or set "
            f"gradient_checkpointing = true in the recipe; {AGAIN}"
        )
    ours = TrainingError if kind == "TrainingError" else vars(errors).get(kind)
    if isinstance(ours, type) and issubclass(ours, SelfbootError):
        return ours(message)
    return TrainingError(f"{what}: {kind}: {message[:600]}; {AGAIN}")
