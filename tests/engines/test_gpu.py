"""Who gets which GPU: pure functions of the environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout
from hypothesis import given
from hypothesis import strategies as st

from selfboot.engines.gpu import (
    VISIBLE,
    WORKER,
    WORKERS,
    confine,
    device_count,
    exclusive,
    share,
    shared,
    visible,
    worker_devices,
)
from selfboot.paths import ROOT


def env(worker: int, workers: int, named: str | None = None) -> dict[str, str]:
    found = {WORKER: f"gw{worker}", WORKERS: str(workers)}
    return found if named is None else found | {VISIBLE: named}


@pytest.mark.parametrize(
    ("named", "count", "found"),
    [
        (None, 4, ("0", "1", "2", "3")),
        ("4,5, 6", 8, ("4", "5", "6")),
        ("GPU-8e1f,MIG-77", 2, ("GPU-8e1f", "MIG-77")),
        ("1,-1,0", 2, ("1",)),
        ("0,9,1", 2, ("0",)),
        ("", 4, ()),
        (None, 0, ()),
    ],
)
def test_the_callers_devices(named: str | None, count: int, found: tuple[str, ...]) -> None:
    assert visible({} if named is None else {VISIBLE: named}, count) == found


def test_four_workers_get_the_callers_four() -> None:
    assert [worker_devices(env(at, 4, "4,5,6,7"), 8) for at in range(4)] == [("4",), ("5",), ("6",), ("7",)]
    assert [worker_devices(env(at, 2, "4,5,6,7"), 8) for at in range(2)] == [("4", "5"), ("6", "7")]
    assert worker_devices({VISIBLE: "4,5"}, 8) == ("4", "5"), "no workers: all of them"


@given(st.lists(st.integers(0, 63).map(str), unique=True, max_size=12).map(tuple), st.integers(1, 16))
def test_no_device_is_idle_and_shares_are_even(devices: tuple[str, ...], workers: int) -> None:
    shares = [share(devices, at, workers) for at in range(workers)]
    assert {device for part in shares for device in part} == set(devices)
    if devices:
        sizes = {len(part) for part in shares}
        assert min(sizes) >= 1
        assert max(sizes) - min(sizes) <= 1
        taken = [device for part in shares for device in part]
        uses = {taken.count(device) for device in devices}
        assert max(uses) - min(uses) <= 1


def test_confining_sets_the_environment_once() -> None:
    environment = env(1, 2, "4,5")
    assert confine(environment, 8) == ("5",) == tuple(environment[VISIBLE].split(","))
    untouched = env(1, 2)
    assert confine(untouched, 0) == ()
    assert VISIBLE not in untouched


@pytest.mark.parametrize(("workers", "named", "sharing"), [("4", None, False), ("5", None, True), ("2", "1", True)])
def test_more_workers_than_devices_share(workers: str, named: str | None, sharing: bool) -> None:
    environment = {WORKERS: workers} | ({VISIBLE: named} if named else {})
    assert shared(environment, 4) == sharing
    assert not shared({WORKERS: "2"}, 0), "no device, nothing to share"


def test_a_machine_without_nvidia_smi_is_counted_by_its_device_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(
        Path, "glob", lambda folder, pattern: map(Path, ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl"))
    )
    assert device_count() == 2


# torch comes first, so that whoever touches CUDA afterwards is noted, also on a machine that has none.
COLLECTS = """
import sys
import pytest
import torch

touched = []
def watch(owner, name):
    def touch(*args, **named):
        touched.append(name)
        return 0
    setattr(owner, name, touch)
for name in ("_lazy_init", "init", "is_available", "device_count", "current_device", "set_device", "mem_get_info"):
    watch(torch.cuda, name)
if sys.argv[1:] == ["touch"]:
    torch.zeros(1) if torch.cuda.is_available() else None
code = pytest.main(["--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", "claims"])
print("collected with", int(code), "initialised", torch.cuda.is_initialized(), "touched", touched)
"""
PLAIN = """
import sys
import pytest

code = pytest.main(["--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", "claims"])
torch = sys.modules.get("torch")
print("collected with", int(code), "initialised", bool(torch and torch.cuda.is_initialized()))
"""


def last_line(script: str, *words: str) -> str:
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=True)
    return done.stdout.splitlines()[-1]


def test_collecting_the_claims_starts_no_cuda() -> None:
    """As it happens, and with every way to CUDA watched; the watch itself sees what it is to see."""
    assert last_line(PLAIN) == "collected with 0 initialised False"
    assert last_line(COLLECTS) == "collected with 0 initialised False touched []"
    assert last_line(COLLECTS, "touch") == "collected with 0 initialised False touched ['is_available']"


def test_sharers_of_a_device_take_turns(tmp_path: Path) -> None:
    with exclusive(("0",), tmp_path), pytest.raises(Timeout):
        exclusive(("0",), tmp_path).acquire(timeout=0)
    with exclusive(("0",), tmp_path), exclusive(("1",), tmp_path):
        pass
