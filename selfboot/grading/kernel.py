"""What the kernel can forbid to a process, by ctypes alone: resource limits, namespaces, Landlock, seccomp."""

from __future__ import annotations

import os
import resource
from typing import Any


def confine(options: dict[str, Any]) -> dict[str, str]:
    memory = options["memory_mb"] << 20
    for name, limit in {
        "RLIMIT_AS": memory,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 1 << 20,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_CPU": 86_400,
    }.items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    return {"rlimits": "yes"}


def confine_child() -> None:
    os.setsid()
