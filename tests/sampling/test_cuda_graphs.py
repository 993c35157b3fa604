"""CUDA graphs on a GPU: replayed steps draw what plain ones draw, and memory comes back."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.paths import ROOT
from selfboot.records import Completion, Sampling
from selfboot.sampling.graphs import GraphSampler
from selfboot.sampling.transformers import TransformersSampler
from tests.tiny_models import ARCHITECTURES, TEXT, save_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
PROMPTS = [f"{prefix}{text}" * times for text in TEXT for times in (1, 2) for prefix in ("", "# one more\n")]
SEEDS = range(len(PROMPTS))
GREEDY = Sampling(max_new_tokens=150)  # two widths
DRAWS = {
    "greedy": GREEDY,
    "nucleus": Sampling(max_new_tokens=40, temperature=1.0, top_p=0.9, n=3),
    "top-k": Sampling(max_new_tokens=40, temperature=0.7, top_p=0.95, top_k=5, n=3),
    "all": Sampling(max_new_tokens=40, temperature=1.0, top_p=1.0, n=3),
}
Both = tuple[TransformersSampler, GraphSampler]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Both]:
    """The plain sampler and the one with graphs, over one tiny model on the GPU."""
    folders: dict[str, Path] = {}

    def make(architecture: str = "llama", dtype: torch.dtype = torch.float32, **settings: Any) -> Both:
        if architecture not in folders:
            folders[architecture] = save_model(tmp_path_factory.mktemp(architecture), architecture)
        spec = ModelSpec(architecture, str(folders[architecture]))
        parts, settings = (load_model(spec, "cuda", dtype), load_tokenizer(spec)), {"stop_ids": (), **settings}
        return TransformersSampler(*parts, **settings), GraphSampler(*parts, **settings)

    return make


def different(one: list[tuple[Completion, ...]], other: list[tuple[Completion, ...]]) -> tuple[int, int]:
    """How many completions differ, and of how many."""
    pairs = [pair for rows in zip(one, other, strict=True) for pair in zip(*rows, strict=True)]
    return sum(a != b for a, b in pairs), len(pairs)


@pytest.mark.parametrize("rows", [16, 256])
@pytest.mark.parametrize("sampling", DRAWS.values(), ids=list(DRAWS))
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_replayed_steps_draw_what_plain_ones_draw(
    both: Callable[..., Both], architecture: str, sampling: Sampling, rows: int
) -> None:
    """In float32, but for near ties of a random model; with more rows than slots, and with fewer."""
    eager, graphs = both(architecture, rows=rows)
    wrong, count = different(*(one.generate(PROMPTS, sampling, SEEDS) for one in (eager, graphs)))
    print(f"{wrong} of {count} completions differ")
    assert wrong <= count // 20


def test_stops_count_the_same_tokens(both: Callable[..., Both]) -> None:
    eager, graphs = both(rows=5, stop_ids=tuple(range(300, 303)))
    stop = eager.generate(PROMPTS[:1], GREEDY, [0])[0][0].text[5:7]
    sampling = Sampling(max_new_tokens=150, stop=(stop,))
    here, there = (one.generate(PROMPTS, sampling, SEEDS) for one in (eager, graphs))
    wrong, count = different(here, there)
    assert wrong <= count // 20
    assert "stop" in {one.finish for row in there for one in row}


def test_the_same_request_draws_the_same_tokens(both: Callable[..., Both]) -> None:
    _, graphs = both(dtype=torch.bfloat16, rows=16)
    first = graphs.generate(PROMPTS, DRAWS["nucleus"], SEEDS)
    graphs.generate(PROMPTS[:3], GREEDY, SEEDS[:3])
    assert graphs.generate(PROMPTS, DRAWS["nucleus"], SEEDS) == first
    assert graphs.generate(PROMPTS[::-1], DRAWS["nucleus"], SEEDS[::-1]) == first[::-1]


def test_graphs_give_their_memory_back(both: Callable[..., Both]) -> None:
    _, graphs = both(rows=16)
    graphs.generate(PROMPTS, GREEDY, SEEDS)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    for _ in range(3):
        graphs.generate(PROMPTS, GREEDY, SEEDS)
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() <= before


WAITS = """
import sys
import torch
from selfboot.errors import UnavailableError
from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.records import Sampling
from selfboot.sampling import transformers as plain
from selfboot.sampling.graphs import GraphSampler

def looks(logits, sampling, uniform):
    tokens = logits.argmax(-1)
    return tokens + 1 if bool((tokens == 7).all()) else tokens

plain.draw = looks
spec = ModelSpec("tiny", sys.argv[1])
sampler = GraphSampler(load_model(spec, "cuda"), load_tokenizer(spec), ())
try:
    sampler.generate(["def f(x):", "a b c"], Sampling(40), [0, 0])
except UnavailableError as error:
    print("refused:", error)
"""


def test_a_step_that_waits_for_the_gpu_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """In a process of its own: torch's allocator takes a failed recording for one that still goes on."""
    command = [sys.executable, "-c", WAITS, str(save_model(tmp_path / "m"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    last = done.stdout.splitlines()[-1:] or [done.stderr[-2000:]]
    assert re.match(r"refused: .* cannot be recorded .*capturing.*SELFBOOT_CUDA_GRAPHS=no", last[0]), last[0]
