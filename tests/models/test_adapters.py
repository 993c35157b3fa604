"""Adapters that do not fit, and models that lack the modules to adapt, are refused by name; those that fit are not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, Phi3Config

from selfboot.errors import DataError
from selfboot.models import ModelSpec
from selfboot.models.adapters import check_adapter, check_targets, linear_names
from selfboot.models.load import load_model
from tests.tiny_models import ARCHITECTURES, save_model

QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")
Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model") / "tiny")


def adapter(model: Path, out: Path, **settings: object) -> Path:
    """A random adapter of the model in a folder, as peft writes it."""
    config = LoraConfig(**{"r": 4, "target_modules": list(QKVO), "task_type": "CAUSAL_LM", **settings})
    get_peft_model(AutoModelForCausalLM.from_pretrained(str(model)), config).save_pretrained(str(out))
    return out


@pytest.fixture
def fitting(folder: Path, tmp_path: Path) -> Path:
    return adapter(folder, tmp_path / "adapter", init_lora_weights=False)


def changed(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file({key: value.contiguous() for key, value in change(tensors).items()}, folder / "adapter_model.safetensors")


def check(model: Path, out: Path) -> None:
    check_adapter("tiny", AutoConfig.from_pretrained(str(model)), out)


@pytest.mark.parametrize("settings", [{}, {"layers_to_transform": [0]}, {"modules_to_save": ["lm_head"]},
                                      {"target_modules": "all-linear"}, {"use_dora": True}])  # fmt: skip
def test_what_peft_writes_fits(folder: Path, tmp_path: Path, settings: dict[str, object]) -> None:
    check(folder, adapter(folder, tmp_path / "adapter", **settings))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_takes_its_own_adapter(architecture: str, tmp_path: Path) -> None:
    model = save_model(tmp_path / "m", architecture)
    check(model, adapter(model, tmp_path / "adapter"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {k: v for k, v in t.items() if "layers.0." in k}, r"lacks 8 tensors \(base_model.*layers\.1\."),
        (
            lambda t: {k.replace("self_attn", "attention"): v for k, v in t.items()},
            r"lacks 16 tensors \(.*has unknown 16 tensors \(base_model\.model\.model\.layers\.0\.attention\.k_proj",
        ),
        (lambda t: {k.removeprefix("base_model.model."): v for k, v in t.items()}, r"has unknown 16 .*\(model\.layers"),
        (lambda t: {k: v[..., :-1] for k, v in t.items()}, "has other shapes of 16 tensors"),
        (lambda t: t | {"base_model.model.extra.weight": torch.zeros(1)}, "has unknown 1 tensors"),
        (lambda t: {}, "lacks 16 tensors"),
    ],
    ids=["half the layers", "renamed", "prefix lost", "shapes", "one more", "none"],
)
def test_tensors_that_do_not_fit_are_named(
    folder: Path, fitting: Path, change: Callable[[Tensors], Tensors], message: str
) -> None:
    load_model(ModelSpec("tiny", str(folder)), adapter=fitting)
    changed(fitting, change)
    with pytest.raises(DataError, match=f"does not fit model 'tiny': it .*{message}"):
        load_model(ModelSpec("tiny", str(folder)), adapter=fitting)


def test_another_model_s_adapter_and_damage_are_refused(folder: Path, fitting: Path, tmp_path: Path) -> None:
    other = save_model(tmp_path / "wide", hidden_size=32)
    with pytest.raises(DataError, match=r"has other shapes of .*its config says .*tiny"):
        check(other, fitting)
    config = json.loads((fitting / "adapter_config.json").read_text())
    (fitting / "adapter_config.json").write_text(json.dumps(config | {"target_modules": ["c_attn"]}))
    with pytest.raises(DataError, match=r"does not fit model 'tiny': .*Target modules"):
        check(folder, fitting)
    shutil.copy(fitting / "adapter_config.json", fitting / "adapter_model.safetensors")
    with pytest.raises(DataError, match=r"adapter_model\.safetensors cannot be read"):
        check(folder, fitting)


def test_an_adapter_with_the_embeddings_beside_it_fits(folder: Path, fitting: Path) -> None:
    """peft adds them where the vocabulary was enlarged, and loads them."""
    name = "base_model.model.model.embed_tokens.weight"
    changed(fitting, lambda tensors: tensors | {name: torch.zeros(400, 64)})
    check(folder, fitting)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=10), "has no q_proj, k_proj, v_proj, o_proj to adapt; "
         "its linear layers are c_attn, c_proj, c_fc"),
        (Phi3Config(num_hidden_layers=1, hidden_size=8, intermediate_size=8, num_attention_heads=2, vocab_size=10,
                    pad_token_id=0), "has no q_proj, k_proj, v_proj to adapt; its linear layers are o_proj, qkv_proj"),
    ],
)  # fmt: skip
def test_a_model_without_the_modules_to_adapt_is_refused_with_the_names_it_has(config: object, message: str) -> None:
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(DataError, match=message):
        check_targets("other", model, QKVO)
    check_targets("other", model, linear_names(model))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_usual_architectures_have_them(architecture: str, tmp_path: Path) -> None:
    check_targets("tiny", load_model(ModelSpec("tiny", str(save_model(tmp_path / "m", architecture)))), QKVO)
