"""Training in a process of its own, as on a GPU: same bits, progress, one clear line for every way it can end. On a CPU
here: the process does not know the difference."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from selfboot.engines.engines import Engines
from selfboot.errors import DataError, UnavailableError
from selfboot.lab import Adapter, Lab
from selfboot.models import ModelSpec
from selfboot.pairs import load_pairs
from selfboot.paths import ROOT
from selfboot.processes.parent import how
from selfboot.store import RunStore
from selfboot.training import Example, Recipe, TrainingError
from selfboot.training.process import Here, Training, TrainingProcess

SMALL = Recipe(rank=4, lr=1e-2, epochs=2, batch_size=2, accumulation=1)
LONG = replace(SMALL, epochs=200)  # 1,200 steps: somebody has to end it


def a_job(spec: ModelSpec, examples: list[Example], folder: Path, recipe: Recipe = SMALL) -> Training:
    return Training(spec, tuple(examples), recipe, 7, folder / "out", "cpu", folder / "checkpoints")


def nothing(done: int, total: int) -> None:
    pass


@pytest.fixture
def process() -> TrainingProcess:
    return TrainingProcess()


def pid_of(process: TrainingProcess) -> int:
    assert process._process is not None
    return process._process.pid


def test_same_adapter_as_in_this_process(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, process: TrainingProcess
) -> None:
    steps: list[tuple[int, int]] = []
    apart = process.train(a_job(spec, examples, tmp_path / "apart"), lambda *step: steps.append(step))
    here = Here().train(a_job(spec, examples, tmp_path / "here"), nothing)
    assert apart.manifest["sha256"] == here.manifest["sha256"]
    assert apart.manifest["engine"] == here.manifest["engine"], "threads too"
    assert steps == [(step, 12) for step in range(1, 13)]
    first = pid_of(process)
    again = process.train(replace(a_job(spec, examples, tmp_path / "second"), seed=8), nothing)
    assert pid_of(process) == first, "trainings in a row share the process"
    assert again.manifest["sha256"] != apart.manifest["sha256"]
    assert process.free_gb("cpu") is None
    process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_killed_it_says_so_and_goes_on(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, process: TrainingProcess
) -> None:
    job = a_job(spec, examples, tmp_path, replace(SMALL, epochs=5))

    def kill(done: int, total: int) -> None:
        if done == 15:
            os.kill(pid_of(process), signal.SIGKILL)

    with pytest.raises(
        UnavailableError, match=r"training 'tiny' on 12 examples: .* ended by SIGKILL .*last checkpoint"
    ):
        process.train(job, kill)
    done = process.train(job, nothing)
    process.close()
    assert done.manifest["resumed"] >= 10
    whole = Here().train(a_job(spec, examples, tmp_path / "quiet", job.recipe), nothing)
    assert done.manifest["sha256"] == whole.manifest["sha256"]


def test_an_interrupt_ends_the_process(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, process: TrainingProcess
) -> None:
    pids: list[int] = []

    def interrupt(done: int, total: int) -> None:
        pids.append(pid_of(process))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.train(a_job(spec, examples, tmp_path, LONG), interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_it_ends_with_its_parent(spec: ModelSpec, tmp_path: Path) -> None:
    code = f"""
        from pathlib import Path
        from selfboot.models import ModelSpec
        from selfboot.training import Example, Recipe
        from selfboot.training.process import Training, TrainingProcess
        process = TrainingProcess()
        recipe = Recipe(rank=4, epochs=100000, batch_size=1, accumulation=1)
        folder = Path({str(tmp_path)!r})
        job = Training(ModelSpec("tiny", {spec.source!r}), (Example("a", "b"),), recipe, 7, folder, "cpu", folder)
        process.train(job, lambda done, total: print(process._process.pid, flush=True))
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.1)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """Running, and not merely waiting for its new parent to take note of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[-1][0] != "Z"
    except FileNotFoundError:
        return False


def test_errors_keep_their_kind(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, process: TrainingProcess
) -> None:
    with pytest.raises(TrainingError, match="none of 12 examples has a target token"):
        process.train(a_job(spec, [replace(one, target="") for one in examples], tmp_path), nothing)
    with pytest.raises(DataError, match="no config"):
        process.train(a_job(ModelSpec("tiny", str(tmp_path)), examples, tmp_path), nothing)


def test_what_is_said_of_memory_and_of_ends() -> None:
    explained = TrainingProcess.explained
    short = explained("training 'm' on 40 examples", "OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB")
    assert isinstance(short, UnavailableError)
    assert "out of memory" in str(short)
    assert "gradient_checkpointing = true" in str(short)
    assert str(explained("it", "RuntimeError", "cublas")).startswith("it: RuntimeError: cublas;")
    assert isinstance(explained("it", "SelfbootError", "x"), Exception)
    assert (how(-9), how(3)) == ("was ended by SIGKILL (the machine's own memory may be short)", "ended with code 3")


def test_the_lab_trains_apart_where_it_is_told_to(tmp_path: Path) -> None:
    """The whole way on the mini model: same key, same adapter, and the process ends before an engine takes a GPU."""
    pairs = load_pairs("organism-0", "self-mined")[:4]

    def trained(lab: Lab) -> Adapter:
        return lab.train("organism-0", pairs, "mini", 7)

    with Lab(RunStore(tmp_path / "here")) as lab:
        here = trained(lab)
    with Lab(RunStore(tmp_path / "apart")) as lab:
        lab.engines.apart = True
        apart = trained(lab)
        assert lab.engines._training is not None
        pid = pid_of(lab.engines._training)
        assert (apart.sha256, apart.artifact.id) == (here.sha256, here.artifact.id)
        Engines().trainer(lab.entry("organism-0"))  # another Lab of this process trains: they share the GPU
        assert lab.engines._training._process is None
        assert not _runs(pid)
