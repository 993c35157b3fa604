"""Grades jobs read from standard input, in a process of its own that may belong to another user. Standard library only.

In: ``{"root", "isolation", "timeout_s", "watch", "jobs": [[program, entry_point, tests, trusted], …], "right": jobs}``.
``right``: what the grader measures first, and so knows the requests of.
Out: ``{"manifest", "outcomes": [[status, detail, seconds], …], "family": [pid, …]}``, the processes that it had.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    order = json.load(sys.stdin)
    sys.path.insert(0, order["root"])
    from selfboot.grading import code
    from selfboot.records import CodeJob

    def profile(memory_mb: int) -> dict[str, Any]:
        return {**plain(memory_mb), "watch": order["watch"]}

    plain = code.PROFILES["plain"]
    code.PROFILES["plain"] = profile  # without the audit hook the kernel is on its own
    jobs, right = ([CodeJob(*job) for job in order[kind]] for kind in ("jobs", "right"))
    with code.CodeGrader(workers=4, timeout_s=order["timeout_s"], isolation=order["isolation"]) as grader:
        grader.calibrate(right)
        outcomes = [[o.status, o.detail, o.seconds] for o in grader.grade(jobs)]
        family = [pid for w in grader.workers for top in (w.process.pid, w.fork_server.pid) for pid in below(top)]
        json.dump({"manifest": grader.manifest, "outcomes": outcomes, "family": family}, sys.stdout)


def below(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(each for child in children for each in below(int(child)))]


if __name__ == "__main__":
    main()
