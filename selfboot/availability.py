"""Can this machine run a case? If not: what is missing, how much, and the remedy. Never asked at collection.

GPU memory is asked of nvidia-smi, so no CUDA starts before a case runs.
Not covered: slices of a GPU (MIG instances count as the whole one), and GPUs of unlike sizes that are named by UUID.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

from selfboot import gpu, planning
from selfboot.claims import Scale, Settings, model_entry
from selfboot.errors import UnavailableError
from selfboot.planning import Gpu


def missing(settings: Settings, scale: Scale, weights: str = "trained") -> str | None:
    """One sentence about what this machine lacks for a case, or None when it can run. ``weights``: as the Lab's."""
    return next(_reasons(settings, scale, weights), None)


def _reasons(settings: Settings, scale: Scale, weights: str) -> Iterator[str]:
    if unfit := _no_package(settings.model):
        yield unfit
    if scale == "paper":
        if short := planning.missing_memory(settings, our_gpus()):
            yield f"{short}; or --scale mini"
        if weights == "trained" and (gone := _no_weights(settings.model)):
            yield gone
    if gone := _no_data(settings):
        yield gone


@functools.cache
def our_gpus() -> list[Gpu]:
    """The GPUs of this process: those of the machine that CUDA_VISIBLE_DEVICES leaves (``gpu.confine``)."""
    have = planning.local_gpus()
    names = gpu.visible(os.environ, len(have)) if have else ()
    return [have[int(name)] if name.isdigit() else have[0] for name in names]


def _no_package(model: str) -> str | None:
    from selfboot.models import nf4

    return nf4.missing() if model_entry(model).quantization else None


def _no_weights(model: str) -> str | None:
    from selfboot.models.spec import ModelSpec, locate

    entry = model_entry(model)
    try:
        locate(ModelSpec(entry.name, entry.source, entry.revision, entry.tokenizer))
    except UnavailableError as error:
        return str(error)
    return None


def _no_data(settings: Settings) -> str | None:
    """The benchmark, and the pairs where they are a data set of data/sources.toml."""
    from selfboot.benchmarks.base import load_any
    from selfboot.datasets.pinned import source_path, sources

    try:
        load_any(settings.benchmark)
        if settings.pairs in sources():
            source_path(settings.pairs)
    except UnavailableError as error:
        return str(error)
    return None
