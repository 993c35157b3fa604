"""A Ray cluster of two nodes on this machine, one of which is killed; workers that are killed; several at one store.

SELFBOOT_SLOW=1 pytest tests/cluster/test_ray.py -s            more kills, and a claim that mines: minutes
SELFBOOT_SOAK="mini and fastpath" pytest -k soak -s           the soak on those claims instead, with kills throughout
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import spread_help
from spread_help import Here, addresses, contents, s3_server, small_jobs, some_units, wait_for

from selfboot.cluster.graph import Job, Unit, jobs
from selfboot.cluster.pools import RETRIES, Cluster
from selfboot.cluster.run import check, fill
from selfboot.cluster.work import Site
from selfboot.errors import UnavailableError
from selfboot.paths import ROOT
from selfboot.store import RunStore

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'selfboot[cluster]'")
SLOW, SOAK = bool(os.environ.get("SELFBOOT_SLOW")), os.environ.get("SELFBOOT_SOAK", "")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of one node whose files lie in a folder of its own, and of which nothing is left afterwards.

    In the shared folder it would become the cluster that ``ray.init("auto")`` finds, in the place of a real one that
    runs here. pytest's folders are too long for the names of sockets; ``tmp_path`` is asked for so that
    pytest does not make them in ours."""
    from ray.cluster_utils import Cluster as Nodes

    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        for name in ("TMPDIR", "RAY_TMPDIR"):  # workers that are killed leave things in the former
            monkeypatch.setenv(name, folder)
        nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        try:
            yield nodes
        finally:
            ray.shutdown()
            nodes.shutdown()
            _, left = psutil.wait_procs(of_cluster(""), timeout=10)
    assert not left
    assert not Path(folder).exists()


def of_cluster(*names: str) -> dict[psutil.Process, str]:
    """Processes of this test's cluster whose command lines begin so: only ours, since a real cluster may run here."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            line = " ".join(process.cmdline())
            if line.startswith(names) and ("/ray/" in line or line.startswith("ray::")):
                found[process] = line
    return found


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server's URL. To be asked for before the cluster, whose nodes hand their environment on to workers."""
    with s3_server(monkeypatch) as url:
        yield url


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What a run that nobody disturbs makes of the jobs that are disturbed below."""
    return undisturbed(soak_jobs(), Site(tmp_path_factory.mktemp("quiet")))


def undisturbed(chosen: list[Job], site: Site) -> dict[str, dict[str, str]]:
    check(fill(chosen, site, Here(site)))
    return contents(site.root)


def soak_jobs() -> list[Job]:
    return jobs(SOAK, "", ["mini"]) if SOAK else small_jobs(tuple(range(8)) if SLOW else (7, 13))


def test_a_killed_node_loses_nothing(cluster: Any, tmp_path: Path, quiet: dict[str, dict[str, str]]) -> None:
    """One of two nodes dies while a training runs; every artifact is there, with the same bits as in a quiet run."""
    second = cluster.add_node(num_cpus=1)
    site = Site(tmp_path / "ray")
    pool = Cluster(site, cluster.address)
    killer = threading.Thread(target=lambda: (wait_for("work/[!.]*", site.root, 2), cluster.remove_node(second)))
    killer.start()
    try:
        found = fill(soak_jobs(), site, pool)
    finally:
        killer.join()
        pool.close()
    print(f"\nRay, one of two nodes killed: {found}")
    check(found)
    assert found.retried, "nothing ran on the node when it died"
    assert contents(site.root) == quiet


def test_a_second_node_halves_the_time(cluster: Any, tmp_path: Path) -> None:
    """Units of a second each, which need no core: what Ray and the pool add is seen, and nothing else."""
    ray.cloudpickle.register_pickle_by_value(spread_help)  # workers do not see the folder of the tests
    pool = Cluster(Site(tmp_path), cluster.address, spread_help.rest)
    seconds, units = [], some_units(16 if SLOW else 8)
    for nodes in (1, 2):
        if nodes == 2:
            cluster.add_node(num_cpus=1)
        run_units(pool, some_units(2 * nodes))  # workers start
        began = time.perf_counter()
        run_units(pool, units)
        seconds.append(time.perf_counter() - began)
    pool.close()
    ratio = seconds[0] / seconds[1]
    print(f"\n{len(units)} s of rest: {seconds[0]:.1f} s on one node, {seconds[1]:.1f} s on two; speed-up {ratio:.2f}")
    assert ratio > 1.6


def run_units(pool: Cluster, units: list[Unit]) -> None:
    for unit in units:
        pool.submit(unit)
    while pool.running:
        for _, result in pool.finished():
            assert result == 1.0, result


def test_a_gpu_models_units_share_a_process(cluster: Any, tmp_path: Path) -> None:
    """Real Ray, a GPU in name only: its trainings in one process, then all that it draws in another."""
    ray.cloudpickle.register_pickle_by_value(spread_help)
    cluster.add_node(num_cpus=1, num_gpus=1)
    pool = Cluster(Site(tmp_path), cluster.address, spread_help.note_process)
    for at, verb in enumerate(("train", "evaluate", "train", "evaluate", "evaluate")):
        pool.submit(Unit(f"{verb}-{at}", verb, ("qwen2.5-7b", at), {}))
    while pool.running or pool.queued:
        assert all(result == 1.0 for _, result in pool.finished())
    pool.close()
    pids = {kind: {path.read_text() for path in tmp_path.glob(f"{kind}-*")} for kind in ("train", "evaluate")}
    assert {kind: len(found) for kind, found in pids.items()} == {"train": 1, "evaluate": 1}
    assert len(list(tmp_path.glob("*-?"))) == 5


def test_soak_with_random_kills_ends_with_the_same_hashes(
    bucket: str, cluster: Any, tmp_path: Path, quiet: dict[str, dict[str, str]]
) -> None:
    """Workers are killed at random while Ray fills an S3 store, from which alone another machine then reads it all."""
    site, stop, killed = Site(tmp_path / "soak", bucket), threading.Event(), Counter[str]()
    cluster.add_node(num_cpus=1)
    pool = Cluster(site, cluster.address)
    killer = threading.Thread(target=kill_workers, args=(stop, killed))
    killer.start()
    began = time.perf_counter()
    try:
        found = fill(soak_jobs(), site, pool)
    finally:
        stop.set()
        killer.join()
        pool.close()
    print(f"\nsoak: {killed.total()} workers killed in {time.perf_counter() - began:.0f} s; {found}")
    check(found)
    assert 0 < found.retried <= killed.total()
    assert contents(site.root) == quiet
    other = Site(tmp_path / "other", bucket)
    reader = Here(other)
    check(fill(soak_jobs(), other, reader))
    assert not reader.done
    assert contents(other.root) == quiet


def kill_workers(stop: threading.Event, killed: Counter[str]) -> None:
    """Kill one at random every second or so; none so often that its unit is given up."""
    draw, most = random.Random(7), 10**9 if SOAK else 10 if SLOW else 3
    while not stop.wait(draw.uniform(0.5, 1.5)) and killed.total() < most:
        lines = of_cluster("ray::evaluate", "ray::train", "ray::mine")
        if workers := [process for process, line in lines.items() if killed[line] < RETRIES]:
            victim = draw.choice(workers)
            killed[lines[victim]] += 1
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)


class Losing:
    """Ray where every worker is lost in the same way; also the task that runs on it."""

    exceptions = ray.exceptions

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.tries = 0

    def options(self, **options: Any) -> Losing:
        return self

    def remote(self, unit: Unit, site: Site) -> int:
        self.tries += 1
        return self.tries

    def wait(self, running: list[int], num_returns: int) -> tuple[list[int], list[int]]:
        return running[:num_returns], running[num_returns:]

    def get(self, reference: int) -> float:
        raise self.error


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """With what ``ray.init`` was called; nothing is started."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(ray, "init", lambda *args, **options: calls.append(args))
    return calls


MEMORY, LOGS = "look for a lack of memory", "Ray itself, where it ran, died 4 times; its logs say why"


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (ray.exceptions.WorkerCrashedError(), MEMORY),
        (ray.exceptions.OutOfMemoryError("the machine's memory was full"), MEMORY),
        (ray.exceptions.NodeDiedError("the machine is gone"), LOGS),
        (ray.exceptions.LocalRayletDiedError(), LOGS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_lost_worker_of_any_kind_is_tried_again(
    error: Exception, hint: str, started: list[Any], tmp_path: Path
) -> None:
    """... and given up in the end, with what to look for."""
    pool = Cluster(Site(tmp_path), "local")
    pool.ray = pool.task = Losing(error)
    (unit,) = some_units(1)
    pool.submit(unit)
    results = []
    while pool.running:
        results += list(pool.finished())
    assert pool.ray.tries == 1 + RETRIES
    assert pool.retried == RETRIES
    ((lost, why),) = results
    assert lost == unit
    assert re.search(hint, str(why))


@pytest.mark.parametrize("error", [ConnectionError("none"), RuntimeError("the agent\nended"), OSError(28, "full")])
def test_ray_that_cannot_start_is_one_line(error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(UnavailableError, match=rf"--ray local: Ray cannot start .*{type(error).__name__}") as raised:
        Cluster(Site(tmp_path), "local")
    assert "\n" not in str(raised.value)


def test_a_local_cluster_never_joins_one_that_runs_here(started: list[tuple[Any, ...]], tmp_path: Path) -> None:
    """Ray takes no address for whatever cluster was started last."""
    Cluster(Site(tmp_path), "local")
    assert started == [("local",)]


CLAIM = "recipe-7b" if SLOW else "few-pairs-72b"  # a training of seconds; the slow ones: three of half a minute, mining


def test_two_sessions_and_ray_share_a_store(cluster: Any, tmp_path: Path) -> None:
    """Two pytest sessions and a Ray run want the same at the same time: every artifact is made once, none is damaged,
    and it is what one of them alone makes. On random weights and short completions, since only the store matters."""
    root, stop = tmp_path / "store", threading.Event()
    seen: dict[str, set[tuple[int, int]]] = {}
    watcher = threading.Thread(target=watch, args=(root, seen, stop))
    watcher.start()
    sessions = [subprocess.Popen(pytest_command(root), stdout=subprocess.DEVNULL) for _ in range(2)]
    site = Site(root, weights="random", tokens=16)
    pool = Cluster(site, cluster.address)
    try:
        check(fill(jobs("", CLAIM, ["mini"]), site, pool))
    finally:
        codes = [session.wait(600) for session in sessions]
        stop.set()
        watcher.join()
        pool.close()
    print(f"\nthree at once: {len(seen)} artifacts, exit codes {codes}")
    assert codes[0] == codes[1] in (0, 1), "judged alike; on random weights a claim may well fail"
    assert set(seen) == addresses(root)
    assert {name: len(versions) for name, versions in seen.items()} == dict.fromkeys(seen, 1), "made twice"
    assert not (root / "damaged").exists()
    assert all(RunStore(root)._find(*name.split("/")) for name in seen)
    alone = undisturbed(jobs("", CLAIM, ["mini"]), Site(tmp_path / "quiet", weights="random", tokens=16))
    together = contents(root)
    assert {name: together[name] for name in alone} == alone  # pytest may have gone on to fresh seeds


def pytest_command(root: Path) -> list[str]:
    chosen = ["-k", CLAIM, "--scale", "mini", "--weights", "random", "--tokens", "16", "--store", str(root)]
    return [sys.executable, "-m", "pytest", str(ROOT / "claims"), "-p", "no:xdist", "-p", "no:cacheprovider", *chosen]


def watch(root: Path, seen: dict[str, set[tuple[int, int]]], stop: threading.Event) -> None:
    """Note every manifest that ever lies in the store, by file number and time."""
    while not stop.wait(0.05):
        for name in addresses(root):
            with suppress(FileNotFoundError):
                found = (root / name / "manifest.json").stat()
                seen.setdefault(name, set()).add((found.st_ino, found.st_mtime_ns))
