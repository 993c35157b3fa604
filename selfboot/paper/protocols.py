"""How each script of the paper runs, as data: ``data/protocols_paper.toml``, read strictly.

``scripts()`` gives every script's scores, mining and training, ``forms()`` the formats that they name. Which script
gives which published figure stands in data/paper.toml.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from selfboot.errors import DataError
from selfboot.paths import DATA
from selfboot.tables import build, read, shown

PATH = DATA / "protocols_paper.toml"
TOP_K = 50  # transformers' own, in force whenever it samples and a script sets none
Engine = Literal["transformers", "vllm"]


@dataclass(frozen=True)
class Form:
    """A format: ids of its texts (empty: none) and the name of its reading (formats/paper/reading.py)."""

    name: str
    reading: str
    system: str = ""
    user: str = ""
    stops: str = ""
    lens: str = ""


@dataclass(frozen=True)
class ScoreFacts:
    """One score of a script. ``ks``: pass@k of the first k samples; ``batch``: 0 where the engine makes its own."""

    benchmark: str
    format: str
    tokens: int
    phase: Literal["base", "trained", "both"] = "both"
    n: int = 1
    temperature: float = 0.0
    top_p: float = 0.95
    top_k: int = 0
    ks: tuple[int, ...] = ()
    batch: int = 0
    timeout_s: float = 0.0


@dataclass(frozen=True)
class MiningFacts:
    """How a script mines. ``source``: "invented", or the benchmark that seeds come from; ``problem``, ``harder``,
    ``easier``, ``repair``, ``prefill``: ids of texts; ``parse``: the rule that reads an invented problem; ``pairing``:
    which failing attempts go with the first passing one; ``error``: which end of the error's text is kept;
    ``request_format``: whose system turn requests have, where ``format`` is one of ours."""

    source: str
    keep: str
    order: str = ""
    rounds: int = 1
    size: int = 0
    target: int = 0
    cap: int = 1
    problem: str = ""
    parse: str = ""
    pairing: Literal["first", "not-empty", "each-failing"] = "first"
    error: Literal["first", "last"] = "last"
    problem_tokens: int = 0
    problem_temperature: float = 0.0
    harder: str = ""
    easier: str = ""
    version_temperature: float = 0.0
    format: str = ""
    request_format: str = ""
    lenses: tuple[str, ...] = ()
    greedy_tokens: int = 0
    prefill: str = ""
    repair: str = ""
    attempts: int = 0
    attempt_tokens: int = 0
    attempt_temperature: float = 0.0
    top_p: float = 0.95
    top_k: int = 0
    batch: int = 0
    timeout_s: float = 0.0


@dataclass(frozen=True)
class TrainingFacts:
    """How a script trains. ``every``: rounds between trainings (0: once at the end); ``start``: of a fresh adapter or
    the one before; ``dropout_in_mining``: LoRA dropout stays on in the rounds after a training."""

    recipe: str
    start: Literal["fresh", "continued"] = "fresh"
    every: int = 0
    needed: int = 0
    warmup_pairs: int = 0
    dropout_in_mining: bool = False


@dataclass(frozen=True)
class Script:
    """A released script: what it scores, mines and trains, and for which claims."""

    file: str
    claims: tuple[str, ...]
    engine: Engine
    seeds: str
    scores: tuple[ScoreFacts, ...] = ()
    mining: MiningFacts | None = None
    training: TrainingFacts | None = None
    truncation: int = 0
    max_model_len: int = 0
    weights: str = "bf16"
    note: str = ""
    stop_tokens: tuple[str, ...] = ()


@functools.cache
def _tables() -> dict[str, dict[str, Any]]:
    return read(PATH, "protocols of the paper")


@functools.cache
def forms() -> Mapping[str, Form]:
    """Every format of the paper, by name."""
    return {
        name: build(Form, f"{shown(PATH)} [formats.{name}]", {"name": name, **row})
        for name, row in _tables()["formats"].items()
    }


@functools.cache
def scripts() -> Mapping[str, Script]:
    """Every released script, by its file."""
    return {file: _script(file, row) for file, row in _tables()["scripts"].items()}


def script(file: str) -> Script:
    """The script of this file."""
    if file not in scripts():
        raise DataError(f"unknown script {file!r}; data/protocols_paper.toml knows: {', '.join(scripts())}")
    return scripts()[file]


def _script(file: str, row: dict[str, Any]) -> Script:
    where = f'{shown(PATH)} [scripts."{file}"]'
    scores = [build(ScoreFacts, f"{where}.scores", one) for one in row.get("scores", [])]
    if row.get("engine") == "transformers":
        scores = [replace(one, top_k=TOP_K) if one.temperature else one for one in scores]
    parts: dict[str, Any] = {"scores": tuple(scores)}
    for name, kind in (("mining", MiningFacts), ("training", TrainingFacts)):
        if name in row:
            parts[name] = build(kind, f"{where}.{name}", row[name])
    return build(Script, where, {"file": file, **row, **parts})
