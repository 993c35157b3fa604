"""The registry: claims and their settings at each scale (claims/*.toml), models and recipes (data/).

Reading is strict (``selfboot.tables``): an unknown or missing key is an error that names file, claim, key and remedy.
In the claims' files every key is written, in the order of the classes below: no default is hidden. Published figures
stand there as references to data/paper.toml.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from selfboot import published
from selfboot.errors import DataError
from selfboot.models.shape import Shape
from selfboot.models.spec import Quantization
from selfboot.paths import CLAIMS, DATA, require
from selfboot.tables import build, read, shown

Scale = Literal["mini", "paper", "small"]  # our own model, the paper's models, any one model (--model)
Tier = Literal["fastpath", "fullpath", "negative"]
Direction = Literal["up", "down", "none"]
ArmName = Literal["paper", "ours"]
SCALES: tuple[Scale, ...] = get_args(Scale)


@dataclass(frozen=True)
class Settings:
    """One scale of a claim, as data. Which fields count is the protocol's matter; counts are pairs, scores are tasks.

    The defaults are for settings that are made in code; in a claim's file every field is written.
    """

    model: str
    benchmark: str
    format: str = ""  # "": the benchmark's usual one
    protocol: str = "train_and_score"  # a function of selfboot/protocols/, with these options
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    pairs: str = ""  # which pairs to train on (data/pairs/<model>/<name>.jsonl, or a released file)
    count: int = 0  # of them so many, the first ones; 0: all
    counts: tuple[int, ...] = ()  # for a protocol that trains on several numbers of pairs
    arms: tuple[str, ...] = ()  # for a protocol that compares several pair files, or models
    wrong_stop: tuple[tuple[str, ...], ...] = ()  # sets of stop strings that are wrong on purpose
    recipe: str = ""  # how our arm trains (data/recipes.toml)
    arm: ArmName = "ours"  # the arm that is judged; the other one is shown beside it (selfboot/protocols/arms.py)
    both_arms: bool = False  # the other arm is run too, on the same weights, and shown beside the judged one
    scripts: tuple[str, ...] = ()  # what the paper arm follows (data/protocols_paper.toml); of two that fit, the later
    seeds: tuple[int, ...] = ()
    by_seed: bool = False  # every seed is a case of its own
    contrast: tuple[str, ...] = ()  # the arms, before and after, whose difference is the claim's direction
    published: Mapping[str, tuple[float, ...]] = field(default_factory=dict, hash=False)  # figures, one a seed, by name
    margin: float = 0.0  # paper: tasks that "no difference" and "no clean lift" may be off
    minutes: float = 0.0  # expected wall-clock: mini on one CPU core, paper on the paper's hardware
    deviations: str = ""  # from the paper's protocol; "none"
    finding: str = ""  # mini: where our model differs from the paper, with figures and the explanation
    amended_after: str = ""  # a band or rule that was changed after it failed: when, what, why


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

    ``gpu_gb``: GB of memory on each of ``tensor_parallel`` GPUs, reckoned from the ``shape`` (selfboot.models.memory).
    ``quantization``: "nf4": loaded in 4 bits, to be mined from only. ``chat_template``: the one of data/templates/ that
    is used where the model's tokenizer has none. ``gated``: the hub gives it only to who accepted its licence.
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
    chat_template: str = ""
    shape: Shape | None = None
    gated: bool = False


@functools.cache
def registry() -> dict[str, Claim]:
    """Every claim, by id, in the order of the paper's sections. DataError for anything that is wrong in a file."""
    found: dict[str, Claim] = {}
    for path in files():
        for name, table in read(path, "registry").items():
            if name in found:
                raise DataError(f"{shown(path)} [{name}]: another file has a claim of this id; give it one of its own")
            found[name] = _claim(f"{shown(path)} [{name}]", name, table)
    return found


def files() -> list[Path]:
    """The claims' files, in the order of the paper's sections: "3_9_…" before "3_10_…"."""
    return sorted(
        require(CLAIMS, "the claims").glob("*.toml"),
        key=lambda path: ([int(word) for word in path.stem.split("_") if word.isdigit()], path.stem),
    )


def claim_named(name: str) -> Claim:
    """The claim called ``name``."""
    if name not in registry():
        raise DataError(f"unknown claim {name!r}; known: {', '.join(registry())}")
    return registry()[name]


@functools.cache
def models() -> dict[str, ModelEntry]:
    """Every model, by name."""
    path = DATA / "models.toml"
    return {name: _model(f"{shown(path)} [{name}]", name, table) for name, table in read(path, "models").items()}


def _model(where: str, name: str, table: dict[str, Any]) -> ModelEntry:
    shape = {"shape": build(Shape, f"{where}.shape", table["shape"])} if "shape" in table else {}
    return build(ModelEntry, where, {"name": name, **table, **shape})


def model_entry(name: str) -> ModelEntry:
    """The model called ``name``."""
    if name not in models():
        raise DataError(f"unknown model {name!r}; data/models.toml knows: {', '.join(models())}")
    return models()[name]


@functools.cache
def recipes() -> dict[str, dict[str, Any]]:
    """LoRA recipes as tables, by name."""
    return read(DATA / "recipes.toml", "recipes")


def _claim(where: str, name: str, table: Mapping[str, Any]) -> Claim:
    rest = {key: value for key, value in table.items() if key not in SCALES}
    claim = build(Claim, where, {"id": name, **rest, "scales": {}}, complete=True)
    scales = {scale: _settings(f"{where[:-1]}.{scale}]", table[scale]) for scale in SCALES if scale in table}
    if not scales:
        raise DataError(f"{where}: has no scale; add [{name}.mini], [{name}.small] or [{name}.paper]")
    return replace(claim, published=published.text(f"{where} published", claim.published), scales=scales)


def _settings(where: str, table: Mapping[str, Any]) -> Settings:
    """One scale of a claim, with the published figures in the place of their references."""
    references = table.get("published")
    if isinstance(references, Mapping):
        known = {name: published.values(f"{where} published", names) for name, names in references.items()}
        table = {**table, "published": known}
    settings = build(Settings, where, table, complete=True)
    if settings.model not in models():
        raise DataError(f"{where}: unknown model {settings.model!r}; known: {', '.join(models())}")
    if settings.recipe and settings.recipe not in recipes():
        raise DataError(f"{where}: unknown recipe {settings.recipe!r}; known: {', '.join(recipes())}")
    return settings
