"""Training on a GPU: reproducible, resumable to the bit, and close to the CPU's."""

from __future__ import annotations

from dataclasses import replace
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


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_over_two_gpus_as_on_one(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    """The layers' work is the same wherever they lie; without dropout, whose masks follow the device."""

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    plain = replace(RECIPE, dropout=0.0)
    one = train_adapter(spec, examples, plain, 7, tmp_path / "a", "cuda")
    two = train_adapter(spec, examples, plain, 7, tmp_path / "b", "cuda", gpus=2)
    assert two.losses == pytest.approx(one.losses, rel=1e-3)
    assert two.engine["gpus"] == "2"
    whole = train_adapter(spec, examples, RECIPE, 7, tmp_path / "c", "cuda", gpus=2)
    work, saving = tmp_path / "work", replace(RECIPE, gradient_checkpointing=True)
    with pytest.raises(KeyboardInterrupt):
        train_adapter(spec, examples, RECIPE, 7, tmp_path / "d", "cuda", work, stop, checkpoint_every=2, gpus=2)
    again = train_adapter(spec, examples, RECIPE, 7, tmp_path / "d", "cuda", work, checkpoint_every=2, gpus=2)
    assert (again.resumed, again.sha256, again.losses) == (4, whole.sha256, whole.losses)
    assert train_adapter(spec, examples, saving, 7, tmp_path / "e", "cuda", gpus=2).losses == pytest.approx(
        whole.losses, rel=1e-3
    )


def test_losses_are_the_cpus_up_to_bf16(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    here = train_adapter(spec, examples, RECIPE, 7, tmp_path / "a")
    there = train_adapter(spec, examples, RECIPE, 7, tmp_path / "b", "cuda")
    assert there.losses[0] == pytest.approx(here.losses[0], rel=0.02)
    assert there.losses[-1] == pytest.approx(here.losses[-1], rel=0.2)
