"""Transformers' samplers in a process of their own, as on a GPU. On a CPU here: the process does not know the
difference."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from selfboot.engines.engines import Engines, ModelRef
from selfboot.errors import DataError, UnavailableError
from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.records import Sampling
from selfboot.registry import ModelEntry
from selfboot.sampling.held import Wanted
from selfboot.sampling.process import ProcessSampler, SamplingProcess
from selfboot.store import file_sha256

PROMPTS = ["def f(x):", "a b c", "for number in range(10):"]
HOT = Sampling(12, 1.0, 0.9, n=2, stop=("zzz",), top_k=40)


@pytest.fixture
def process() -> Iterator[SamplingProcess]:
    one = SamplingProcess()
    yield one
    one.close()


def pid_of(process: SamplingProcess) -> int:
    assert process._process is not None
    return process._process.pid


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def subject(tiny_spec: Callable[[str], ModelSpec], tmp_path: Path) -> Callable[[bool], ModelRef]:
    """The tiny model, or an adapter of it that has dropout."""

    def make(adapted: bool = False) -> ModelRef:
        spec = tiny_spec("qwen2")
        entry = ModelEntry("qwen2", spec.source)
        return ModelRef(entry, spec, lambda: load_tokenizer(spec), _adapter(spec, tmp_path) if adapted else None)

    return make


def _adapter(spec: ModelSpec, folder: Path) -> tuple[Path, str]:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    settings = LoraConfig(r=4, lora_alpha=64, lora_dropout=0.5, target_modules=["q_proj", "v_proj"])
    model = get_peft_model(load_model(spec), settings)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    model.save_pretrained(str(folder))
    return folder, file_sha256(folder / "adapter_model.safetensors")


def test_same_draws_as_in_this_process(subject: Callable[[bool], ModelRef], monkeypatch: pytest.MonkeyPatch) -> None:
    """Base, adapter, and adapter with its dropout on, by the engines; one process for all, which a training ends."""
    here, apart = Engines("transformers"), Engines("transformers")
    monkeypatch.setattr(apart, "draws_apart", lambda entry: True)
    base, adapted, told = subject(False), subject(True), []
    pairs: list[tuple[Any, Any]] = [
        (here.sampler(base), apart.sampler(base)),
        (here.sampler(adapted), apart.sampler(adapted)),
        (here.noisy_sampler(adapted), apart.noisy_sampler(adapted)),
    ]
    drawn = []
    for mine, theirs in pairs:
        assert isinstance(theirs, ProcessSampler)
        drawn.append(theirs.generate(PROMPTS, HOT, [1, 2, 3], told.append))
        assert drawn[-1] == mine.generate(PROMPTS, HOT, [1, 2, 3])
        assert theirs.engine == mine.engine, "threads too"
    assert len({one[0][0].token_hash for one in drawn}) == 3
    assert told[-1] == 3
    assert (apart.starts["engine"], apart.held, here.held) == (1, 0, 2)
    assert apart._sampling is not None
    pid = pid_of(apart._sampling)
    apart.trainer(base.entry)
    assert gone(pid)
    apart.sampler(base).generate(PROMPTS, HOT, [1, 2, 3])
    assert apart.starts["engine"] == 2
    apart.close()
    here.close()
    assert (apart.starts["engine"], here.held) == (0, 0)


def test_killed_it_says_so_and_starts_again(tiny_spec: Callable[[str], ModelSpec], process: SamplingProcess) -> None:
    sampler = ProcessSampler(process, Wanted(tiny_spec("llama"), "cpu", (), rows=1))
    wanted = sampler.generate(PROMPTS, Sampling(8), [0] * 3)

    def kill(done: int) -> None:
        os.kill(pid_of(process), signal.SIGKILL)

    with pytest.raises(UnavailableError, match=r"drawing from 'llama' for 3 prompts: .* ended by SIGKILL .*again goes"):
        sampler.generate(PROMPTS, Sampling(300), [0] * 3, kill)
    assert sampler.generate(PROMPTS, Sampling(8), [0] * 3) == wanted
    assert process.starts == 2


def test_errors_keep_their_kind_and_memory_has_its_remedy(tmp_path: Path, process: SamplingProcess) -> None:
    sampler = ProcessSampler(process, Wanted(ModelSpec("none", str(tmp_path)), "cpu", ()))
    assert sampler.generate([], Sampling(), []) == []
    with pytest.raises(DataError, match="2 prompts but 1 seeds"):
        sampler.generate(["a", "b"], Sampling(), [0])
    assert not process.runs, "neither needs it"
    with pytest.raises(DataError, match="no config"):
        sampler.generate(["a"], Sampling(), [0])
    assert not process.runs
    said = str(process.explained("drawing", "OutOfMemoryError", "CUDA out of memory"))
    assert said.startswith("drawing: out of memory (CUDA out of memory); end what else uses the GPU")
