"""A process that speaks the protocol of selfboot/sampling/vllm_worker.py and draws nonsense: an engine for tests.

Draws, for each request, its prompt's last token three times, one that its seed chooses, and token 0. Under
``SELFBOOT_FAKE_KILL`` (a file) it kills itself in the middle of its first generation, once.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path


def main() -> None:
    lines = socket.socket(fileno=int(sys.argv[-1])).makefile("rw")

    def send(**message: object) -> None:
        lines.write(json.dumps(message) + "\n")
        lines.flush()

    json.loads(lines.readline())
    send(ready={})
    while line := lines.readline():
        requests = json.loads(line)["requests"]
        for at, (ids, most, seed) in enumerate(requests):
            if at == len(requests) // 2:
                die_once()
            send(at=at, ids=([ids[-1]] * 3 + [(seed or 0) % 200, 0])[:most], text_stop=False)
        send(finished=len(requests))


def die_once() -> None:
    mark = os.environ.get("SELFBOOT_FAKE_KILL")
    if mark and not Path(mark).exists():
        Path(mark).write_text("killed")
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
