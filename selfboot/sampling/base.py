"""What a sampler is, the random numbers it draws from, and the record it makes of drawn tokens: what engines share."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import numpy as np

from selfboot.errors import DataError
from selfboot.records import Completion, Sampling
from selfboot.sampling.stops import cut, first_stop


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


def complete(
    ids: Sequence[int], stop_ids: Sequence[int], stops: Sequence[str], decode: Callable[[Sequence[int]], str]
) -> Completion:
    """The record of drawn tokens, the same however far past its end an engine ran.

    Ends at the first stop token (counted as drawn, not part of the text) or at the token that completes a stop string.
    """
    end = next((at for at, token in enumerate(ids) if token in stop_ids), len(ids))
    stopped = first_stop(ids[:end], decode, stops)
    drawn = ids[: end + 1] if stopped is None else ids[:stopped]
    text, _ = cut(decode(ids[:end] if stopped is None else drawn), stops)
    finish: Literal["eos", "stop", "length"] = "stop" if stopped is not None else "eos" if end < len(ids) else "length"
    return Completion(text=text, tokens=len(drawn), finish=finish, token_hash=token_hash(drawn))


def ending(sampling: Sampling, stop_ids: Sequence[int], tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end a completion: the model's ``stop_ids``, or the tokenizer's end of text alone."""
    if sampling.end == "turn":
        return tuple(stop_ids)
    return () if tokenizer.eos_token_id is None else (int(tokenizer.eos_token_id),)


def check_request(prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int]) -> None:
    """DataError when a request cannot mean anything."""
    if len(prompts) != len(seeds):
        raise DataError(f"{len(prompts)} prompts but {len(seeds)} seeds; give each prompt one")
    for name, value, good in (
        ("n", sampling.n, sampling.n >= 1),
        ("max_new_tokens", sampling.max_new_tokens, sampling.max_new_tokens >= 1),
        ("temperature", sampling.temperature, sampling.temperature >= 0),
        ("top_p", sampling.top_p, 0 < sampling.top_p <= 1),
        ("top_k", sampling.top_k, sampling.top_k >= 0),
        ("end", sampling.end, sampling.end in ("turn", "text")),
    ):
        if not good:
            raise DataError(f"sampling {name}={value} is out of range; correct the recipe")


def reporter(place: Sequence[int], samples: int, on_done: Callable[[int], None] | None) -> Callable[[int], None]:
    """From finished rows to finished prompts: ``on_done`` is told how many prompts have all their samples."""
    askers, drawn, done = Counter(place), Counter[int](), 0

    def finished(row: int) -> None:
        nonlocal done
        drawn[row // samples] += 1
        if drawn[row // samples] == samples:
            done += askers[row // samples]
            if on_done:
                on_done(done)

    return finished
