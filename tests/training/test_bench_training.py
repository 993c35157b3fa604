"""Speed of training on the mini model, group ``training``: 40 pairs, chat-repair format, 2 epochs, rank 16, batch 2.

    pytest tests/training/test_bench_training.py -m bench --benchmark-enable --benchmark-columns=min,rounds
    (on a busy machine with --benchmark-timer=time.process_time: seconds of processor time instead)

``padded`` is what the paper's scripts do: one example at a time, padded to 2,048 tokens; it runs over two examples and
``extra_info`` extrapolates to all. ``arithmetic``: the matrix products of the linear layers alone, forward and for the
gradient of their inputs (the base is frozen), without padding. Threads: SELFBOOT_BENCH_THREADS, default 1.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from selfboot.formats.repair import pair_format
from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.pairs import read_pairs
from selfboot.paths import DATA, FIXTURES
from selfboot.training import Example, Recipe
from selfboot.training import lora as training
from selfboot.training.lora import encode, train_adapter

PAIRS = DATA / "pairs" / "control-own.jsonl"
SPEC = ModelSpec("organism-0", str(FIXTURES / "organism" / "seed0"), tokenizer=str(FIXTURES / "organism" / "tokenizer"))
RECIPE = Recipe(rank=16, lr=5e-4, epochs=2, batch_size=2, accumulation=1, schedule="cosine", warmup=0.03)
pytestmark = [
    pytest.mark.bench,
    pytest.mark.slow,
    pytest.mark.skipif(not (PAIRS.is_file() and Path(SPEC.source).is_dir()), reason="no mini model or pairs here"),
]


@pytest.fixture
def examples(benchmark: Any) -> list[Example]:
    if benchmark.disabled:
        pytest.skip("not run: benchmarks need --benchmark-enable, and no xdist")
    torch.set_num_threads(int(os.environ.get("SELFBOOT_BENCH_THREADS", "1")))
    benchmark.group = "training"
    benchmark.extra_info["threads"] = torch.get_num_threads()
    tokenizer = load_tokenizer(SPEC)

    def chat(messages: Any) -> str:
        opens = messages[-1]["role"] != "assistant"
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=opens))

    form = pair_format("chat-repair")
    return [form(pair, chat, tokenizer.eos_token) for pair in read_pairs(PAIRS)[:40]]


def test_ours(benchmark: Any, examples: list[Example], tmp_path: Path) -> None:
    info = benchmark.pedantic(lambda: train_adapter(SPEC, examples, RECIPE, 7, tmp_path / "a"), rounds=2)
    benchmark.extra_info |= {"tokens": info.tokens, "steps": info.steps}
    benchmark.extra_info["tokens/s"] = round(info.tokens / benchmark.stats.stats.min)


def test_padded(benchmark: Any, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.tensor

    def padded(rows: Any, **settings: Any) -> torch.Tensor:
        found = real(rows, **settings)
        return torch.nn.functional.pad(found, (0, 2048 - found.shape[1])) if found.ndim == 2 else found

    monkeypatch.setattr(training.torch, "tensor", padded)  # the batch of ids is the only matrix that training makes
    recipe = replace(RECIPE, epochs=1, batch_size=1)
    benchmark.pedantic(lambda: train_adapter(SPEC, examples[:2], recipe, 7, tmp_path / "a"), rounds=1)
    benchmark.extra_info["seconds for all, extrapolated"] = round(benchmark.stats.stats.min * 40, 1)


def test_arithmetic(benchmark: Any, examples: list[Example]) -> None:
    lengths = [len(example.ids) for example in encode(load_tokenizer(SPEC), examples, RECIPE)]
    model = load_model(SPEC)
    weights = [m.weight for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and name != "lm_head"]
    rows = max(lengths)
    tensors = {size: torch.randn(rows, size) for weight in weights for size in weight.shape}
    results = {size: torch.empty(rows, size) for size in tensors}

    @torch.inference_mode()
    def products() -> None:
        for length in lengths * RECIPE.epochs:
            for weight in weights:
                wide, narrow = weight.shape
                torch.mm(tensors[narrow][:length], weight.t(), out=results[wide][:length])
                torch.mm(tensors[wide][:length], weight, out=results[narrow][:length])

    benchmark.pedantic(products, rounds=2)
    benchmark.extra_info["tokens"] = RECIPE.epochs * sum(lengths)
