"""A long draw in pieces that are kept one by one, so that a killed one goes on where it was, to the very same tokens.

What is drawn beside a prompt can change the last bits of its logits, so a piece is always drawn as a whole, and where
pieces begin depends on the request alone: not on the engine's batch, not on when it was killed, and not on how many
engines draw pieces side by side.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue

from selfboot.records import Completion, Sampling
from selfboot.sampling.base import Sampler
from selfboot.storage.files import read_sealed, write_sealed

PIECE_TOKENS = 1_000_000  # that a piece may come to at most: minutes of a GPU, many times its batch
Drawn = list[tuple[Completion, ...]]


def pieces(prompts: int, sampling: Sampling) -> list[slice]:
    """Which prompts are drawn together: runs of as many as can draw ``PIECE_TOKENS`` tokens, one at least."""
    samples = sampling.n if sampling.temperature > 0 else 1
    size = max(1, PIECE_TOKENS // max(1, samples * sampling.max_new_tokens))
    return [slice(at, at + size) for at in range(0, prompts, size)]


def draw_in_pieces(
    samplers: Sequence[Sampler],
    prompts: Sequence[str],
    sampling: Sampling,
    seeds: Sequence[int],
    work: Path,
    on_done: Callable[[int], None],
) -> Drawn:
    """``generate`` piece by piece; each is kept in ``work``, and found there after a kill.

    ``samplers``: one, or several that draw alike, each on a GPU of its own: a piece goes to the next one that is free.
    """
    free, told, parts = SimpleQueue[Sampler](), _Done(on_done), pieces(len(prompts), sampling)
    for sampler in samplers:
        free.put(sampler)

    def piece(number: int) -> Drawn:
        file, part = work / f"piece-{number:04}.json", parts[number]
        kept = read_sealed(file)
        if kept is None:
            with _taken(free) as sampler:
                rows = sampler.generate(prompts[part], sampling, seeds[part], lambda done: told.so_far(number, done))
            kept = json.dumps([[asdict(one) for one in row] for row in rows], ensure_ascii=False).encode()
            write_sealed(file, kept)
        drawn = [tuple(Completion(**one) for one in row) for row in json.loads(kept)]
        told.so_far(number, len(drawn))
        return drawn

    if len(samplers) == 1:
        return [row for number in range(len(parts)) for row in piece(number)]
    with ThreadPoolExecutor(len(samplers)) as pool:
        return [row for drawn in pool.map(piece, range(len(parts))) for row in drawn]


@contextmanager
def _taken(free: SimpleQueue[Sampler]) -> Iterator[Sampler]:
    """A sampler that no other piece has meanwhile."""
    sampler = free.get()
    try:
        yield sampler
    finally:
        free.put(sampler)


class _Done:
    """Tells how many prompts are done in all pieces together."""

    def __init__(self, on_done: Callable[[int], None]) -> None:
        self.on_done, self.done, self.lock = on_done, dict[int, int](), threading.Lock()

    def so_far(self, piece: int, done: int) -> None:
        with self.lock:
            self.done[piece] = done
            self.on_done(sum(self.done.values()))
