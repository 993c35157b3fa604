"""A model part by part: what lies where, and random weights made in place (two GPUs: test_cuda_training.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig

from selfboot.errors import UnavailableError
from selfboot.models import ModelSpec
from selfboot.models.load import load_model
from selfboot.models.parts import empty_model, layer_map, random_model
from selfboot.registry import model_entry
from tests.tiny_models import ARCHITECTURES, save_model

CPU = torch.device("cpu")


def large(folder: Path) -> torch.nn.Module:
    """The paper's largest model without a weight."""
    shape = model_entry("qwen2.5-72b").shape
    assert shape is not None
    (folder / "config.json").write_text(json.dumps(shape.config()))
    model: torch.nn.Module = empty_model(AutoConfig.from_pretrained(str(folder)), torch.bfloat16)
    return model


def test_the_largest_model_lies_evenly_on_two_gpus(tmp_path: Path) -> None:
    model, gpus = large(tmp_path), [torch.device("cuda", 0), torch.device("cuda", 1)]
    places = layer_map(model, gpus)
    weights = dict.fromkeys(gpus, 0)
    for name, gpu in places.items():
        weights[gpu] += sum(value.numel() for value in model.get_submodule(name).parameters())
    assert sum(weights.values()) == sum(value.numel() for value in model.parameters())
    assert max(weights.values()) / sum(weights.values()) < 0.51
    runs = [places[f"model.layers.{index}"].index for index in range(80)]
    assert runs == sorted(runs), "a batch changes GPUs once on its way"
    assert {places[name].index for name in ("model.embed_tokens", "model.norm", "lm_head")} == {0}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_random_parts_make_a_whole(architecture: str, tied: bool, tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(str(save_model(tmp_path / "m", architecture, tie_word_embeddings=tied)))
    one, two = (random_model(config, seed, torch.float32, [CPU, CPU]) for seed in (0, 1))
    assert {value.device for value in one.parameters()} == {CPU}
    ids = torch.arange(10)[None]
    assert one(ids).logits.isfinite().all()
    assert torch.equal(one(ids).logits, random_model(config, 0, torch.float32, [CPU, CPU])(ids).logits)
    assert not torch.equal(one(ids).logits, two(ids).logits)
    assert (one.lm_head.weight is one.model.embed_tokens.weight) == tied


@pytest.mark.skipif(torch.cuda.device_count() > 8, reason="there are so many")
def test_fewer_gpus_than_asked_for_is_said(tmp_path: Path) -> None:
    spec = ModelSpec("tiny", str(save_model(tmp_path / "m")))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with pytest.raises(UnavailableError, match="go on 9 GPUs, torch sees"):
        load_model(spec, device, gpus=9)
