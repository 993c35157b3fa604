"""Which engine draws for which model, where it runs, and what of it is in a store key. No engine is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import selfboot.engines.engines as engines_module
import selfboot.engines.gpu as gpu_module
import selfboot.sampling.vllm as vllm_module
from selfboot import keys
from selfboot.engines.engines import Choice, Engines, ModelRef
from selfboot.errors import DataError, UnavailableError
from selfboot.lab import Lab
from selfboot.models.spec import ModelSpec
from selfboot.records import Sampling
from selfboot.registry import model_entry
from selfboot.sampling.graphs import SWITCH
from selfboot.store import RunStore

FAKE = {"vllm": "0.32.0", "torch": "2.13.0", "python": "3.11.7", "device": "cuda NVIDIA H100"}


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's GPUs are not asked for."""
    monkeypatch.setattr(gpu_module, "our_gpus", list)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module, "vllm_is_known", lambda: True)
    monkeypatch.setattr(vllm_module, "probe", lambda python="": FAKE)


def subject(model: str) -> ModelRef:
    entry = model_entry(model)
    return ModelRef(entry, ModelSpec(entry.name, entry.source, tokenizer=entry.tokenizer), lambda: None)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("choice", "small", "large"),
    [
        ("auto", "transformers", "vllm"),
        ("vllm", "vllm", "vllm"),
        ("transformers", "transformers", "transformers"),
    ],
)
def test_who_draws(choice: Choice, small: str, large: str) -> None:
    engines = Engines(choice)
    assert engines.engine(model_entry("organism-0")) == small
    assert engines.engine(model_entry("qwen2.5-7b")) == large


@pytest.mark.usefixtures("known")
def test_on_a_gpu_any_model_but_ours_is_vllms() -> None:
    """The mini models' bands were measured with transformers, on GPUs too."""
    names = ("smollm2-135m", "organism-0", "organism-0-nf4", "organism-tidy", "qwen2.5-7b")
    labs = (Engines(device="cuda"), Engines(device="cpu"))
    on_gpu, on_cpu = ([engines.engine(model_entry(name)) for name in names] for engines in labs)
    assert on_gpu == ["vllm", "transformers", "transformers", "transformers", "vllm"]
    assert on_cpu == ["transformers"] * 4 + ["vllm"]


def test_without_vllm_it_is_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module, "vllm_is_known", lambda: False)
    assert Engines().engine(model_entry("qwen2.5-7b")) == "transformers"


def test_a_large_model_is_never_run_on_the_cpu() -> None:
    engines = Engines(device="cpu")
    assert engines.device_of(model_entry("organism-0")) == "cpu"
    assert engines.device_of(model_entry("qwen2.5-7b")) == "cuda"


@pytest.mark.usefixtures("known")
def test_keys_hold_what_may_change_a_result() -> None:
    drawing, training = (Engines().key(subject("qwen2.5-72b"), training) for training in (False, True))
    assert drawing["vllm"] == FAKE["vllm"]
    assert (drawing["tensor_parallel"], drawing["max_model_len"]) == ("2", "4096")
    assert (training["name"], training["device"], training["gpus"]) == ("transformers", "cuda", 2)
    assert "vllm" not in training, "a newer vLLM trains nothing anew"
    assert Engines().key(subject("organism-0")) != Engines(rows=8).key(subject("organism-0"))
    assert Engines().key(subject("organism-0")) == Engines("transformers").key(subject("organism-0"))


def test_a_model_that_is_not_here_is_tried_from_its_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    with Lab(RunStore(tmp_path / "store"), weights="random") as lab:
        spec = lab.spec("qwen2.5-14b")
        assert spec.weights == "random"
        config = json.loads((Path(spec.source) / "config.json").read_text(encoding="utf-8"))
        assert config["num_hidden_layers"] == 48
        assert lab.chat("qwen2.5-14b")([{"role": "user", "content": "hello"}]).count("hello") == 1
        assert lab.spec("organism-0").source == model_entry("organism-0").source, "that one is here"
    with Lab(RunStore(tmp_path / "store")) as lab, pytest.raises(UnavailableError, match=r"Qwen/Qwen2\.5-14B"):
        lab.chat("qwen2.5-14b")


# Batch-invariant drawing


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The environments of the engine processes that were to be started, instead of the processes."""
    environments: list[dict[str, str]] = []

    def note(words: list[str], env: dict[str, str], **options: object) -> None:
        environments.append(env)
        raise OSError("not started")

    monkeypatch.setattr(vllm_module.subprocess, "Popen", note)
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "1")  # whatever the caller's shell has: the option decides
    return environments


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("invariant", [False, True])
def test_the_engines_process_is_told_of_the_mode_and_results_say_it(
    invariant: bool, started: list[dict[str, str]], tmp_path: Path
) -> None:
    with Lab(RunStore(tmp_path), engine="vllm", batch_invariant=invariant) as lab:
        sampler = lab.engines.sampler(lab._model_ref("organism-0", None))
        with pytest.raises(OSError, match="not started"):
            sampler.generate(["x"], Sampling(4), [0])
        assert started[0]["VLLM_BATCH_INVARIANT"] == str(int(invariant))
        assert started[0]["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
        assert sampler.engine["batch_invariant"] == str(invariant), "in the manifest of the samples"
        assert lab._model_key("organism-0", None)["engine"]["batch_invariant"] == str(invariant), "and in their key"
        assert "batch_invariant" not in lab._model_key("organism-0", None, training=True)["engine"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"vllm": "0.11.2"}, r"vLLM 0\.11\.2 has no such mode, 0\.12\.0 and later have"),
        ({"device": "cpu x86_64"}, "on GPUs only, not on cpu x86_64"),
    ],
)
def test_where_the_mode_is_not_to_be_had_it_is_refused(
    found: dict[str, str], said: str, started: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_module, "probe", lambda python="": FAKE | found)
    with Lab(RunStore(tmp_path), engine="vllm", batch_invariant=True) as lab:
        sampler = lab.engines.sampler(lab._model_ref("organism-0", None))
        with pytest.raises(UnavailableError, match=f"--batch-invariant: .*{said}"):
            sampler.generate(["x"], Sampling(4), [0])
    assert not started


def test_transformers_has_no_such_mode() -> None:
    with pytest.raises(DataError, match="--batch-invariant is a mode of vLLM"):
        Engines("transformers", batch_invariant=True)


# CUDA graphs


@pytest.mark.parametrize(
    ("model", "device", "graphs"),
    [
        ("smollm2-135m", "cuda", True),
        ("smollm2-135m", "cpu", False),
        ("qwen2.5-7b", "cpu", True),
        ("organism-0", "cuda", False),
        ("organism-0-nf4", "cuda", False),
    ],
)
def test_transformers_draws_with_graphs_on_a_gpu_but_for_mini_models(model: str, device: str, graphs: bool) -> None:
    """A model of the paper's scale is always on a GPU. Keys tell results with graphs apart, and only those."""
    engines, entry = Engines("transformers", device), model_entry(model)
    assert engines.graphs(entry) == graphs
    assert engines.key(subject(model)).get("graphs", "no") == ("yes" if graphs else "no")
    assert "graphs" not in engines.key(subject(model), training=True)
    assert ("selfboot.sampling.graphs" in engines.code(entry)) == graphs
    assert engines.draws_apart(entry) == graphs, "and in a process of its own"


def test_graphs_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = model_entry("smollm2-135m")
    monkeypatch.setenv(SWITCH, "no")
    engines = Engines("transformers", "cuda")
    assert not engines.graphs(entry)
    assert engines.code(entry) == keys.ENGINES["transformers"]
    monkeypatch.setenv(SWITCH, "off")
    with pytest.raises(DataError, match="SELFBOOT_CUDA_GRAPHS='off': write yes or no"):
        engines.graphs(entry)


@pytest.mark.usefixtures("known")
def test_vllms_results_have_no_graphs_of_ours_in_their_keys() -> None:
    engines = Engines(device="cuda")
    assert engines.code(model_entry("qwen2.5-7b")) == keys.ENGINES["vllm"]
    assert "graphs" not in engines.key(subject("qwen2.5-7b"))
