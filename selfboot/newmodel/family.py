"""The family of mini models, tried: what a diagnosis says of every member beside the lift that the recipe then brings.

    selfboot diagnose --family --jobs 8           # writes data/measured/diagnosis/family.json; minutes on 16 cores
    selfboot diagnose --family organism-0 floor   # these members again; the others stay as they are
    selfboot diagnose --errors                    # predicted beside measured lifts, each member left out of its own

These are the points that a diagnosis predicts from. Lift: mean over two training seeds on forty (or however many
there are) self-mined pairs, greedy chat on MiniEval. A member that yields fewer than ten pairs is not trained: its lift
is 0, which is what the recipe brings it. The file says of each member which command measured it, and when.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from selfboot import keys
from selfboot.analysis.prediction import NEEDED
from selfboot.errors import DataError
from selfboot.keys import code_hash
from selfboot.lab import machine
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.newmodel.measure import Plan, measure, measured
from selfboot.newmodel.models import OpenLab
from selfboot.paths import FIXTURES, MEASURED
from selfboot.store import RunStore, write_atomic

MEMBERS = ("organism-0", "organism-1", "organism-2", "qwen3", "qwen2", "olmo2", "tidy", "floor")
FILE = MEASURED / "diagnosis" / "family.json"
PLAN, MINER = Plan(benchmark="minieval", sampled=40), BootstrapMiner(target=40)


@dataclass(frozen=True)
class Trial:
    """How much is run of a member: its diagnosis, the mining run (its beginning is the diagnosis's), trainings.
    ``least``: pairs without which it is not trained."""

    plan: Plan = PLAN
    miner: BootstrapMiner = MINER
    recipe: str = "mini"
    seeds: tuple[int, ...] = (1, 2)
    least: int = NEEDED


def measure_family(
    store: Path,
    jobs: int,
    device: str,
    command: str,
    members: Sequence[str] = MEMBERS,
    trial: Trial = Trial(),
    out: Path = FILE,
) -> Path:
    """Measure members, ``jobs`` side by side, and put their rows into ``out``. DataError for an unknown member."""
    if unknown := [name for name in members if name not in MEMBERS]:
        raise DataError(f"unknown member {unknown[0]!r} of the family of mini models; known: {', '.join(MEMBERS)}")
    given = ([store] * len(members), [device] * len(members), [trial] * len(members))
    if jobs > 1:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(_member, members, *given))
    else:
        rows = list(map(_member, members, *given))
    known = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    content = merged(known, dict(zip(members, rows, strict=True)), _provenance(command, device, trial))
    write_atomic(out, json.dumps(content, indent=1) + "\n")
    return out


def merged(known: Mapping[str, Any], rows: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """The file's content with new rows in the place of old ones: ``members`` in the family's order, and ``runs``,
    each with the members that it measured last."""
    members = {**known.get("members", {}), **rows}
    older = [{**one, "members": [m for m in one["members"] if m not in rows]} for one in known.get("runs", [])]
    runs = [*(one for one in older if one["members"]), {"members": list(rows), **run}]
    return {"members": {name: members[name] for name in MEMBERS if name in members}, "runs": runs}


def source(member: str) -> str:
    """What to call a member on the command line."""
    return member if member.startswith("organism") else str(FIXTURES / "organism" / "family" / member)


def _member(member: str, store: Path, device: str, trial: Trial) -> dict[str, Any]:
    """One member: readings, headroom and yield as shares and counts, then the scores after training."""
    import torch

    torch.set_num_threads(1)
    with OpenLab(RunStore(store), device=device, graders=1) as lab:
        model = source(member)
        found = measure(lab, model, trial.plan, harvest=trial.miner)
        row, pairs = measured(found, trial.plan), found.mined.pairs
        trained: list[int] = []
        if len(pairs) >= trial.least:
            adapters = [lab.train(model, pairs, trial.recipe, seed) for seed in trial.seeds]
            trained = [lab.score(model, found.bench, adapter=adapter).solved for adapter in adapters]
    lift = sum(trained) / len(trained) - row["solved"]["chat"] if trained else 0.0
    return {**row, "mined": len(pairs), "trained": trained, "lift": lift / row["n"]}


def _provenance(command: str, device: str, trial: Trial) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
        "device": device,
        "machine": machine(),
        "versions": {name: _version(name) for name in ("torch", "transformers", "peft")},
        "code": code_hash(*keys.FAMILY),
        "trial": asdict(trial),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
