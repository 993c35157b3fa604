"""The symbolic checker's process: imports math-verify once, forks one short-lived child a question.

A child that computes for more than its CPU seconds, or wants too much memory, is killed by the kernel; the process
itself never looks at hostile text. Run by answers.py with ``python -P``; speaks one JSON line a question:
{"gold": …, "answer": …} → {"equal": true | false, "status": "ok" | "timeout" | "memory" | "error"}.
"""

from __future__ import annotations

import gc
import json
import logging
import math
import os
import resource
import select
import signal
import sys
from typing import Any

MEMORY_BYTES = 1 << 30  # of address space beyond what the process has when it forks
WALL_PER_CPU = 10  # a contended machine may take this many times longer than the CPU limit

_KILLED = (signal.SIGPROF, signal.SIGXCPU, signal.SIGKILL)


def equal(gold: str, answer: str) -> bool:
    """math-verify's verdict on two LaTeX texts, without its own time-outs and without its string evaluator."""
    from math_verify import LatexExtractionConfig, parse, verify

    sides = [parse(rf"\boxed{{{t}}}", [LatexExtractionConfig()], parsing_timeout=None) for t in (gold, answer)]
    return all(sides) and bool(verify(*sides, float_rounding=12, timeout_seconds=None))


def _address_space() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - no pathlib in this small process
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _child(writer: int, question: dict[str, str], cpu_s: float, address_space: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit, ceiling = address_space + MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling),) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    whole = math.ceil(cpu_s)
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))  # in case a library resets the timer
    signal.setitimer(signal.ITIMER_PROF, cpu_s)  # nobody handles SIGPROF: it ends the process
    try:
        verdict = b"1" if equal(question["gold"], question["answer"]) else b"0"
    except MemoryError:
        verdict = b"m"
    except BaseException:  # whatever the library does on hostile text, it is not equality
        verdict = b"e"
    os.write(writer, verdict)
    os._exit(0)


def ask(question: dict[str, str], cpu_s: float, address_space: int) -> dict[str, Any]:
    """Fork, wait, reap; the verdict of the child or the reason why there is none."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _child(writer, question, cpu_s, address_space)
        finally:
            os._exit(1)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], cpu_s * WALL_PER_CPU)
    verdict = os.read(reader, 1) if ready else b""
    os.close(reader)
    if not ready:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    late = not ready or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in _KILLED)
    reasons = {b"1": "ok", b"0": "ok", b"m": "memory", b"e": "error"}
    return {"equal": verdict == b"1", "status": reasons.get(verdict, "timeout" if late else "error")}


def main() -> None:
    """Serve questions until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what a library prints must not look like a reply
    logging.disable(logging.CRITICAL)
    os.setsid()
    try:
        for gold, answer in (("x^2+2x+1", "(x+1)^2"), (r"\frac{\sqrt{3}}{2}", r"\cos x"), ("(1,2)", r"\{1,2\}")):
            equal(gold, answer)  # fills the parser's caches, which every child then inherits
    except ImportError as error:
        replies.write(json.dumps({"ready": False, "why": str(error)}) + "\n")
        return
    gc.collect()
    gc.freeze()
    address_space, cpu_s = _address_space(), float(sys.argv[1])
    replies.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        replies.write(json.dumps(ask(json.loads(line), cpu_s, address_space)) + "\n")


if __name__ == "__main__":
    main()
