"""One file that brings an interrupted training back to the very bits it had, replaced atomically.

Under a seal (files.py) it holds a line of JSON (the loss of every step so far, the key of the training it belongs to)
and, as safetensors, adapter weights, optimiser moments and random-number states. Data order and learning rate are
functions of seed and step, so they need not be kept.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from selfboot.storage.files import read_sealed, set_aside, write_sealed

NAME = "checkpoint"


@dataclass(frozen=True)
class Saved:
    """Tensors by name and a small JSON record."""

    tensors: dict[str, Tensor]
    record: dict[str, Any]


class Checkpoint:
    """The checkpoint of the training with this ``key``, kept in ``folder`` every ``every`` steps."""

    def __init__(self, folder: Path, key: str, every: int) -> None:
        self.path, self.key, self.every = folder / NAME, key, every
        folder.mkdir(parents=True, exist_ok=True)

    def load(self) -> Saved | None:
        """What was saved last, or None. A file that is damaged, or of another training, is set aside, with a warning:
        the training starts over. StoreError when the disk cannot be read."""
        if (kept := read_sealed(self.path)) is None:
            return None
        words, _, tensors = kept.partition(b"\n")
        record = json.loads(words)
        if record["key"] == self.key:
            return Saved(load(tensors), record)
        aside = self.path.with_name(f"{NAME}.other-{time.time_ns()}")
        why = "it belongs to another training (model, examples, recipe, seed or versions differ)"
        set_aside(self.path, aside, "checkpoint", why)
        return None

    def save(self, saved: Saved) -> None:
        """Replace the file. StoreError when the disk is full or read-only; the old one is then still there."""
        record = json.dumps({**saved.record, "key": self.key})
        write_sealed(self.path, record.encode() + b"\n" + save(saved.tensors))
