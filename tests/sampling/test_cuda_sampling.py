"""The sampler on a GPU: the CPU's text in float32, and nothing but the request decides within one batch size."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.records import Sampling
from selfboot.sampling.transformers import TransformersSampler
from tests.tiny_models import ARCHITECTURES, TEXT, save_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
PROMPTS = [f"{prefix}{text}" * times for text in TEXT for times in (1, 2) for prefix in ("", "# one more\n")]
HOT = Sampling(max_new_tokens=40, temperature=1.0, top_p=0.9, n=3)


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TransformersSampler]:
    folders: dict[str, Path] = {}

    def make(device: str, dtype: torch.dtype, architecture: str = "llama", rows: int = 16) -> TransformersSampler:
        if architecture not in folders:
            folders[architecture] = save_model(tmp_path_factory.mktemp(architecture), architecture)
        spec = ModelSpec(architecture, str(folders[architecture]))
        return TransformersSampler(load_model(spec, device, dtype), load_tokenizer(spec), (), rows)

    return make


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("sampling", [Sampling(max_new_tokens=40), HOT], ids=["greedy", "sampled"])
def test_float32_draws_what_the_cpu_draws(
    on: Callable[..., TransformersSampler], architecture: str, sampling: Sampling
) -> None:
    seeds = range(len(PROMPTS))
    here = on("cpu", torch.float32, architecture).generate(PROMPTS, sampling, seeds)
    there = on("cuda", torch.float32, architecture).generate(PROMPTS, sampling, seeds)
    pairs = [pair for row, other in zip(here, there, strict=True) for pair in zip(row, other, strict=True)]
    assert sum(a != b for a, b in pairs) <= len(pairs) // 20  # near ties of a random model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_order_and_repetition_change_nothing(on: Callable[..., TransformersSampler], dtype: torch.dtype) -> None:
    sampler, order = on("cuda", dtype), list(range(len(PROMPTS)))
    straight = sampler.generate(PROMPTS, HOT, order)
    assert sampler.generate(PROMPTS, HOT, order) == straight
    random.Random(0).shuffle(order)
    assert sampler.generate([PROMPTS[at] for at in order], HOT, order) == [straight[at] for at in order]


def test_stops_count_the_same_tokens_though_looked_at_rarely(on: Callable[..., TransformersSampler]) -> None:
    here, there = on("cpu", torch.float32), on("cuda", torch.float32)
    stop = here.generate(PROMPTS[:1], Sampling(max_new_tokens=40), [0])[0][0].text[5:7]
    sampling = Sampling(max_new_tokens=40, stop=(stop,))
    one, other = (sampler.generate(PROMPTS[:1], sampling, [0]) for sampler in (here, there))
    assert one == other
    assert one[0][0].finish == "stop"
