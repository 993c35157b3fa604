"""Training on a GPU: reproducible, resumable to the bit, and close to the CPU's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfboot.models import ModelSpec
from selfboot.training import Example, Recipe
from selfboot.training.lora import train_adapter

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
RECIPE = Recipe(rank=4, lr=1e-2, batch_size=2, accumulation=2, epochs=4)


def test_same_bits_again_and_after_an_interruption(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    whole = train_adapter(spec, examples, RECIPE, 7, tmp_path / "a", "cuda")
    assert train_adapter(spec, examples, RECIPE, 7, tmp_path / "b", "cuda").sha256 == whole.sha256
    work = tmp_path / "work"
    with pytest.raises(KeyboardInterrupt):
        train_adapter(spec, examples, RECIPE, 7, tmp_path / "c", "cuda", work, stop, checkpoint_every=2)
    again = train_adapter(spec, examples, RECIPE, 7, tmp_path / "c", "cuda", work, checkpoint_every=2)
    assert (again.resumed, again.sha256, again.losses) == (4, whole.sha256, whole.losses)
    assert whole.losses[-1] < whole.losses[0]


def test_losses_are_the_cpus_up_to_bf16(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    here = train_adapter(spec, examples, RECIPE, 7, tmp_path / "a")
    there = train_adapter(spec, examples, RECIPE, 7, tmp_path / "b", "cuda")
    assert there.losses[0] == pytest.approx(here.losses[0], rel=0.02)
    assert there.losses[-1] == pytest.approx(here.losses[-1], rel=0.2)
