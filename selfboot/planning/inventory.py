"""What the chosen claims need at the paper's scale, and what of it is on this machine: said before anything is fetched.

Sizes of weights are reckoned from the models' shapes in bf16: a repository that holds float32 is twice as large.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfboot.benchmarks.base import split_name
from selfboot.datasets import pinned
from selfboot.errors import SelfbootError, UnavailableError
from selfboot.models.spec import ModelSpec, locate
from selfboot.pairs import pairs_path
from selfboot.paper import texts
from selfboot.planning.availability import gone
from selfboot.planning.needs import needs
from selfboot.planning.selection import chosen
from selfboot.registry import ModelEntry, Settings, model_entry

Kind = Literal["weights", "data set", "pairs", "texts"]
State = Literal["here", "missing", "damaged"]
SOURCES = {  # the data set that a benchmark is read from; HumanEval comes with its package
    "humaneval-plus": "humaneval-plus",
    "bigcodebench-hard": "bigcodebench-hard",
    "gsm8k": "gsm8k-test",
    "gsm8k-train": "gsm8k-train",
    "math500": "math500",
    "math-train": "math-train",
    "math-train-shuffled": "math-train",
    "aime": "aime",
    "mbpp": "mbpp",
    "mbpp-train": "mbpp",
    "mbpp-train-functions": "mbpp",
    "mbpp-full-train": "mbpp-full-train",
}


@dataclass(frozen=True)
class Wanted:
    """One thing that claims need. ``gb``: of weights. ``how``: what makes it, where it cannot be fetched, or what the
    hub asks for first; empty: `selfboot fetch` gets it."""

    kind: Kind
    name: str
    state: State
    size: str
    origin: str
    gb: float = 0.0
    how: str = ""

    def __str__(self) -> str:
        return f"{self.kind:<9} {self.name:<22} {self.state:<8} {self.size:>12}  {self.origin}"

    @property
    def fetched(self) -> bool:
        """Is it still to be fetched?"""
        return self.state != "here" and not self.how


def wanted(marks: str, only: str = "") -> list[Wanted]:
    """Everything that the chosen claims need at the paper's scale, each once: weights first."""
    found: dict[tuple[str, str], Wanted] = {}
    for claim in chosen(marks, only):
        for one in _of(claim.scales["paper"]):
            found.setdefault((one.kind, one.name if one.how else one.origin), one)
    order = ["weights", "data set", "pairs", "texts"]
    return sorted(found.values(), key=lambda one: order.index(one.kind))


def _of(settings: Settings) -> Iterator[Wanted]:
    need = needs(settings)
    yield from (_weights(model_entry(name)) for name in need.models)
    wholes = [split_name(name)[0] for name in need.benchmarks]
    yield from (_source("data set", SOURCES[name]) for name in wholes if name in SOURCES)
    yield from (_pairs(settings, model, name) for model, name in need.pairs)
    if need.texts:
        count = f"{len(texts.places())} texts"
        yield Wanted("texts", texts.NAME, _state(texts.templates), count, f"github.com/{texts.REPOSITORY}")


def _weights(entry: ModelEntry) -> Wanted:
    gb = (entry.shape.weight_bytes() if entry.shape else 0.0) / 1e9
    origin = f"{entry.source} at {entry.revision[:12]}"
    state = _state(lambda: locate(spec(entry)))
    how = _refused(entry) if state == "missing" else ""
    return Wanted("weights", entry.name, state, f"{gb:.1f} GB", origin, gb, how)


def spec(entry: ModelEntry) -> ModelSpec:
    """Where a registry model's files are, or would be."""
    return ModelSpec(entry.name, entry.source, entry.revision, entry.tokenizer, sha256=entry.sha256)


def _refused(entry: ModelEntry) -> str:
    """What has to be done before the hub gives a gated model; "" where nothing has."""
    from huggingface_hub import get_token

    if not entry.gated or get_token():
        return ""
    return f"gated: accept the licence at https://huggingface.co/{entry.source} and set HF_TOKEN"


def _source(kind: Kind, name: str) -> Wanted:
    found = pinned.source(name)
    size = f"{found.characters / 1000:.0f} kB" if found.characters else f"{found.rows} rows"
    return Wanted(kind, name, _state(lambda: pinned.read_source(name)), size, found.origin)


def _pairs(settings: Settings, model: str, name: str) -> Wanted:
    """A released file, or one that is mined on a machine with a GPU."""
    if name in pinned.sources():
        return _source("pairs", name)
    if (path := pairs_path(model, name)).exists():
        return Wanted("pairs", f"{model}/{name}", "here", "", str(path))
    return Wanted("pairs", f"{model}/{name}", "missing", "", "mined on a GPU", how=gone(settings, model, name))


def _state(ask: Callable[[], object]) -> State:
    try:
        ask()
    except UnavailableError:
        return "missing"
    except SelfbootError:
        return "damaged"
    return "here"


# Where it all goes


def hub_folder() -> Path:
    """Hugging Face's cache, where weights go."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def free_gb(folder: Path) -> float:
    """Free disk where a folder is, or would be."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return shutil.disk_usage(there).free / 1e9


def summary(things: Iterable[Wanted]) -> str:
    """What is to be fetched, how much disk it takes and how much is free, and what cannot be fetched."""
    things = list(things)
    left = [one for one in things if one.fetched]
    gb, free = to_fetch_gb(things), free_gb(hub_folder())
    lines = [f"to fetch: {len(left)} of {len(things)}, {gb:.1f} GB of weights; free: {free:.0f} GB in {hub_folder()}"]
    lines += [f"not to be fetched: {one.name}: {one.how}" for one in things if one.state != "here" and one.how]
    return "\n".join(lines)


def to_fetch_gb(things: Iterable[Wanted]) -> float:
    """GB of weights that are to be fetched."""
    return sum(one.gb for one in things if one.fetched)


def offline() -> str:
    """The variables to set for a runner without a network that sees these folders, as lines of a shell."""
    values = {
        pinned.DATA_ENV: pinned.data_folder().resolve(),
        texts.TEXTS_ENV: texts.texts_path().resolve(),
        "HF_HUB_CACHE": hub_folder().resolve(),
        "HF_HUB_OFFLINE": 1,
    }
    return "\n".join(f"export {name}={value}" for name, value in values.items())
