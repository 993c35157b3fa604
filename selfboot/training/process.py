"""Where a training runs: ``Here``, in this process, or in a ``TrainingProcess`` of its own, for models on a GPU.

torch keeps what it once took of a GPU until its process ends (its allocator's cache, cuBLAS workspaces, the CUDA
context), and an engine asks for nine tenths of the memory. So what trains there has a process, which several trainings
in a row share and which ends before an engine starts. Same bits either way: both call ``lora.train_adapter``.
Killed, out of memory or interrupted, the training goes on at its last checkpoint when it is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from selfboot.models.spec import ModelSpec
from selfboot.processes.parent import WorkerProcess
from selfboot.training.recipe import Example, Recipe, TrainingError

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


class TrainingProcess(WorkerProcess):
    """Trains in a process that starts when first needed and ends with ``close``, or with anything that goes wrong."""

    module = "selfboot.training.worker"
    environment = ENVIRONMENT
    remedy = "end what else uses the GPU (nvidia-smi lists it), or set gradient_checkpointing = true in the recipe"
    again = "the same command again goes on at its last checkpoint"
    failure = TrainingError

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
