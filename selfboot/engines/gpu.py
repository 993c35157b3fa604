"""GPUs: the kinds that data/gpus.toml knows, those of this machine, and which of them a pytest-xdist worker gets.

No CUDA is started here.

``pytest -n 4`` on four GPUs gives each worker its own, ``-n 2`` two each (for models that are spread over two). With
more workers than GPUs, several share one: then a lock (``exclusive``) lets one case at a time use it.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from selfboot.errors import DataError
from selfboot.models.memory import GB, widened
from selfboot.paths import DATA
from selfboot.registry import ModelEntry
from selfboot.tables import build, read

REFERENCE_GPU = "h100"  # the registry's minutes are reckoned for it
VISIBLE = "CUDA_VISIBLE_DEVICES"
WORKER, WORKERS = "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU: memory in GB, bandwidth in GB/s, price in US dollars an hour."""

    name: str
    memory_gb: float
    bandwidth: float
    usd_per_hour: float


@functools.cache
def gpus() -> dict[str, Gpu]:
    """The GPUs of data/gpus.toml, by name."""
    tables = read(DATA / "gpus.toml", "table of GPUs").items()
    return {name: build(Gpu, f"data/gpus.toml [{name}]", {"name": name, **table}) for name, table in tables}


def gpu(name: str) -> Gpu:
    """The GPU called ``name``."""
    if name not in gpus():
        raise DataError(f"unknown GPU {name!r}; data/gpus.toml knows: {', '.join(gpus())}")
    return gpus()[name]


def share(devices: tuple[str, ...], worker: int, workers: int) -> tuple[str, ...]:
    """The devices of worker ``worker`` of ``workers`` (counted from 0): equal runs of neighbours, none left idle.

    Every device is given to one worker at least; with fewer devices than workers each worker gets one.
    """
    if not devices:
        return ()
    if workers >= len(devices):
        return (devices[worker % len(devices)],)
    return devices[worker * len(devices) // workers : (worker + 1) * len(devices) // workers]


def visible(environment: Mapping[str, str], count: int) -> tuple[str, ...]:
    """The caller's devices, as CUDA_VISIBLE_DEVICES names them (numbers, UUIDs or MIG instances).

    Unset: all ``count`` of the machine. As CUDA reads it: an empty name or -1 ends the list, and so does an unknown
    number.
    """
    named = environment.get(VISIBLE)
    if named is None:
        return tuple(str(number) for number in range(count))
    found: list[str] = []
    for name in (part.strip() for part in named.split(",")):
        if not name or (name.lstrip("-").isdigit() and not 0 <= int(name) < count):
            break
        found.append(name)
    return tuple(found)


def worker_devices(environment: Mapping[str, str], count: int) -> tuple[str, ...]:
    """The devices of this process: its worker's share, or all of the caller's where pytest runs without workers."""
    devices = visible(environment, count)
    name, workers = environment.get(WORKER, ""), int(environment.get(WORKERS) or 1)
    if not name.removeprefix("gw").isdigit():
        return devices
    return share(devices, int(name.removeprefix("gw")), workers)


def shared(environment: Mapping[str, str], count: int) -> bool:
    """Are there more workers than devices, so that some share one? To be asked before ``confine``."""
    devices = visible(environment, count)
    return bool(devices) and int(environment.get(WORKERS) or 1) > len(devices)


def confine(environment: MutableMapping[str, str], count: int) -> tuple[str, ...]:
    """Set CUDA_VISIBLE_DEVICES to this process's devices and return them. Before anything starts CUDA, and only once.

    Nothing is changed on a machine without GPUs.
    """
    if not count:
        return ()
    devices = worker_devices(environment, count)
    environment[VISIBLE] = ",".join(devices)
    return devices


def device_count() -> int:
    """GPUs of this machine, whatever CUDA_VISIBLE_DEVICES says: by nvidia-smi, else by their device files."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
        return sum(line.startswith("GPU ") for line in done.stdout.splitlines())
    except (OSError, subprocess.SubprocessError):
        return sum(path.name.removeprefix("nvidia").isdigit() for path in Path("/dev").glob("nvidia*"))


def exclusive(devices: tuple[str, ...], folder: Path) -> FileLock:
    """A lock on a process's devices (``with exclusive(…):``): cases of other workers on the same ones wait."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join(devices).replace(os.sep, "_") or "none"
    return FileLock(folder / f"gpu-{name}.lock")


def local_gpus() -> list[Gpu]:
    """The GPUs that this machine has, by nvidia-smi (no CUDA is started); empty without one."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    reference = gpu(REFERENCE_GPU)
    named = [line.rsplit(",", 1) for line in lines if "," in line]
    return [replace(reference, name=name.strip(), memory_gb=float(mib) * 2**20 / GB) for name, mib in named]


@functools.cache
def our_gpus() -> list[Gpu]:
    """The GPUs of this process: those of the machine that CUDA_VISIBLE_DEVICES leaves (``confine``)."""
    have = local_gpus()
    names = visible(os.environ, len(have)) if have else ()
    return [have[int(name)] if name.isdigit() else have[0] for name in names]


def apart(entry: ModelEntry) -> tuple[str, ...]:
    """The names of our GPUs, each of which serves the model alone; one empty name where there are not several, or the
    model takes several itself."""
    if entry.tensor_parallel > 1 or len(our_gpus()) < 2:
        return ("",)
    return visible(os.environ, len(local_gpus()))


def on_ours(entry: ModelEntry) -> ModelEntry:
    """A model as our GPUs run it: spread over more of them where it needs several and they are small; without a GPU, as
    the registry has it."""
    memory = max((one.memory_gb for one in our_gpus()), default=0.0) if entry.tensor_parallel > 1 else 0.0
    return widened(entry, memory) if memory else entry
