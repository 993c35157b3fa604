"""Completions cut short, for trial runs whose only question is whether all of it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selfboot.records import Completion, Sampling
from selfboot.sampling.base import Sampler


def short(sampling: Sampling, tokens: int | None) -> Sampling:
    """The same draw with at most so many tokens a completion; None: as it is."""
    return replace(sampling, max_new_tokens=min(tokens, sampling.max_new_tokens)) if tokens else sampling


@dataclass(frozen=True)
class ShortSampler:
    """Another sampler, none of whose completions gets longer than ``tokens``."""

    inner: Sampler
    tokens: int | None

    @property
    def engine(self) -> dict[str, str]:
        return self.inner.engine

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        return self.inner.generate(prompts, short(sampling, self.tokens), seeds, on_done)
