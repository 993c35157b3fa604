"""Every way of mining by name, for the registry and the command line: ``make_miner("seeded", "miniseeds:100", {})``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, load_any
from selfboot.errors import DataError


@dataclass(frozen=True)
class Method:
    """A miner's class in ``selfboot.mining``, the benchmark it takes seeds from ("": it invents its problems), and
    settings other than its own defaults. ``trains``: the model is trained in between, which takes a recipe.
    ``seeds`` is the mini models' benchmark, ``public`` the paper's, for any other model."""

    miner: str
    seeds: str = ""
    public: str = ""
    trains: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


METHODS = {
    "bootstrap": Method("bootstrap.BootstrapMiner", settings={"target": 40}),
    "multi-pair": Method("multi_pair.MultiPairMiner"),
    "curriculum-code": Method("curriculum.CodeCurriculum", trains=True),
    "curriculum-math": Method("curriculum.MathCurriculum", trains=True),
    "vanilla-math": Method("vanilla_math.VanillaMathMiner", trains=True),
    "seeded": Method("seeded.SeededMiner", seeds="miniseeds", public="mbpp-train"),
    "recursive": Method("recursive.RecursiveMiner", seeds="miniseeds", public="mbpp-train", trains=True),
    "diversity": Method("diversity.DiversityMiner", seeds="miniseeds", public="mbpp-train"),
    "star": Method("star.StarMiner", seeds="minimath-train:300", public="gsm8k-train:300"),
    "math-seeded": Method("math_seeded.MathSeededMiner", seeds="minimath-train", public="math-train"),
    "self-correction": Method("self_correction.SelfCorrectionMiner", seeds="minimath-train", public="math-train"),
}


def miner_class(name: str) -> Any:
    """The class of a method. Raises DataError for an unknown one."""
    if name not in METHODS:
        raise DataError(f"unknown method of mining {name!r}; known: {', '.join(METHODS)}")
    module, _, cls = METHODS[name].miner.partition(".")
    return getattr(importlib.import_module(f"selfboot.mining.{module}"), cls)


def usual_seeds(name: str, organism: bool) -> str:
    """The benchmark that a method takes its seeds from where none is named."""
    return METHODS[name].seeds if organism else METHODS[name].public


def make_miner(
    name: str,
    seeds: str = "",
    settings: Mapping[str, Any] | None = None,
    load: Callable[[str], Benchmark | AnswerBenchmark] = load_any,
) -> Any:
    """The miner of a method; ``load`` finds the benchmark of its seeds. DataError for what it does not have or take."""
    miner, method = miner_class(name), METHODS[name]
    values = {**method.settings, **(settings or {})}
    known = {f.name for f in fields(miner)}
    if unknown := sorted(set(values) - known):
        raise DataError(f"{name} has no setting {unknown[0]!r}; it has: {', '.join(sorted(known))}")
    if seeds and not method.seeds:
        raise DataError(f"seeds {seeds}: {name} invents its own problems; leave them out")
    return miner(load(seeds or method.seeds), **values) if method.seeds else miner(**values)
