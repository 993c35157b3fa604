"""kill -9 at random moments of a training: the re-run ends with the bits of an undisturbed one."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from selfboot.models import ModelSpec
from selfboot.paths import ROOT
from selfboot.store import file_sha256

KILLS = int(os.environ.get("SELFBOOT_KILLS", "2"))  # ten for the long version


def start(spec: ModelSpec, out: Path, checkpoints: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.training.run_training", spec.source, str(out), str(checkpoints)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """(step it was resumed at, adapter hash) of a run that is left alone."""
    output, _ = process.communicate(timeout=120)
    found = re.search(r"resumed (\d+) sha256 (\w{64})", output)
    assert found, output
    return int(found[1]), found[2]


def kill_at(process: subprocess.Popen[str], line: int, delay: float) -> str:
    """Kill -9 ``delay`` seconds after the process has printed its ``line``-th line; the last line it printed."""
    assert process.stdout is not None
    seen = []
    for text in process.stdout:
        seen.append(text.strip())
        if len(seen) == line:
            threading.Timer(delay, process.send_signal, (signal.SIGKILL,)).start()
    process.wait()
    return seen[-1]


def survives(spec: ModelSpec, folder: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    _, undisturbed = finish(start(spec, folder / "quiet", folder / "quiet-work"))
    hit = 0
    for kill in range(kills):
        out, work = folder / f"out{kill}", folder / f"work{kill}"
        process = start(spec, out, work)
        last = kill_at(process, rng.randint(5, 55), rng.random() * 0.02)
        hit += process.returncode == -signal.SIGKILL
        if process.returncode == -signal.SIGKILL and not (out / "training.json").exists():
            assert not list(out.glob("*.json")), "a half-written adapter looks complete"
        resumed, sha256 = finish(start(spec, out, work))
        assert sha256 == undisturbed, f"killed after {last}, resumed at {resumed}"
        name = "adapter_model.safetensors"
        assert file_sha256(out / name) == file_sha256(folder / "quiet" / name)
    assert hit, "no kill hit a running training: nothing was tested"


@pytest.mark.slow
def test_kills_change_nothing(spec: ModelSpec, tmp_path: Path) -> None:
    survives(spec, tmp_path, KILLS, 1)
