"""What the processes of a program take together: CPU time, memory, threads. Read from outside: no program can lie.

Linux only: elsewhere nothing is seen, and wall-clock time and the limits of each process are all there is.
"""

from __future__ import annotations

import os
import sys
import time
from typing import NamedTuple

LINUX = sys.platform == "linux"


class Usage(NamedTuple):
    """Of all processes of a program: CPU seconds, MiB of memory that is not a file's, threads."""

    cpu_s: float = 0.0
    memory_mb: float = 0.0
    threads: int = 0


class Family:
    """The processes below ``root`` but for those that are there when this is made: a fork server's children."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.own = {root, *descendants(root)}
        self.shared_mb = max(memory_and_threads(pid)[0] for pid in self.own)  # what every child has from its start

    def pids(self) -> list[int]:
        return [pid for pid in descendants(self.root) if pid not in self.own]

    def usage(self) -> Usage:
        cpu_s, memory_mb, threads = 0.0, 0.0, 0
        for pid in self.pids():
            mine, running = memory_and_threads(pid)
            cpu_s += cpu_seconds(pid)
            memory_mb += max(mine - self.shared_mb, 0.0)
            threads += running
        return Usage(cpu_s, memory_mb, threads)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and all its threads; 0 when it is gone. See clock_getcpuclockid(3) for the number."""
    try:
        return time.clock_gettime((~pid << 3) | 2) if LINUX else 0.0
    except OSError:
        return 0.0


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``, zombies included."""
    found, waiting = list[int](), [pid]
    while waiting:
        parent = waiting.pop()
        children = [int(child) for task in tasks(parent) for child in read(f"{task}/children").split()]
        found += children
        waiting += children
    return found


def tasks(pid: int) -> list[str]:
    """Folders of a process's threads: each knows the children that it started."""
    try:
        return [f"/proc/{pid}/task/{thread}" for thread in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    except OSError:
        return []


def memory_and_threads(pid: int) -> tuple[float, int]:
    """MiB of anonymous and shared memory, and threads; zeros when the process is gone."""
    kib, threads = 0, 0
    for line in read(f"/proc/{pid}/status").splitlines():
        if line.startswith(("RssAnon:", "RssShmem:")):
            kib += int(line.split()[1])
        elif line.startswith("Threads:"):
            threads = int(line.split()[1])
    return kib / 1024, threads


def read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - a worker does without pathlib
            return file.read()
    except OSError:
        return ""
