"""Gradient checkpointing where memory asks for it: what a GPU has free, measured, against what plain training takes.

It costs time and changes no result (tests/training/test_lora.py), so it enters no store key.
Not covered: what others on the same GPU take later, and models without a shape in data/models.toml (all small).
"""

from __future__ import annotations

from dataclasses import dataclass

from selfboot.models.memory import GB, need
from selfboot.registry import ModelEntry


@dataclass(frozen=True)
class Memory:
    """What was found before a training: GB free (None: no GPU) and GB that it needs as it is then done (0: unknown)."""

    free_gb: float | None
    needed_gb: float = 0.0
    checkpointing: bool = False


def judged(entry: ModelEntry, rank: int, free: float | None) -> Memory:
    """Plain training where the estimate for LoRA of ``rank`` fits into ``free`` GB, else with checkpointing."""
    if entry.shape is None or free is None:
        return Memory(free)
    wanted = need(entry, rank, max(free, 1e-9))  # to `need`, 0 GB means: any
    return Memory(free, wanted.train_gb, wanted.checkpointing)


def gpus_of(device: str, gpus: int = 1) -> list[str]:
    """The GPUs that a training on ``device`` uses: it, and the first others of the process; none on a CPU."""
    return [device, *(f"cuda:{other}" for other in range(1, gpus))] if device.startswith("cuda") else []


def free_gb(device: str, gpus: int = 1) -> float | None:
    """GB that each GPU has to give: what its driver calls free, and what torch holds there unused. None: no GPU."""
    return min((_free_gb(gpu) for gpu in gpus_of(device, gpus)), default=None)


def allocated_gb(device: str, gpus: int = 1) -> list[float]:
    """The most GB that torch has had allocated on each GPU; empty without one."""
    import torch

    return [torch.cuda.max_memory_allocated(gpu) / GB for gpu in gpus_of(device, gpus)]


def _free_gb(gpu: str) -> float:
    import torch

    unused = torch.cuda.memory_reserved(gpu) - torch.cuda.memory_allocated(gpu)
    return float(torch.cuda.mem_get_info(gpu)[0] + unused) / GB
