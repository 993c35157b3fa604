"""The organism family, tried: what a diagnosis says of every member beside the lift that the recipe then brings.

    selfboot diagnose --family --jobs 8        # writes data/diagnosis/family.json; minutes on 16 cores

These are the points that a diagnosis predicts from. Lift: mean over two training seeds on forty (or however many
there are) self-mined pairs, greedy chat on MiniEval. A member that yields fewer than ten pairs is not trained: its lift
is 0, which is what the recipe brings it.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from selfboot.analysis.prediction import NEEDED
from selfboot.diagnose.measure import Plan, measure, measured
from selfboot.diagnose.models import OpenLab
from selfboot.lab import machine
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.paths import DATA, FIXTURES
from selfboot.store import RunStore, code_hash, write_atomic

MEMBERS = ("organism-0", "organism-1", "organism-2", "qwen3", "qwen2", "olmo2", "tidy", "floor")
SEEDS, PAIRS, RECIPE = (1, 2), 40, "mini"
PLAN = Plan(benchmark="minieval", sampled=40)
CODE = (
    "selfboot.sampling.transformers",
    "selfboot.training.lora",
    "selfboot.formats.chat",
    "selfboot.mining.bootstrap",
)


def measure_family(store: Path, jobs: int, device: str, command: str, members: tuple[str, ...] = MEMBERS) -> Path:
    """Measure every member, ``jobs`` side by side, and write data/diagnosis/family.json."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(_member, members, [store] * len(members), [device] * len(members)))
    out = DATA / "diagnosis" / "family.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    content = {"members": dict(zip(members, rows, strict=True)), "provenance": _provenance(command, device)}
    write_atomic(out, json.dumps(content, indent=1) + "\n")
    return out


def source(member: str) -> str:
    """What to call a member on the command line."""
    return member if member.startswith("organism") else str(FIXTURES / "organism" / "family" / member)


def _member(member: str, store: Path, device: str) -> dict[str, Any]:
    """One member: readings, headroom and yield as shares and counts, then the scores after training."""
    import torch

    torch.set_num_threads(1)
    with OpenLab(RunStore(store), device=device, graders=1) as lab:
        model = source(member)
        found = measure(lab, model, PLAN, harvest=BootstrapMiner(target=PAIRS))
        row, pairs = measured(found, PLAN), found.mined.pairs
        trained: list[int] = []
        if len(pairs) >= NEEDED:
            adapters = [lab.train(model, pairs, RECIPE, seed) for seed in SEEDS]
            trained = [lab.evaluate(model, "minieval", adapter=adapter).solved for adapter in adapters]
    lift = sum(trained) / len(trained) - row["solved"]["chat"] if trained else 0.0
    return {**row, "mined": len(pairs), "trained": trained, "lift": lift / row["n"]}


def _provenance(command: str, device: str) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
        "device": device,
        "machine": machine(),
        "versions": {name: _version(name) for name in ("torch", "transformers", "peft")},
        "code": code_hash(*CODE),
        "seeds": list(SEEDS),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
