"""Gradient checkpointing is chosen from measured memory. No GPU here: its memory is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfboot.errors import DataError
from selfboot.models.memory import training_gb
from selfboot.registry import ModelEntry, model_entry
from selfboot.training.memory import Memory, free_gb, judged


@pytest.mark.parametrize("rank", [16, 32])
def test_plain_where_it_fits_else_with_checkpointing(rank: int) -> None:
    entry = model_entry("qwen2.5-14b")
    assert entry.shape is not None
    plain, saving = training_gb(entry.shape, rank), training_gb(entry.shape, rank, checkpointing=True)
    assert judged(entry, rank, plain) == Memory(plain, plain, False)
    assert judged(entry, rank, plain - 0.001) == Memory(plain - 0.001, saving, True)
    assert judged(entry, rank, 0.0).checkpointing, "nothing free is not the same as nobody knows"


def test_the_paper_s_7b_on_its_two_gpus() -> None:
    """Nearly all of 48 and of 80 GB free: plain; with half of 48 GB taken by somebody else: not."""
    entry = model_entry("qwen2.5-7b")
    assert [judged(entry, 16, free).checkpointing for free in (79.0, 47.0, 24.0)] == [False, False, True]


def test_without_a_gpu_or_a_shape_it_is_plain() -> None:
    assert free_gb("cpu") is None
    assert judged(model_entry("qwen2.5-7b"), 16, None) == Memory(None)
    assert judged(ModelEntry("small", "somewhere"), 16, 1.0) == Memory(1.0)


def test_weights_in_4_bits_are_not_trained() -> None:
    entry = model_entry("qwen2.5-72b-nf4")
    with pytest.raises(DataError, match="to mine from only"):
        judged(entry, 16, 80.0)
    assert judged(replace(entry, quantization=""), 16, 80.0).checkpointing
