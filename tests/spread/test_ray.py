"""A Ray cluster of two nodes on this machine, one of which is killed. Opt-in, since it starts a dozen processes:

SELFBOOT_SLOW=1 pytest tests/spread/test_ray.py -s
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spread_help import contents, small_jobs, wait_for

from selfboot.spread.pools import Cluster, Processes
from selfboot.spread.run import check, fill
from selfboot.spread.work import Site

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'selfboot[cluster]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("SELFBOOT_SLOW"), reason="minutes on two cores; set SELFBOOT_SLOW=1"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


def test_a_killed_node_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    """One of two nodes dies while a training runs; every artifact is there, with the same bits as in a quiet run."""
    second = cluster.add_node(num_cpus=1)
    site = Site(tmp_path / "ray")
    pool = Cluster(site, cluster.address)
    killer = threading.Thread(target=lambda: (wait_for("work/*", site.root), cluster.remove_node(second)))
    killer.start()
    try:
        found = fill(small_jobs(), site, pool)
    finally:
        killer.join()
        pool.close()
    print(f"\nRay, one of two nodes killed: {found}")
    check(found)
    quiet = Site(tmp_path / "quiet")
    local = Processes(quiet, 1)
    check(fill(small_jobs(), quiet, local))
    local.close()
    assert contents(site.root) == contents(quiet.root)


def test_soak_with_random_kills_ends_with_the_same_hashes(cluster: Any, tmp_path: Path) -> None:
    """Workers are killed at random while Ray makes everything."""
    import psutil

    site, stop, kills = Site(tmp_path / "soak"), threading.Event(), []
    cluster.add_node(num_cpus=1)
    pool = Cluster(site, cluster.address)
    draw = random.Random(7)

    def kill() -> None:
        while not stop.wait(draw.uniform(0.5, 1.5)) and len(kills) < 3:
            lines = {p: " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])}
            workers = [p for p, line in lines.items() if line.startswith(("ray::evaluate", "ray::train"))]
            if workers:
                victim = draw.choice(workers)
                kills.append(victim.pid)
                victim.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    began = time.perf_counter()
    try:
        found = fill(small_jobs((1, 2, 3, 4)), site, pool)
    finally:
        stop.set()
        killer.join()
        pool.close()
    print(f"\nsoak: {len(kills)} workers killed in {time.perf_counter() - began:.0f} s; {found}")
    check(found)
    quiet = Site(tmp_path / "quiet")
    local = Processes(quiet, 1)
    check(fill(small_jobs((1, 2, 3, 4)), quiet, local))
    local.close()
    assert kills
    assert contents(site.root) == contents(quiet.root)
