"""The vLLM sampler without vLLM: what is asked of an engine, how its answer is read, what is said when it fails.

The engine process is replaced by a small script that speaks its protocol (``FAKE_WORKER``).
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import selfboot.sampling.vllm as vllm_module
from selfboot.errors import DataError, UnavailableError
from selfboot.models import ModelSpec
from selfboot.models.load import load_tokenizer
from selfboot.records import Sampling
from selfboot.sampling.vllm import VllmEngine, VllmSampler, VllmSettings, probe, request_seed

FAKE = {"vllm": "0.32.0", "torch": "2.13.0", "python": "3.11.7", "device": "cpu x86_64"}

# Draws, for each request, its prompt's last token again and again, then a stop token; seeds and adapters are echoed.
FAKE_WORKER = """
import json, socket, sys, time
lines = socket.socket(fileno=int(sys.argv[-1])).makefile("rw")
def send(**message): lines.write(json.dumps(message) + "\\n"); lines.flush()
def read(): return json.loads(lines.readline())
MODE = {mode!r}
if MODE == "dies": print("RuntimeError: out of memory"); sys.exit(3)
engine = read()["engine"]
if MODE == "fails": send(error="ValueError", message="no room for the cache")
send(ready={{}})
while line := lines.readline():
    message = json.loads(line)
    for at, (ids, most, seed) in reversed(list(enumerate(message["requests"]))):
        stop = bool(message["sampling"]["stop"])
        drawn = [ids[-1]] * 3 + [(seed or 0) % 200, 0]
        send(at=at, ids=drawn, text_stop=MODE == "stops wrongly" and stop)
    send(finished=len(message["requests"]))
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    from tests.tiny_models import save_model

    return ModelSpec("tiny", str(save_model(tmp_path_factory.mktemp("models") / "tiny")))


@pytest.fixture
def sampler(spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VllmSampler]:
    yield from _sampler(spec, tmp_path, monkeypatch, "works")


def _sampler(spec: ModelSpec, folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> Iterator[VllmSampler]:
    worker = folder / "worker.py"
    worker.write_text(FAKE_WORKER.format(mode=mode))
    monkeypatch.setattr(vllm_module, "WORKER", worker)
    monkeypatch.setattr(vllm_module, "probe", lambda python="": FAKE)
    with VllmEngine(spec, VllmSettings(max_model_len=300)) as engine:
        yield VllmSampler(engine, load_tokenizer(spec), (0,))


def test_rows_come_back_in_the_prompts_order(sampler: VllmSampler) -> None:
    prompts, told = ["def f", "x = 1", "def f", "zzz"], []
    rows = sampler.generate(prompts, Sampling(8), [0, 0, 5, 0], told.append)
    assert [row[0].text[0] for row in rows] == ["f", "1", "f", "z"]
    assert rows[0] == rows[2], "greedy: seeds do not count"
    assert {len(row) for row in rows} == {1}
    assert told[-1] == len(prompts)


def test_the_first_samples_of_many_are_those_of_few(sampler: VllmSampler) -> None:
    many = sampler.generate(["x = 1"], Sampling(8, temperature=0.8, n=16), [7])
    few = sampler.generate(["x = 1"], Sampling(8, temperature=0.8, n=4), [7])
    assert many[0][:4] == few[0]
    assert len({row.token_hash for row in many[0]}) > 8


def test_greedy_is_drawn_once_and_copied(sampler: VllmSampler) -> None:
    rows = sampler.generate(["x = 1"], Sampling(8, n=3), [7])
    assert len(rows[0]) == 3
    assert len(set(rows[0])) == 1


@given(st.integers(0, 2**64 - 1), st.integers(0, 63))
def test_seeds_fit_a_torch_generator_and_differ(seed: int, sample: int) -> None:
    assert 0 <= request_seed(seed, sample) < 2**63
    assert request_seed(seed, sample) != request_seed(seed, sample + 1)
    assert request_seed(seed, sample) == request_seed(seed, sample)


def test_a_row_that_the_engine_ended_for_no_stop_of_ours_is_drawn_again(
    spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sampler in _sampler(spec, tmp_path, monkeypatch, "stops wrongly"):
        asked: list[tuple[int, list[str]]] = []
        draw = sampler.core.draw

        def spy(requests: Any, sampling: Any, *rest: Any, ask: Any = asked, real: Any = draw) -> Any:
            ask.append((len(requests), sampling["stop"]))
            return real(requests, sampling, *rest)

        monkeypatch.setattr(sampler.core, "draw", spy)
        sampler.generate(["x = 1", "bb"], Sampling(8, stop=("11",)), [0, 0])
        assert asked == [(2, ["11"]), (1, [])], "only the row whose text has no stop string, and without any"


def test_what_the_engine_says_is_passed_on(spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mode, words in (("fails", "no room for the cache"), ("dies", "out of memory")):
        for sampler in _sampler(spec, tmp_path, monkeypatch, mode):
            with pytest.raises(UnavailableError, match=words) as caught:
                sampler.generate(["x"], Sampling(8), [0])
            assert "selfboot plan" in str(caught.value)
            assert "0.32.0" in str(caught.value)


def test_a_request_that_cannot_fit_names_the_setting(sampler: VllmSampler) -> None:
    with pytest.raises(DataError, match="max_model_len=300"):
        sampler.generate(["x"], Sampling(400), [0])


def test_an_adapter_is_checked_before_the_engine_sees_it(sampler: VllmSampler, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no adapter_config"):
        sampler.with_adapter(tmp_path).generate(["x"], Sampling(8), [0])
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 64}))
    with pytest.raises(DataError, match="rank 64"):
        sampler.with_adapter(tmp_path).generate(["x"], Sampling(8), [0])


def test_changed_weights_are_another_adapter(sampler: VllmSampler, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 8}))
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(b"1")
    first = sampler.core.adapter(tmp_path)
    assert sampler.core.adapter(tmp_path) == first
    os.utime(weights, ns=(1, 1))
    assert sampler.core.adapter(tmp_path)[1] != first[1]


def test_an_interpreter_without_vllm_is_named_with_the_remedy() -> None:
    if importlib.util.find_spec("vllm"):
        pytest.skip("this interpreter has vLLM")
    with pytest.raises(UnavailableError, match="SELFBOOT_VLLM_PYTHON"):
        probe(sys.executable)
    with pytest.raises(UnavailableError, match="does not run"):
        probe("/nowhere/python")


def test_an_old_vllm_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(f"print({json.dumps(FAKE | {'vllm': '0.6.3.post1'})!r})")
    monkeypatch.setattr(vllm_module, "WORKER", worker)
    with pytest.raises(UnavailableError, match=r"0\.6\.3\.post1 .* too old"):
        probe()


def test_closing_ends_the_process(sampler: VllmSampler) -> None:
    sampler.core.start()
    process = psutil.Process(sampler.core._process.pid)  # type: ignore[union-attr]
    sampler.core.close()
    sampler.core.close()
    assert not process.is_running()


def test_a_killed_parent_takes_the_worker_along(tmp_path: Path) -> None:
    """The real worker, before it has any engine to load: its parent is killed, it and its child go too."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import socket, subprocess, sys, time\n"
        "ours, theirs = socket.socketpair()\n"
        f"child = subprocess.Popen([sys.executable, '-P', {str(vllm_module.WORKER)!r}, str(theirs.fileno())],\n"
        "    pass_fds=[theirs.fileno()], start_new_session=True)\n"
        "theirs.close(); print(child.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_the_worker_needs_only_the_standard_library() -> None:
    """It may run under another interpreter, with nothing of ours installed."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(vllm_module.WORKER), "--probe"], capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout)) == {"vllm", "torch", "python", "device"}
