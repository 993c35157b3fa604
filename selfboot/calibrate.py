"""Measure what the organism does over many seeds, for the bands of the mini scale.

    selfboot calibrate organism-0 --seeds 20                 # on the CPU, resumable, hours
    selfboot calibrate organism-0 --seeds 20 --device cuda --jobs 8

Every figure goes through the same Lab as the claims; calibration seeds start at 1000, so that the published seeds 7, 13
and 42 stay fresh. What is measured already is read from the run store.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from selfboot.calibration import CODE, path_of
from selfboot.claims import Settings, registry
from selfboot.errors import DataError
from selfboot.lab import Lab, Score, machine
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.pairs import read_pairs
from selfboot.paths import DATA
from selfboot.progress import Progress
from selfboot.store import RunStore, code_hash, write_atomic

FIRST_SEED = 1000
FLIP_ROWS = (1, 8, 32)  # batch sizes compared with the default one


@dataclass(frozen=True)
class Measure:
    """A figure in tasks: ``run(lab, model, seed)``. ``seeded``: it varies with the seed and wants many."""

    name: str
    seeded: bool
    run: Callable[[Lab, str, int], Score]


def measures() -> dict[str, Measure]:
    """Every figure that the mini claims of the registry need a band for."""
    found = [*_baselines(), *_sweep(), *_control(), *_full()]
    return {measure.name: measure for measure in found}


def _mini(claim: str) -> Settings:
    return registry()[claim].scales["mini"]


def _baselines() -> Iterator[Measure]:
    stop = _mini("stop-strings").wrong_stop
    bench = _mini("recipe-7b").benchmark
    yield Measure("chat", False, lambda lab, model, seed: lab.evaluate(model, bench))
    yield Measure("raw", False, lambda lab, model, seed: lab.evaluate(model, bench, format="raw"))
    yield Measure("raw-wrong-stop", False, lambda lab, model, seed: lab.evaluate(model, bench, format="raw", stop=stop))


def _trained(lab: Lab, model: str, settings: Settings, path: Path, count: int, seed: int) -> Score:
    adapter = lab.train(model, read_pairs(path)[:count], settings.recipe, seed)
    return lab.evaluate(model, settings.benchmark, adapter=adapter)


def _sweep() -> Iterator[Measure]:
    settings = _mini("pair-count-sweep")
    for count in settings.counts:

        def run(lab: Lab, model: str, seed: int, count: int = count) -> Score:
            return _trained(lab, model, settings, DATA / "pairs" / model / f"{settings.pairs}.jsonl", count, seed)

        yield Measure(f"trained-{count}", True, run)


def _control() -> Iterator[Measure]:
    settings = _mini("control")
    for arm in settings.arms:

        def run(lab: Lab, model: str, seed: int, arm: str = arm) -> Score:
            return _trained(lab, model, settings, DATA / "pairs" / f"control-{arm}.jsonl", settings.count, seed)

        yield Measure(f"control-{arm}-{settings.count}", True, run)


def _full() -> Iterator[Measure]:
    settings = _mini("recipe-7b-full")

    def run(lab: Lab, model: str, seed: int) -> Score:
        mined = lab.mine(model, BootstrapMiner(target=settings.count), seed)
        adapter = lab.train(model, mined.pairs, settings.recipe, seed)
        return lab.evaluate(model, settings.benchmark, adapter=adapter)

    yield Measure(f"full-{settings.count}", True, run)


def flips(lab_of: Callable[[int], Lab], model: str) -> int:
    """D: the most tasks whose greedy outcome (chat or raw) changes when other batch sizes are used."""
    worst = 0
    for measure in _baselines():
        usual = measure.run(lab_of(0), model, 0).flags
        for rows in FLIP_ROWS:
            other = measure.run(lab_of(rows), model, 0).flags
            worst = max(worst, sum(a != b for a, b in zip(usual, other, strict=True)))
    return worst


def calibrate(
    model: str, seeds: int, store: Path, device: str, jobs: int, only: Sequence[str], progress: Progress, command: str
) -> Path:
    """Measure and write data/calibration/<model>.json; returns its path."""
    wanted = [m for m in measures().values() if not only or m.name in only]
    if unknown := set(only) - set(measures()):
        raise DataError(f"unknown measure {sorted(unknown)[0]!r}; known: {', '.join(measures())}")
    units = [(m.name, seed) for m in wanted for seed in (range(FIRST_SEED, FIRST_SEED + seeds) if m.seeded else (0,))]
    table = _previous(model) if only else {}
    for name, _ in units:
        table[name] = {}
    size = 0
    for done, (name, seed, solved, tasks) in enumerate(_all(units, model, store, device, jobs), 1):
        table[name][str(seed)], size = solved, tasks
        progress.update(f"calibrating {model}: {name}, seed {seed}: {solved}", done, len(units))
    if "flips" not in table:
        table["flips"] = {"0": flips(lambda rows: _lab(store, device, rows), model)}
    path = path_of(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"model": model, "n": size, "measures": table, "provenance": _provenance(device, command)}
    write_atomic(path, json.dumps(content, indent=1, sort_keys=True) + "\n")
    return path


def _all(
    units: Sequence[tuple[str, int]], model: str, store: Path, device: str, jobs: int
) -> Iterator[tuple[str, int, int, int]]:
    if jobs == 1:
        yield from (_unit(name, seed, model, store, device) for name, seed in units)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        for future in as_completed([pool.submit(_unit, *unit, model, store, device) for unit in units]):
            yield future.result()


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


_labs: dict[tuple[Path, str, int], Lab] = {}


def _lab(store: Path, device: str, rows: int = 0) -> Lab:
    """One Lab a process and setting, since models take seconds to load."""
    key = (store, device, rows)
    if key not in _labs:
        _labs[key] = Lab(RunStore(store), device=device, graders=1, rows=rows or None)
    return _labs[key]


def _unit(name: str, seed: int, model: str, store: Path, device: str) -> tuple[str, int, int, int]:
    score = measures()[name].run(_lab(store, device), model, seed)
    return name, seed, score.solved, len(score.tasks)


def _previous(model: str) -> dict[str, Any]:
    path = path_of(model)
    return dict(json.loads(path.read_text(encoding="utf-8"))["measures"]) if path.exists() else {}


def _provenance(device: str, command: str) -> dict[str, Any]:
    from importlib.metadata import version

    hardware = "CPU"
    if device != "cpu":
        import torch

        hardware = torch.cuda.get_device_name()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
        "device": hardware,
        "machine": machine(),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
        "code": code_hash(*CODE),
    }
