"""Measure what a model does over many seeds: the mini model for the bands of its scale, any one model for its user.

    selfboot calibrate organism-0 --seeds 20                                   # on the CPU, resumable, hours
    selfboot calibrate organism-0 --seeds 30 --device cuda --jobs 12 --rows 1024
    selfboot calibrate MODEL --scale small --part 1/16 --tokens 200            # bands in the run store

Every figure goes through the same protocols as the claims; calibration seeds start at 1000, so that the published seeds
7, 13 and 42 stay fresh. Seeds that the file has for the same settings are kept, wherever they were measured, so several
machines can share the work; what was interrupted is read from the run store. Processes share out the GPUs that they may
use. A member of the family that no claim names (mini models 1 and 2) is measured by the claims of mini model 0.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from selfboot import keys
from selfboot.analysis.bands import CALIBRATION_SEEDS
from selfboot.engines import gpu
from selfboot.errors import DataError, SelfbootError, TooFewPairsError, UnavailableError
from selfboot.judging.calibration import (
    FLIPPED_OF,
    Calibration,
    Measure,
    calibration,
    fingerprint,
    own_mark,
    own_path,
    path_of,
    read,
    write,
)
from selfboot.keys import code_hash
from selfboot.lab import Lab, machine
from selfboot.models.find import find_model
from selfboot.models.spec import fingerprint as weights_of
from selfboot.progress import Progress, silence_warnings
from selfboot.protocols.any_model import WHOLE, Part, fitted, measure_of, placed
from selfboot.protocols.base import Run
from selfboot.protocols.catalogue import run_protocol
from selfboot.registry import Settings, registry
from selfboot.store import RunStore

FIRST_SEED = 1000
FLIP_ROWS = (8, 32)  # batch sizes compared with the default one
SAVE_S = 20.0
SIBLINGS = ("organism-1", "organism-2")  # measured by the claims of the first
MAIN = "organism-0"
Remeasure = Literal["", "outdated", "all"]


@dataclass(frozen=True)
class How:
    """Where and how units are measured."""

    store: Path
    device: str = "cpu"
    jobs: int = 1
    rows: int = 0  # the sampler's batch size; 0: its default
    small: bool = False  # the small scale: any one model, on a part of each benchmark
    part: Part = WHOLE
    tokens: int = 0  # the most of a completion; 0: as many as each benchmark allows
    chat_template: str = ""

    def path(self, model: str) -> Path:
        """The file with a model's figures."""
        if not self.small:
            return path_of(model)
        return own_path(self.store, find_model(model).name, measure_of(self.part, self.tokens))

    def mark(self, model: str, settings: Settings) -> str:
        """What a claim's figures depend on."""
        return own_mark(settings, weights_of(_lab(self).spec(model))) if self.small else fingerprint(settings)


def own_claims(model: str, how: How, only: Sequence[str]) -> dict[str, Settings]:
    """The small settings with this model in place, of these claims (none: all). Claims for which it has too few pairs
    are named, and left out."""
    found: dict[str, Settings] = {}
    for claim in registry().values():
        settings = claim.scales.get("small")
        if settings is None or not settings.protocol or (only and claim.id not in only):
            continue
        try:
            found[claim.id] = fitted(_lab(how), placed(settings, model, how.part))
        except (TooFewPairsError, UnavailableError) as error:
            print(f"selfboot: {claim.id} is left out: {error}", file=sys.stderr, flush=True)
    return found


def calibrated_claims(model: str) -> dict[str, Settings]:
    """The mini settings, by claim, that ``model`` is measured by."""
    mini = {claim.id: claim.scales["mini"] for claim in registry().values() if "mini" in claim.scales}
    mini = {name: settings for name, settings in mini.items() if settings.protocol}
    own = {name: settings for name, settings in mini.items() if settings.model == model}
    if model not in SIBLINGS:
        return own
    substitute = {name: replace(s, model=model) for name, s in mini.items() if s.model == MAIN}
    return own | {name: s for name, s in substitute.items() if not s.arms or name == "control"}


def flips(how: How, model: str) -> float:
    """D: the most tasks whose greedy outcome (chat or raw) changes when other batch sizes are used, of ``FLIPPED_OF``.
    On a part of them one at least is allowed for: so few tasks cannot show that none changes."""
    if not how.small:
        return _flipped(how, model, registry()["recipe-7b"].scales["mini"].benchmark)
    benchmark = how.part.of_benchmark(registry()["recipe-7b"].scales["small"].benchmark)
    return max(1, _flipped(how, model, benchmark)) * FLIPPED_OF / len(_lab(how).benchmark(benchmark).tasks)


def _flipped(how: How, model: str, benchmark: str) -> int:
    worst = 0
    for form in ("chat", "raw"):
        usual = _lab(replace(how, rows=0)).evaluate(model, benchmark, format=form).flags
        for rows in FLIP_ROWS:
            other = _lab(replace(how, rows=rows)).evaluate(model, benchmark, format=form).flags
            worst = max(worst, sum(a != b for a, b in zip(usual, other, strict=True)))
    return worst


def calibrate(
    models: Sequence[str],
    seeds: int,
    how: How,
    only: Sequence[str],
    progress: Progress,
    command: str,
    remeasure: Remeasure = "",
) -> list[Path]:
    """Measure and write ``how.path`` for each model, up to ``seeds`` a claim; returns their paths.

    ``only``: these claims; ``remeasure``: of the seeds that the file has, also those that other code measured, or all;
    each keeps its old figure until it has a new one. Files are written every ``SAVE_S`` seconds with what there is. A
    unit that cannot run does not stop the others; all are named in the SelfbootError at the end.
    """
    tables = {model: _Table(model, only, how, command, remeasure) for model in models}
    wanted = [FIRST_SEED + i for i in range(seeds)]
    units = [
        (claim, model, seed)
        for seed in wanted
        for model in models
        for claim in tables[model].claims
        if not tables[model].has(claim, seed)
    ]
    failed: dict[str, str] = {}
    saved = time.monotonic()
    for done, ((claim, model, seed), run) in enumerate(_all(units, how), 1):
        if isinstance(run, str):
            failed[f"{model}, {claim}"] = run
            print(f"selfboot: {model}, {claim}, seed {seed}: {run}; the others go on", file=sys.stderr, flush=True)
        else:
            tables[model].add(claim, seed, run)
        progress.update(f"calibrating {model}: {claim}, seed {seed}", done, len(units))
        if time.monotonic() - saved > SAVE_S:
            _save(tables)
            saved = time.monotonic()
    for model, table in tables.items():
        if table.flips is None and seeds >= CALIBRATION_SEEDS:  # with fewer there is no band to widen
            table.flips = float(flips(how, model))
    paths = _save(tables)
    if failed:
        raise SelfbootError("; ".join(f"{name}: {why}" for name, why in failed.items()))
    return paths


class _Table:
    """One model's figures in the making: what its file has for the same settings, and what is measured now."""

    def __init__(self, model: str, only: Sequence[str], how: How, command: str, remeasure: Remeasure) -> None:
        wanted = own_claims(model, how, only) if how.small else calibrated_claims(model)
        self.model, self.path = model, how.path(model)
        self.claims = [name for name in wanted if name in only or not only]
        if not self.claims:
            known = ", ".join(wanted) or "none"
            raise DataError(f"no claim of {list(only) or 'the registry'} measures {model}; these do: {known}")
        self.settings = {name: how.mark(model, settings) for name, settings in wanted.items()}
        before = read(model, self.path) if self.path.exists() else Calibration(model, {}, {}, [])
        self.flips = before.flips
        self.figures = {
            claim: dict(measures)
            for claim, measures in before.measures.items()
            if before.settings.get(claim) == self.settings.get(claim)
        }
        self.earlier = before.provenance
        self.now = _provenance(how.device, command)
        self.measured: dict[str, set[int]] = {}
        due = [call for call in self.earlier if remeasure == "all" or (remeasure and call["code"] != self.now["code"])]
        self.due = {(claim, seed) for call in due for claim, seeds in call["seeds"].items() for seed in seeds}

    def has(self, claim: str, seed: int) -> bool:
        """Is this seed known and not due again, or does the claim have figures without a seed only?"""
        figures = self.figures.get(claim, {}).values()
        known = bool(figures) and all(seed in one.seeds for one in figures if not one.fixed)
        return known and (claim, seed) not in self.due

    def add(self, claim: str, seed: int, run: Run) -> None:
        known = self.figures.setdefault(claim, {})
        for figure, value in run.figures.items():
            arm = replace(run.arms[figure], seed=0)
            known[figure] = known.get(figure, Measure(arm, (), ())).with_seed(seed, value)
        self.measured.setdefault(claim, set()).add(seed)

    def content(self) -> Calibration:
        now = [{**self.now, "seeds": {claim: sorted(seeds) for claim, seeds in self.measured.items()}}]
        settings = {name: mark for name, mark in self.settings.items() if name in self.figures}
        calls = [*self._left(), *(now if self.measured else [])]
        return Calibration(self.model, self.figures, settings, calls, self.flips)

    def _left(self) -> list[dict[str, Any]]:
        """The earlier calls, each with the seeds whose figures are still its own; without any, only for its notes."""
        left = []
        for call in self.earlier:
            kept = {c: sorted(set(seeds) - self.measured.get(c, set())) for c, seeds in call["seeds"].items()}
            left.append({**call, "seeds": {claim: seeds for claim, seeds in kept.items() if seeds}})
        return [call for call in left if call["seeds"] or "notes" in call]


def _save(tables: dict[str, _Table]) -> list[Path]:
    for table in tables.values():
        write(table.path, table.content())
    calibration.cache_clear()
    return [table.path for table in tables.values()]


Unit = tuple[str, str, int]


def _all(units: Sequence[Unit], how: How) -> Iterator[tuple[Unit, Run | str]]:
    if how.jobs == 1:
        yield from (_unit(unit, how) for unit in units)
        return
    context = get_context("spawn")
    devices = gpu.visible(os.environ, gpu.device_count()) if how.device == "cuda" else ()
    turns = context.SimpleQueue()  # each process takes one
    for job in range(how.jobs):
        turns.put(devices[job % len(devices)] if devices else "")
    with ProcessPoolExecutor(how.jobs, mp_context=context, initializer=_begin, initargs=(turns,)) as pool:
        for future in as_completed([pool.submit(_unit, unit, how) for unit in units]):
            yield future.result()


def _begin(turns: Any) -> None:
    """One thread, one of the GPUs, and the command line's silence for this process."""
    silence_warnings()
    if device := turns.get():
        os.environ[gpu.VISIBLE] = device  # before anything starts CUDA
    import torch

    torch.set_num_threads(1)


_labs: dict[How, Lab] = {}


def _lab(how: How) -> Lab:
    """One Lab a process and setting, since models take seconds to load."""
    if how not in _labs:
        _labs[how] = Lab(
            RunStore(how.store),
            device=how.device,
            graders=1,
            rows=how.rows or None,
            tokens=how.tokens or None,
            chat_template=how.chat_template,
        )
    return _labs[how]


def _unit(unit: Unit, how: How) -> tuple[Unit, Run | str]:
    """One seed of one claim, or why there is none; evidence stays in the store, only figures and outcomes travel."""
    claim, model, seed = unit
    try:
        run = run_protocol(_lab(how), _settings(claim, model, how), seed)
    except Exception as error:  # hours of other units must not be lost for one
        return unit, f"{type(error).__name__}: {error}"
    return unit, replace(run, evidence=())


def _settings(claim: str, model: str, how: How) -> Settings:
    if not how.small:
        return calibrated_claims(model)[claim]
    return fitted(_lab(how), placed(registry()[claim].scales["small"], model, how.part))


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
        "code": code_hash(*keys.CALIBRATION),
    }
