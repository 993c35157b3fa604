"""A long draw in pieces that are kept one by one, so that a killed one goes on where it was, to the very same tokens.

What is drawn beside a prompt can change the last bits of its logits, so a piece is always drawn as a whole, and where
pieces begin depends on the request alone: not on the engine's batch, and not on when it was killed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

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
    sampler: Sampler,
    prompts: Sequence[str],
    sampling: Sampling,
    seeds: Sequence[int],
    work: Path,
    on_done: Callable[[int], None],
) -> Drawn:
    """``sampler.generate`` piece by piece; each is kept in ``work``, and found there after a kill."""
    drawn: Drawn = []
    for number, part in enumerate(pieces(len(prompts), sampling)):
        file, before = work / f"piece-{number:04}.json", len(drawn)
        kept = read_sealed(file)
        if kept is None:
            rows = sampler.generate(prompts[part], sampling, seeds[part], _after(before, on_done))
            kept = json.dumps([[asdict(one) for one in row] for row in rows], ensure_ascii=False).encode()
            write_sealed(file, kept)
        drawn += [tuple(Completion(**one) for one in row) for row in json.loads(kept)]
        on_done(len(drawn))
    return drawn


def _after(before: int, on_done: Callable[[int], None]) -> Callable[[int], None]:
    """``on_done`` for a piece, before which so many prompts were done."""
    return lambda done: on_done(before + done)
