"""The samplers that transformers holds in a process, by what they are made of."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfboot.models.load import load_model
from selfboot.models.spec import ModelSpec
from selfboot.sampling.base import Sampler
from selfboot.sampling.dropout import DropoutSampler
from selfboot.sampling.graphs import GraphSampler
from selfboot.sampling.transformers import TransformersSampler
from selfboot.storage.manifest import check_loaded


@dataclass(frozen=True)
class Wanted:
    """What a sampler is made of, as data. ``adapter``: folder and sha256 of its weights; ``noisy``: with its dropout
    left on. ``graphs``: with CUDA graphs."""

    spec: ModelSpec
    device: str
    stop_ids: tuple[int, ...]
    rows: int | None = None
    adapter: tuple[Path, str] | None = None
    noisy: bool = False
    graphs: bool = False


class Held:
    """Samplers of base models, and of one adapter at a time."""

    def __init__(self) -> None:
        self._samplers: dict[Wanted, TransformersSampler] = {}

    def __contains__(self, wanted: Wanted) -> bool:
        return wanted in self._samplers

    def __len__(self) -> int:
        return len(self._samplers)

    def sampler(self, wanted: Wanted, tokenizer: Callable[[], Any]) -> Sampler:
        """The sampler, made if need be; errors are those of ``load_model`` and ``check_loaded``."""
        if wanted not in self._samplers:
            self._samplers = {one: sampler for one, sampler in self._samplers.items() if one.adapter is None}
            self._samplers[wanted] = _made(wanted, tokenizer())
        found = self._samplers[wanted]
        return DropoutSampler(found) if wanted.noisy else found

    @property
    def on_gpu(self) -> bool:
        return any(not one.device.startswith("cpu") for one in self._samplers)

    def drop(self) -> None:
        """Drop all models, and give back what memory they leave."""
        import torch

        self._samplers.clear()
        gc.collect()
        torch.cuda.empty_cache()  # does nothing where no CUDA was started


def _made(wanted: Wanted, tokenizer: Any) -> TransformersSampler:
    folder, sha256 = wanted.adapter or (None, "")
    model = load_model(wanted.spec, wanted.device, adapter=folder, merge=False if wanted.noisy else None)
    if folder is not None:
        check_loaded(folder, sha256)
    kind = GraphSampler if wanted.graphs and not wanted.noisy else TransformersSampler
    return kind(model, tokenizer, wanted.stop_ids, wanted.rows)
