"""Packed linear layers draw what plain ones draw."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfboot.models.load import load_model, load_tokenizer
from selfboot.models.spec import ModelSpec
from selfboot.records import Sampling
from selfboot.sampling.packed import pack
from selfboot.sampling.transformers import TransformersSampler
from tests.tiny_models import ARCHITECTURES, save_model

PROMPTS = ["def add(a, b):\n", "class Stack:\n", "How many apples are left?"]
AVX512 = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_packed_layers_draw_the_same(architecture: str, tmp_path: Path) -> None:
    save_model(tmp_path, architecture)
    spec = ModelSpec("tiny", str(tmp_path))
    drawn = []
    for packs in (False, True):
        sampler = TransformersSampler(load_model(spec), load_tokenizer(spec), (0,))
        if packs:
            packed = pack(sampler.model, sampler.rows)
            plain = [one for one in sampler.model.modules() if type(one) is torch.nn.Linear and one.weight.numel()]
            assert (packed > 0) == AVX512
            assert not (packed and plain), "every layer is packed, and its own weight given back"
        drawn.append([sampler.generate(PROMPTS, Sampling(24, temperature=t, n=2), [1, 2, 3]) for t in (0.0, 0.8)])
    assert drawn[0] == drawn[1]


def test_nothing_is_packed_where_the_cpu_gains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    save_model(tmp_path, "llama")
    model = load_model(ModelSpec("tiny", str(tmp_path)))
    assert pack(model, 4) == 0
    assert all(one.weight.numel() for one in model.modules() if isinstance(one, torch.nn.Linear))


@pytest.mark.skipif(not AVX512, reason="this CPU packs nothing")
def test_other_types_and_the_embedding_s_own_weight_stay(tmp_path: Path) -> None:
    save_model(tmp_path, "llama")
    assert pack(load_model(ModelSpec("tiny", str(tmp_path)), dtype=torch.bfloat16), 4) == 0
    model = load_model(ModelSpec("tiny", str(tmp_path)))
    model.lm_head.weight = model.get_input_embeddings().weight
    pack(model, 4)
    assert model.get_input_embeddings().weight.numel()
