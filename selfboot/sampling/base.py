"""What a sampler is, and the random numbers every engine of ours draws from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from selfboot.records import Completion, Sampling


class Sampler(Protocol):
    """Draws completions of rendered prompts."""

    @property
    def engine(self) -> dict[str, str]:
        """All about the engine that may change a result: name, versions, dtype, threads. For keys and manifests."""
        ...

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        """``sampling.n`` completions for each prompt, in the prompts' order.

        ``seeds[i]`` is prompt i's seed; its sample j draws from a stream of its own derived from (seed, j), so the
        first 8 of 32 samples are the samples of n=8. ``on_done`` is told how many prompts are done so far.
        """
        ...


def uniforms(seed: int, sample: int, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """``count`` uniform numbers in [0, 1) of stream (seed, sample); number t depends on nothing but (seed, sample, t).

    Philox, a counter-based generator, keyed by (seed, sample); ``random_raw`` keeps its stream across numpy versions.
    """
    key = np.array([seed % 2**64, sample], dtype=np.uint64)
    raw: np.ndarray[Any, np.dtype[np.uint64]] = np.random.Philox(key=key).random_raw(count)
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def token_hash(ids: Sequence[int]) -> str:
    """sha256[:16] of drawn token ids: equal hashes are the evidence for "deterministic for a fixed seed"."""
    return hashlib.sha256(np.asarray(ids, dtype="<i8").tobytes()).hexdigest()[:16]
