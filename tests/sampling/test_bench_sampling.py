"""Speed of sampling on the mini model, group ``sampling``: 164 MiniEval chat prompts, greedy, 400 new tokens at most.

    pytest tests/sampling/test_bench_sampling.py -m bench --benchmark-enable --benchmark-columns=min,rounds
    (on a busy machine with --benchmark-timer=time.process_time: seconds of processor time instead)

``extra_info`` holds drawn tokens and tokens a second. ``generate`` gets the same prompts as one batch, left-padded, and
the same stop tokens; it runs until its last row has ended. ``arithmetic`` is our run's matrix products alone. Threads:
SELFBOOT_BENCH_THREADS, default 1, because idle neighbours are rare (2 on two idle cores).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

from selfboot.models.load import load_model, load_tokenizer, stop_token_ids
from selfboot.paths import FIXTURES
from selfboot.records import Sampling
from selfboot.sampling.base import complete

pytestmark = [
    pytest.mark.bench,
    pytest.mark.slow,
    pytest.mark.skipif(not (FIXTURES / "organism" / "seed0").is_dir(), reason="no mini model in fixtures/"),
]
ROUNDS = 2


@pytest.fixture
def measure(benchmark: Any) -> Callable[[Callable[[], int]], None]:
    if benchmark.disabled:
        pytest.skip("not run: benchmarks need --benchmark-enable, and no xdist")

    def run(work: Callable[[], int]) -> None:
        torch.set_num_threads(int(os.environ.get("SELFBOOT_BENCH_THREADS", "1")))
        benchmark.group = "sampling"
        tokens = benchmark.pedantic(work, rounds=ROUNDS, warmup_rounds=0)
        benchmark.extra_info |= {"tokens": tokens, "tokens/s": round(tokens / benchmark.stats.stats.min)}
        benchmark.extra_info |= {"threads": torch.get_num_threads()}

    return run


def ours(rows: int = 164) -> tuple[Any, Callable[[], int]]:
    from workload import chat_prompts, organism_sampler

    sampler = organism_sampler(rows=rows)
    prompts = chat_prompts(sampler.tokenizer)

    def work() -> int:
        sampler.generate(prompts, Sampling(), [0] * len(prompts))
        return sampler.stats.tokens

    return sampler, work


@pytest.mark.parametrize("rows", [164, 128, 64])
def test_ours(measure: Any, rows: int) -> None:
    measure(ours(rows)[1])


@pytest.mark.parametrize("cache", ["default", "static"])
def test_generate(measure: Any, cache: str) -> None:
    from workload import ORGANISM, chat_prompts, left_padded

    sampler, run = ours()
    model, tokenizer = load_model(ORGANISM), load_tokenizer(ORGANISM)  # as it comes, not as our sampler keeps it
    stop = stop_token_ids(ORGANISM, tokenizer)
    ids, mask = left_padded(sampler, chat_prompts(tokenizer))
    extra: dict[str, Any] = {"cache_implementation": "static", "disable_compile": True} if cache == "static" else {}

    def work() -> int:
        out = model.generate(
            ids,
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=400,
            eos_token_id=list(stop),
            pad_token_id=0,
            **extra,
        )
        return sum(complete(row, stop, (), sampler.decode).tokens for row in out[:, ids.shape[1] :].tolist())

    measure(work)
    assert run() == pytest.approx(work(), rel=0.01), "the two engines did not draw the same text"


def test_arithmetic(measure: Any) -> None:
    from workload import Arithmetic

    sampler, work = ours()
    arithmetic = Arithmetic(sampler)
    tokens = arithmetic.record(sampler, work)
    arithmetic.allocate()

    def products() -> int:
        arithmetic.run()
        return int(tokens)

    measure(products)
