"""A base model that stays in memory from one training to the next, in a process that does nothing but train.

To read 14 GB of weights takes longer than to train on forty pairs. A training changes nothing of its base: peft puts
layers around the base's own, and ``bare`` takes them off again. Off by default; the training process turns it on.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

import torch

LEFT_BY_PEFT = ("peft_config", "_hf_peft_config_loaded")


class Resident:
    """At most one base model, by what it was made of. ``loads``: how often one was read."""

    def __init__(self) -> None:
        self.stays, self.loads = False, 0
        self._key: Hashable = None
        self._model: Any = None

    def base(self, key: Hashable, load: Callable[[], Any]) -> Any:
        """The model of this key: the one in memory, bare, else a new one, for which the old one makes room."""
        if not self.stays:
            return load()
        if self._model is None or key != self._key:
            self.drop()
            self._key, self._model, self.loads = key, load(), self.loads + 1
        return bare(self._model)

    def held_bytes(self, device: str) -> int:
        """Bytes that the model's weights take on a device: the next training has them or gives them back."""
        if self._model is None:
            return 0
        place = torch.device(device)
        kept = [one for one in bare(self._model).parameters() if one.device.type == place.type]
        return sum(one.numel() * one.element_size() for one in kept if one.device.index in (None, place.index or 0))

    def drop(self) -> None:
        """Give the model's memory back."""
        self._key = self._model = None
        gc.collect()
        torch.cuda.empty_cache()  # does nothing where no CUDA was started


RESIDENT = Resident()


def bare(model: Any) -> Any:
    """The model without an adapter's layers and settings, frozen, in eval mode: as it was read."""
    for name, module in [pair for pair in model.named_modules() if hasattr(pair[1], "base_layer")]:
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, module.base_layer)
    for name in LEFT_BY_PEFT:
        with suppress(AttributeError):
            delattr(model, name)
    if getattr(model, "is_gradient_checkpointing", False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # a name that transformers 6 renames
            model.gradient_checkpointing_disable()
        model.disable_input_require_grads()
    return model.requires_grad_(False).eval()
