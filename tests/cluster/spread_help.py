"""Small jobs on a real mini model, workers for tests of pools, and what to compare stores by."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from selfboot.cluster.graph import Job, Unit
from selfboot.cluster.pools import Finished
from selfboot.cluster.work import Site, do
from selfboot.registry import Settings

ARTIFACTS = ("samples", "score", "answer-score", "pairs", "adapter")


def small_jobs(seeds: tuple[int, ...] = (7, 13), tasks: int = 4, count: int = 2) -> list[Job]:
    """A run for each seed: few pairs, few tasks; the baseline is the same."""
    settings = Settings(
        "organism-0",
        f"minieval-dev:{tasks}",
        protocol="train_and_score",
        pairs="control-own",
        count=count,
        recipe="mini",
        seeds=seeds,
    )
    return [Job("small", settings, seed) for seed in seeds]


def some_units(count: int) -> list[Unit]:
    """Units for workers that do something else with them."""
    return [Unit(f"samples-{i}", "evaluate", ("organism-0", "minieval"), {}) for i in range(count)]


class Here:
    """A pool that does everything at once, in this very process; ``done``: in which order."""

    def __init__(self, site: Site, fail: str = "", lie: bool = False) -> None:
        self.site, self.fail, self.lie = site, fail, lie
        self.queue: list[Unit] = []
        self.done: list[Unit] = []
        self.retried = 0

    def submit(self, unit: Unit) -> None:
        self.queue.append(unit)

    def finished(self) -> Iterator[Finished]:
        unit = self.queue.pop(0)
        self.done.append(unit)
        if unit.verb == self.fail:
            yield unit, RuntimeError("no luck")
        else:
            yield unit, 0.0 if self.lie else do(unit, self.site)

    def close(self) -> None:
        pass


def die_once(unit: Unit, site: Site) -> float:
    """A worker that kills its own process the first time."""
    note = site.root / f"died-{unit.address}"
    if not note.exists():
        note.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0


def rest(unit: Unit, site: Site) -> float:
    """A worker that takes a second of nobody's time: on one core, two of them still rest side by side."""
    time.sleep(1.0)
    return 1.0


def note_process(unit: Unit, site: Site) -> float:
    """A worker that leaves its process's number under the unit's address."""
    site.root.mkdir(parents=True, exist_ok=True)
    (site.root / unit.address).write_text(str(os.getpid()))
    return 1.0


def die_always(unit: Unit, site: Site) -> float:
    """A worker that never gets anywhere."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 1.0


def addresses(root: Path) -> set[str]:
    """Every artifact of a store."""
    return {f"{kind}/{path.name}" for kind in ARTIFACTS if (root / kind).is_dir() for path in (root / kind).iterdir()}


def contents(root: Path) -> dict[str, dict[str, str]]:
    """The hashes of the files of every artifact that do not hold times: what must not depend on who made it."""
    timed = ("training.json", "outcomes.jsonl")
    found = {}
    for name in sorted(addresses(root)):
        manifest = json.loads((root / name / "manifest.json").read_text())
        found[name] = {file: sha for file, sha in manifest["files"].items() if file not in timed}
    return found


def wait_for(pattern: str, root: Path, count: int = 1, seconds: float = 120) -> None:
    """Until so many things of the pattern are in the folder."""
    until = time.monotonic() + seconds
    while len(list(root.glob(pattern))) < count:
        assert time.monotonic() < until, f"fewer than {count} of {pattern} in {root} after {seconds} s"
        time.sleep(0.05)


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of this process that speaks S3 over HTTP, and the environment that leads to it: its one bucket's URL."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'selfboot[cluster]'")
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # an error need not wait
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        s3fs.S3FileSystem.clear_instance_cache()  # those of an earlier server
        name = f"bucket-{uuid.uuid4()}"  # moto's buckets outlive its servers
        s3fs.S3FileSystem().mkdir(name)
        yield f"s3://{name}/store"
    finally:
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()
