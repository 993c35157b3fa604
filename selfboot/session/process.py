"""What a session has of its process: the GPUs, the cores, and the folder where it says how far it is."""

from __future__ import annotations

import getpass
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from selfboot.engines import gpu
from selfboot.progress import ProgressFolder
from selfboot.session.options import store_root

PROGRESS_ENV = "SELFBOOT_PROGRESS"  # where xdist's workers say how far they are
PROGRESS = pytest.StashKey[ProgressFolder]()  # of this process
DEVICES = pytest.StashKey[tuple[str, ...]]()  # the GPUs of this process
SHARED = pytest.StashKey[bool]()  # does another worker have one of them too?
SUMMARY, SUMMARY_ENV = pytest.StashKey[str](), "GITHUB_STEP_SUMMARY"  # the file that a CI run's page shows


def start(config: pytest.Config) -> None:
    """Settle what this process has, before any test is collected."""
    _no_deadlines()
    count = gpu.device_count()
    config.stash[SUMMARY] = os.environ.pop(SUMMARY_ENV, "")  # this session's alone: not its workers', nor its tests'
    config.stash[SHARED] = gpu.shared(os.environ, count)
    config.stash[DEVICES] = gpu.confine(os.environ, count)
    if hasattr(config, "workerinput"):
        _share_cores()
    else:
        os.environ[PROGRESS_ENV] = str(store_root(config) / "progress" / str(os.getpid()))
    config.stash[PROGRESS] = ProgressFolder(Path(os.environ[PROGRESS_ENV]))


def device(config: pytest.Config) -> str:
    """Where models run that need no GPU: as ``--device`` says; without it, any one model on a GPU if there is one."""
    given = str(config.getoption("--device"))
    return given or ("cuda" if config.getoption("--scale") == "small" and config.stash[DEVICES] else "cpu")


def own_cores() -> int:
    """The cores that this process may use: xdist's workers have an equal share of them each."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, allowed // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def grading_cores(config: pytest.Config) -> int:
    """The cores for graders: all, but two where an engine on a GPU draws meanwhile, whose steps wait for its core."""
    return max(1, own_cores() - (2 if config.stash[DEVICES] else 0))


def _share_cores() -> None:
    """A worker's torch, not yet loaded, takes its share of the cores: with all of them in each, threads wait for cores
    that another worker's threads hold. Results do not depend on it."""
    os.environ.setdefault("OMP_NUM_THREADS", str(own_cores()))


def _no_deadlines() -> None:
    """A property holds or not, however busy the machine is."""
    with suppress(ImportError):  # only the library's own tests need hypothesis
        from hypothesis import settings

        settings.register_profile("selfboot", deadline=None)
        settings.load_profile("selfboot")


@contextmanager
def turn(config: pytest.Config, on_gpu: bool) -> Iterator[None]:
    """Cases of several workers that share a GPU run on it one after the other."""
    devices = config.stash[DEVICES]
    if not (on_gpu and devices):
        yield
        return
    with gpu.exclusive(devices, Path(tempfile.gettempdir()) / f"selfboot-gpus-{getpass.getuser()}"):
        yield
