"""4-bit NF4 through bitsandbytes: what is quantised, how near it stays, how it is sampled, keyed and refused.

Not covered: GPUs, where the same code has bitsandbytes' CUDA kernels and bf16 underneath.
"""

from __future__ import annotations

import importlib.util
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from selfboot.benchmarks.base import load_benchmark
from selfboot.engines.engines import Engines, ModelRef
from selfboot.errors import UnavailableError
from selfboot.lab import Lab
from selfboot.models import ModelSpec, nf4
from selfboot.models.load import load_model, load_tokenizer
from selfboot.models.shape import NF4_BYTES, Shape
from selfboot.models.spec import fingerprint
from selfboot.planning import availability
from selfboot.records import Sampling
from selfboot.registry import ModelEntry, model_entry, registry
from selfboot.sampling.transformers import TransformersSampler
from selfboot.store import RunStore
from tests.tiny_models import ARCHITECTURES, save_model

quantises = pytest.mark.skipif(nf4.missing() is not None, reason=f"not run: {nf4.missing()}")
PROMPTS = ["def add(a, b):\n", "class Stack:\n", "for number in"]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    return ModelSpec("tiny", str(save_model(tmp_path_factory.mktemp("model") / "tiny", intermediate_size=192)))


@pytest.fixture(scope="module")
def small(spec: ModelSpec) -> ModelSpec:
    return replace(spec, quantization="nf4")


def in_four_bits(model: Any) -> dict[str, Any]:
    from bitsandbytes.nn import Linear4bit

    return {name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)}


@quantises
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_layers_are_in_four_bits_and_nothing_else_is(architecture: str, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "m", architecture, intermediate_size=192, tie_word_embeddings=False)
    whole = ModelSpec("tiny", str(folder))
    exact, model = load_model(whole), load_model(replace(whole, quantization="nf4"))
    found = in_four_bits(model)
    linear = {name for name, module in exact.named_modules() if isinstance(module, torch.nn.Linear)}
    assert set(found) == linear - {"lm_head"}
    for name, module in found.items():
        state = module.weight.quant_state
        assert module.weight.dtype == torch.uint8
        assert module.weight.nbytes == exact.get_submodule(name).weight.numel() / 2
        assert (state.quant_type, state.nested, state.blocksize) == ("nf4", True, 64)
        assert module.compute_dtype == torch.float32
    kept = {name: value for name, value in model.named_parameters() if value.dtype != torch.uint8}
    assert {"model.embed_tokens.weight", "lm_head.weight"} <= set(kept)
    assert all(torch.equal(value, exact.get_parameter(name)) for name, value in kept.items())
    assert not model.training
    assert not any(value.requires_grad for value in model.parameters())


@quantises
def test_a_weight_takes_the_bytes_that_planning_reckons(tmp_path: Path) -> None:
    sizes = {"hidden_size": 256, "intermediate_size": 512}
    model = load_model(ModelSpec("wide", str(save_model(tmp_path / "m", **sizes)), quantization="nf4"))
    layers = in_four_bits(model).values()
    parts = [(m.weight, m.weight.quant_state.absmax, m.weight.quant_state.state2.absmax) for m in layers]
    weights = sum(m.in_features * m.out_features for m in layers)
    assert sum(part.nbytes for one in parts for part in one) == pytest.approx(weights * NF4_BYTES, rel=0.01)
    shape = Shape("llama", 2, 256, 4, 2, 512, 400, 512, tied=True)
    assert shape.weight_bytes("nf4") == (shape.parameters - weights) * 2 + weights * NF4_BYTES
    assert shape.weight_bytes() == shape.parameters * 2


@quantises
def test_logits_are_those_of_the_rounded_weights_and_near_the_exact_ones() -> None:
    """The mini model, on three solved tasks: a float model with its 4-bit weights written out computes the same."""
    from bitsandbytes.functional import dequantize_4bit

    entry = model_entry("organism-0-nf4")
    whole = ModelSpec(entry.name, entry.source, tokenizer=entry.tokenizer)
    exact, rounded, model = load_model(whole), load_model(whole), load_model(replace(whole, quantization="nf4"))
    for name, module in in_four_bits(model).items():
        plain, wanted = rounded.get_submodule(name), exact.get_submodule(name).weight
        plain.weight.data = dequantize_4bit(module.weight.data, module.weight.quant_state)
        assert 0.05 < (plain.weight - wanted).norm() / wanted.norm() < 0.12
    tokenizer = load_tokenizer(whole)
    for task in load_benchmark("minieval").tasks[:3]:
        ids = torch.tensor([tokenizer.encode(task.prompt + task.canonical, add_special_tokens=False)])
        with torch.inference_mode():
            ours, written, full = (each(ids).logits[0] for each in (model, rounded, exact))
        assert torch.allclose(ours, written, atol=1e-3)
        assert torch.corrcoef(torch.stack([ours.flatten(), full.flatten()]))[0, 1] > 0.97
        assert (ours.argmax(-1) == full.argmax(-1)).float().mean() > 0.8


@quantises
def test_the_sampler_draws_what_generate_does(spec: ModelSpec, small: ModelSpec) -> None:
    """Greedy, on a model of its own: the sampler rearranges plain weights in memory and must leave 4-bit ones alone."""
    model, tokenizer = load_model(small), load_tokenizer(small)
    before = {name: module.weight.data.clone() for name, module in in_four_bits(model).items()}
    wanted = []
    for prompt in PROMPTS:
        ids = torch.tensor([[0, *tokenizer.encode(prompt, add_special_tokens=False)]])
        out = model.generate(ids, max_new_tokens=12, do_sample=False, attention_mask=torch.ones_like(ids))
        wanted.append(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    sampler = TransformersSampler(model, tokenizer)
    drawn = sampler.generate(PROMPTS, Sampling(max_new_tokens=12), [0] * 3)
    assert [completion.text for (completion,) in drawn] == wanted
    assert any(wanted)
    after = in_four_bits(sampler.model)
    assert all(torch.equal(after[name].weight.data, value) for name, value in before.items())


@quantises
def test_a_random_init_model_is_seeded_in_four_bits_and_leaves_random_state_alone(small: ModelSpec) -> None:
    before = torch.get_rng_state()
    random = small.random_init(3)
    one, two, other = (load_model(each) for each in (random, random, random.random_init(4)))
    assert torch.equal(before, torch.get_rng_state())
    name = "model.layers.0.mlp.up_proj"
    packed = [in_four_bits(model)[name].weight.data for model in (one, two, other)]
    assert torch.equal(packed[0], packed[1])
    assert not torch.equal(packed[0], packed[2])
    assert one.get_output_embeddings().weight is one.get_input_embeddings().weight
    assert torch.equal(one.model.norm.weight, torch.ones(64))
    text = [TransformersSampler(m, load_tokenizer(small)).generate(PROMPTS, Sampling(12), [0] * 3) for m in (one, two)]
    assert text[0] == text[1]
    assert fingerprint(random) not in (fingerprint(small), fingerprint(replace(random, quantization="")))


def test_a_store_key_is_not_that_of_the_whole_model(spec: ModelSpec, small: ModelSpec) -> None:
    assert fingerprint(spec) != fingerprint(small)
    entry = ModelEntry("tiny", spec.source)
    whole = Engines().key(ModelRef(entry, spec, lambda: None))
    assert not set(whole) & {"quantization", "bitsandbytes"}
    if nf4.missing() is None:
        key = Engines().key(ModelRef(replace(entry, quantization="nf4"), small, lambda: None))
        assert key["quantization"] == "nf4"
        assert key["bitsandbytes"]


def test_it_is_drawn_by_transformers_with_this_code() -> None:
    entry = model_entry("qwen2.5-72b-nf4")
    for choice in ("auto", "vllm"):
        engines = Engines(choice)  # type: ignore[arg-type]
        assert engines.engine(entry) == "transformers"
        assert "selfboot.models.nf4" in engines.code(entry)
    assert "selfboot.models.nf4" not in Engines().code(model_entry("organism-0"))


def test_a_trial_run_from_the_shape_alone_is_in_four_bits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    with Lab(RunStore(tmp_path / "store"), weights="random") as lab:
        spec = lab.spec("qwen2.5-72b-nf4")
        assert (spec.weights, spec.quantization) == ("random", "nf4")
        assert lab.spec("organism-0-nf4").quantization == "nf4"
        with pytest.raises(UnavailableError, match="train the model in full"):
            lab.train("organism-0-nf4", [], "mini", 7)


@quantises
def test_a_random_model_is_never_there_whole(small: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer's weights go as they are quantised: 145 GB of the paper's largest model fit no GPU."""
    quantised, whole, most = nf4._quantised, [], 0

    def watched(linear: torch.nn.Linear, dtype: torch.dtype) -> Any:
        nonlocal most
        whole.append(weakref.ref(linear.weight))
        made = quantised(linear, dtype)
        most = max(most, sum(one() is not None for one in whole))
        return made

    monkeypatch.setattr(nf4, "_quantised", watched)
    load_model(small.random_init())
    assert len(whole) > 10
    assert most <= 2


@quantises
def test_rows_that_the_cpu_kernel_gets_wrong_are_refused(tmp_path: Path) -> None:
    odd = ModelSpec("odd", str(save_model(tmp_path / "m", intermediate_size=160)), quantization="nf4")
    for each in (odd, odd.random_init()):
        with pytest.raises(UnavailableError, match=r"layers\.0\.mlp\.down_proj: rows of 160 weights"):
            load_model(each)


@quantises
def test_it_takes_no_adapter(small: ModelSpec, tmp_path: Path) -> None:
    for how in ({"adapter": tmp_path}, {"trainable": True}):
        with pytest.raises(UnavailableError, match="to mine from only"):
            load_model(small, **how)  # type: ignore[arg-type]


def test_without_bitsandbytes_it_says_what_to_install(small: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else find(name))
    for each in (small, small.random_init()):
        with pytest.raises(UnavailableError, match=r"bitsandbytes.*not installed: pip install 'selfboot\[quant\]'"):
            load_model(each)
    reason = availability.missing(registry()["harvest-nf4"].scales["mini"], "mini")
    assert reason == nf4.missing()
    assert "selfboot[quant]" in str(reason)
    assert availability.missing(registry()["recipe-7b"].scales["mini"], "mini") is None


@quantises
def test_an_old_bitsandbytes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.45.5")
    assert "bitsandbytes 0.45.5 is too old" in str(nf4.missing())
