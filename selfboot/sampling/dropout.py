"""An adapter that is drawn from with its dropout left on, as four of the paper's scripts do in mining.

They call ``model.train()`` after each training and go on mining (``dropout_in_mining``, data/protocols_paper.toml).
The noise comes from torch, seeded by the request: a run repeats on the same device. Samples of one prompt share the
noise of that prompt, which is read once (transformers.py); a script reads it again for each. vLLM has no dropout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from selfboot.errors import DataError
from selfboot.records import Completion, Sampling
from selfboot.sampling.transformers import TransformersSampler
from selfboot.store import digest


@dataclass(frozen=True)
class DropoutSampler:
    """A sampler of an adapter that is not merged, with the adapter's dropout on. DataError where it has none."""

    inner: TransformersSampler

    @property
    def engine(self) -> dict[str, str]:
        return {**self.inner.engine, "dropout": ", ".join(sorted({f"{one.p:g}" for one in self._modules()}))}

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        request = digest([list(prompts), sampling, list(seeds)])
        with _on(self._modules()), torch.random.fork_rng(self._devices()):
            torch.manual_seed(int(request[:15], 16))
            return self.inner.generate(prompts, sampling, seeds, on_done)

    def _modules(self) -> list[Any]:
        named = self.inner.model.named_modules()
        found = [one for name, one in named if "lora_dropout" in name and isinstance(one, torch.nn.Dropout)]
        if not found:
            raise DataError("dropout in mining: the adapter has no dropout left; load it unmerged")
        return found

    def _devices(self) -> list[torch.device]:
        return [] if self.inner.device.type == "cpu" else [self.inner.device]


@contextmanager
def _on(modules: Sequence[Any]) -> Iterator[None]:
    for one in modules:
        one.train()
    try:
        yield
    finally:
        for one in modules:
            one.eval()
