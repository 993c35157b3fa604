"""One file that brings an interrupted training back to the very bits it had: safetensors, replaced atomically.

It holds adapter weights, optimiser moments, random-number states, the loss of every step so far and the key of the
training it belongs to. Data order and learning rate are functions of seed and step, so they need not be kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from selfboot.errors import DataError
from selfboot.store import write_atomic

NAME = "checkpoint.safetensors"


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
        """What was saved last, or None. DataError when the file is damaged or of another training."""
        if not self.path.is_file():
            return None
        try:
            with safe_open(str(self.path), framework="pt") as file:
                record = json.loads(file.metadata()["record"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"checkpoint {self.path} is damaged ({error}); delete it to train from the start"
            ) from error
        if record["key"] != self.key:
            raise DataError(
                f"checkpoint {self.path} belongs to another training (model, examples, recipe, seed or versions "
                "differ); delete it, or give this training a folder of its own"
            )
        return Saved(tensors, record)

    def save(self, saved: Saved) -> None:
        """Replace the file. StoreError when the disk is full or read-only; the old one is then still there."""
        record = json.dumps({**saved.record, "key": self.key})
        write_atomic(self.path, save(saved.tensors, metadata={"record": record}))
