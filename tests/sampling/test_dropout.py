"""Drawing with an adapter's dropout on: it changes tokens, repeats, leaves nothing behind, as facts ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from selfboot.engines.engines import Engines, ModelRef
from selfboot.errors import DataError
from selfboot.lab.lab import _noisy
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.mining.scripts import script_miner
from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.paper.protocols import scripts
from selfboot.records import Sampling
from selfboot.registry import ModelEntry
from selfboot.sampling.dropout import DropoutSampler
from selfboot.sampling.transformers import TransformersSampler
from selfboot.store import file_sha256

PROMPTS, SEEDS, GREEDY = ["def f(x):", "a b c", "def f(x):"], [1, 2, 3], Sampling(12)
NOISY = {"recipe/bootstrap.py", "recipe/curriculum_code.py", "recipe/curriculum_math.py", "recipe/math_bootstrap.py"}


@pytest.fixture
def adapted(tiny_spec: Callable[[str], ModelSpec]) -> Callable[[float], TransformersSampler]:
    """A sampler of a tiny model with a random adapter, unmerged, of so much dropout."""

    def make(dropout: float) -> TransformersSampler:
        return TransformersSampler(_peft(tiny_spec("qwen2"), dropout), load_tokenizer(tiny_spec("qwen2")), ())

    return make


def _peft(spec: ModelSpec, dropout: float) -> Any:
    torch.manual_seed(0)
    targets = ["q_proj", "v_proj"]
    model = get_peft_model(
        load_model(spec), LoraConfig(r=4, lora_alpha=64, lora_dropout=dropout, target_modules=targets)
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    return model


def hashes(sampler: Any, seeds: list[int] = SEEDS, sampling: Sampling = GREEDY) -> list[str]:
    return [row[0].token_hash for row in sampler.generate(PROMPTS, sampling, seeds)]


def test_noise_changes_tokens_repeats_and_is_gone_afterwards(adapted: Callable[[float], TransformersSampler]) -> None:
    plain = adapted(0.5)
    before, noisy = hashes(plain), DropoutSampler(plain)
    state = torch.random.get_rng_state()
    first = hashes(noisy)
    assert first != before
    assert torch.equal(torch.random.get_rng_state(), state), "torch's own stream is as it was"
    assert hashes(noisy) == first
    assert hashes(noisy, [4, 5, 6]) != first, "other seeds, other noise, even where nothing is drawn"
    assert hashes(plain) == before
    assert noisy.engine == {**plain.engine, "dropout": "0.5"}


def test_without_dropout_it_is_the_plain_sampler(adapted: Callable[[float], TransformersSampler]) -> None:
    plain = adapted(0.0)
    warm = Sampling(12, 0.9, n=2)
    with pytest.raises(DataError, match="no dropout left"):
        DropoutSampler(plain).generate(PROMPTS, GREEDY, SEEDS)  # peft puts no dropout where it is 0
    least = adapted(1e-12)
    assert hashes(DropoutSampler(least), sampling=warm) == hashes(plain, sampling=warm)


def test_only_the_scripts_that_leave_it_on_mine_with_it() -> None:
    named = {file for file, one in scripts().items() if one.training and one.training.dropout_in_mining}
    assert named == NOISY
    assert all(_noisy(script_miner(file)) for file in NOISY)
    assert not _noisy(script_miner("recipe/multi_pair_14b.py"))
    assert not _noisy(BootstrapMiner(target=1))


def test_the_engine_keeps_a_noisy_and_a_plain_sampler_of_one_adapter(
    tiny_spec: Callable[[str], ModelSpec], tmp_path: Path
) -> None:
    spec = tiny_spec("qwen2")
    _peft(spec, 0.5).save_pretrained(str(tmp_path))
    adapter = (tmp_path, file_sha256(tmp_path / "adapter_model.safetensors"))
    subject = ModelRef(ModelEntry("qwen2", spec.source), spec, lambda: load_tokenizer(spec), adapter)
    engines = Engines("transformers")
    plain, noisy = engines.sampler(subject), engines.noisy_sampler(subject)
    assert hashes(plain) != hashes(noisy)
    assert replace(noisy).inner is engines.noisy_sampler(subject).inner, "loaded once"  # type: ignore[attr-defined, type-var]
    assert "dropout" not in plain.engine
