"""Golden tokens: a digest of every token that a mini model draws greedily on a mini benchmark, on a CPU.

    selfboot calibrate --golden        # record them again, after a change on purpose

A greedy run has no seed. On x86-64 CPUs of three instruction sets (AVX-512, AVX2, SSE) no token differed. So where
versions and processor are those of the record, a token that differs is due to a change of ours. Elsewhere nothing is
compared.
"""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import AnswerBenchmark, load_any
from selfboot.formats import answer_format, code_format
from selfboot.lab import Lab, machine
from selfboot.paths import MEASURED
from selfboot.records import Sampling
from selfboot.store import digest, write_atomic

PATH = MEASURED / "golden" / "organism-0.json"
MODEL, BENCHMARKS = "organism-0", ("minieval", "minimath", "minilib")


def manifest() -> dict[str, str]:
    """What decides greedy tokens besides the code: versions and the kind of processor."""
    return {package: version(package) for package in ("torch", "transformers")} | {"processor": machine()["processor"]}


def greedy(lab: Lab, benchmark: str) -> list[str]:
    """The hash of the tokens of each task's greedy completion, asked for as the benchmark's claims do."""
    bench = load_any(benchmark)
    form: Any = (answer_format if isinstance(bench, AnswerBenchmark) else code_format)(bench.format)
    prompts = [form.prompt(task, lab.chat(MODEL)) for task in bench.tasks]
    drawn = lab.sample(MODEL, prompts, Sampling(bench.tokens, stop=form.stop), what=f"golden, {benchmark}")
    return [row[0].token_hash for row in drawn.completions]


def record(lab: Lab) -> Path:
    """Draw all of it and keep the hashes: eight characters a task, so that a difference can be named."""
    tokens = {name: [found[:8] for found in greedy(lab, name)] for name in BENCHMARKS}
    table = {"manifest": manifest(), "date": time.strftime("%Y-%m-%d"), "digests": _digests(tokens), "tokens": tokens}
    PATH.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(PATH, json.dumps(table) + "\n")
    return PATH


def _digests(tokens: dict[str, list[str]]) -> dict[str, str]:
    return {name: digest(found)[:16] for name, found in tokens.items()}


def recorded() -> dict[str, Any]:
    """The record: ``manifest``, and by benchmark the ``digests`` and each task's ``tokens``."""
    return dict(json.loads(PATH.read_text(encoding="utf-8")))


def differing(lab: Lab, benchmark: str) -> list[int]:
    """The tasks whose greedy tokens are not the golden ones, by position; compare only where ``manifest`` agrees."""
    kept = recorded()["tokens"][benchmark]
    return [at for at, (one, found) in enumerate(zip(kept, greedy(lab, benchmark), strict=True)) if found[:8] != one]
