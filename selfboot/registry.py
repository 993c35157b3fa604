"""The registry: claims and their settings at both scales, read from data/claims.toml, models.toml and recipes.toml.

Reading is strict: an unknown or missing field is an error that names file, claim and field; a typo cannot become a
silent default.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from selfboot.errors import DataError
from selfboot.models.shape import Shape
from selfboot.models.spec import Quantization
from selfboot.paths import DATA, require

Scale = Literal["mini", "paper"]
Tier = Literal["fastpath", "fullpath", "negative"]
Direction = Literal["up", "down", "none"]
SCALES: tuple[Scale, ...] = get_args(Scale)


@dataclass(frozen=True)
class Settings:
    """One scale of a claim, as data. Which fields it uses is its test's matter; counts are pairs, scores are tasks."""

    model: str
    benchmark: str
    protocol: str = "train_and_score"  # a function of selfboot/protocols/, with these options
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    format: str = ""  # "": the benchmark's usual one
    pairs: str = ""  # which pairs are at hand (data/pairs/<model>/<name>.jsonl, or a released file)
    count: int = 0
    counts: tuple[int, ...] = ()
    arms: tuple[str, ...] = ()
    recipe: str = ""
    seeds: tuple[int, ...] = ()
    wrong_stop: tuple[str, ...] = ()
    contrast: tuple[str, ...] = ()  # the arms, before and after, whose difference is the claim's direction
    by_seed: bool = False  # every seed is a case of its own
    published: Mapping[str, tuple[float, ...]] = field(default_factory=dict, hash=False)  # figures, one a seed, by name
    margin: float = 0.0  # paper: tasks that "no difference" and "no clean lift" may be off
    minutes: float = 0.0  # expected wall-clock: mini on one CPU core, paper on the paper's hardware
    deviations: str = ""
    finding: str = ""  # mini: where the organism differs from the paper, with figures and the explanation


@dataclass(frozen=True)
class Claim:
    """One claim of the paper. ``expects`` is the paper's direction; ``published`` its figures, for the tables."""

    id: str
    section: str
    title: str
    tier: Tier
    kind: str
    expects: Direction
    published: str
    scales: Mapping[Scale, Settings] = field(hash=False)


@dataclass(frozen=True)
class ModelEntry:
    """A model that claims can name: where it comes from and what it needs (``gpu_gb`` = 0: a CPU will do).

    ``gpu_gb``: GB of memory on each of ``tensor_parallel`` GPUs, as ``selfboot.planning.cost`` reckons from the
    ``shape``.
    ``quantization``: "nf4": loaded in 4 bits, to be mined from only.
    """

    name: str
    source: str
    tokenizer: str = ""
    revision: str = ""
    sha256: str = ""
    stop_tokens: tuple[str, ...] = ()
    dtype: str = ""
    quantization: Quantization = ""
    gpu_gb: float = 0.0
    tensor_parallel: int = 1
    shape: Shape | None = None


T = TypeVar("T")


@functools.cache
def registry() -> dict[str, Claim]:
    """Every claim, by id, in the order of the file."""
    path = DATA / "claims.toml"
    return {name: _claim(path, name, table) for name, table in _toml(path).items()}


@functools.cache
def models() -> dict[str, ModelEntry]:
    """Every model, by name."""
    path = DATA / "models.toml"
    return {name: _model(f"{path} [{name}]", name, table) for name, table in _toml(path).items()}


def _model(where: str, name: str, table: dict[str, Any]) -> ModelEntry:
    shape = {"shape": build(Shape, f"{where}.shape", table["shape"])} if "shape" in table else {}
    entry = build(ModelEntry, where, {"name": name, **table, **shape})
    if entry.quantization not in get_args(Quantization):
        raise DataError(f'{where}: quantization {entry.quantization!r} is unknown; leave it out, or write "nf4"')
    return entry


def model_entry(name: str) -> ModelEntry:
    """The model called ``name``."""
    if name not in models():
        raise DataError(f"unknown model {name!r}; data/models.toml knows: {', '.join(models())}")
    return models()[name]


@functools.cache
def recipes() -> dict[str, dict[str, Any]]:
    """LoRA recipes as tables, by name."""
    return _toml(DATA / "recipes.toml")


def _toml(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return tomllib.loads(require(path, "registry").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: {error}") from None


def _claim(path: Path, name: str, table: dict[str, Any]) -> Claim:
    where = f"{path} [{name}]"
    scales = {s: build(Settings, f"{where}.{s}", table[s]) for s in SCALES if s in table}
    rest = {key: value for key, value in table.items() if key not in SCALES}
    claim = build(Claim, where, {"id": name, **rest, "scales": scales})
    if not scales:
        raise DataError(f"{where}: has no scale; add [{name}.mini] or [{name}.paper]")
    if claim.tier not in get_args(Tier) or claim.expects not in get_args(Direction):
        raise DataError(f"{where}: tier {claim.tier!r} or expects {claim.expects!r} is not one that exists")
    return claim


def build(cls: type[T], where: str, table: dict[str, Any]) -> T:
    """A record out of a table; DataError names ``where`` and the field that is unknown or missing."""
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(table) - known):
        raise DataError(f"{where}: unknown field {unknown[0]!r}; known: {', '.join(sorted(known))}")
    try:
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
    except TypeError as error:
        raise DataError(f"{where}: {str(error).split('() ')[-1]}") from None
