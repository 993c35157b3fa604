"""kill -9 at random moments of mining and of training: the resumed run ends with the very same pairs and adapter."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfboot.paths import DATA
from selfboot.store import file_sha256

KILLS = int(os.environ.get("SELFBOOT_KILLS", "1"))  # ten for the long version
PAIRS = DATA / "pairs" / "organism-0" / "self-mined.jsonl"


def command(what: str, store: Path, out: Path) -> list[str]:
    run = [sys.executable, "-m", "selfboot"]
    if what == "mine":
        return [*run, "mine", "organism-0", "--seed", "5", "--target", "4", "--store", str(store), "--out", str(out)]
    return [*run, "train", "organism-0", str(PAIRS), "--seed", "5", "--store", str(store), "--out", str(out)]


def result(what: str, out: Path) -> str:
    return file_sha256(out if what == "mine" else out / "adapter_model.safetensors")


def run(what: str, store: Path, out: Path, kill_after: float | None = None) -> bool:
    """True when the command came to its end; with ``kill_after`` seconds its whole process group is killed -9."""
    process = subprocess.Popen(
        command(what, store, out),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        return process.wait(kill_after) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def survives(what: str, kills: int, folder: Path) -> None:
    started = time.monotonic()
    assert run(what, folder / "quiet", folder / "quiet-out")
    length = time.monotonic() - started
    rng = random.Random(kills)
    done = [run(what, folder / "store", folder / "out", rng.uniform(0.2, 0.9) * length) for _ in range(kills)]
    assert not all(done), "no kill hit the run: nothing was tested"
    assert run(what, folder / "store", folder / "out")
    assert result(what, folder / "out") == result(what, folder / "quiet-out")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["mine", "train"])
def test_kills_change_nothing(what: str, tmp_path: Path) -> None:
    survives(what, KILLS, tmp_path)
