"""Can this machine run a case? If not: what is missing, how much, and the remedy. Never asked at collection.

GPU memory is asked of nvidia-smi, so no CUDA starts before a case runs.
Not covered: slices of a GPU (MIG instances count as the whole one), and GPUs of unlike sizes that are named by UUID.
"""

from __future__ import annotations

from collections.abc import Iterator

from selfboot.engines.gpu import our_gpus
from selfboot.errors import UnavailableError
from selfboot.planning import cost as planning
from selfboot.planning.forecast import Sizes
from selfboot.protocols.arms import in_arm
from selfboot.protocols.catalogue import run_protocol
from selfboot.protocols.dryrun import DryRun
from selfboot.registry import Scale, Settings, model_entry


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
    for gone in (
        _no_data(settings),
        _no_libraries(settings),
        _no_pairs(settings) if scale == "paper" and weights == "trained" else None,
        _no_texts(settings),
    ):
        if gone:
            yield gone


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
    """The benchmarks: the claim's own, those scored beside it, and what is mined from."""
    from selfboot.benchmarks.base import load_any

    try:
        for name in _benchmarks(settings):
            load_any(name)
    except UnavailableError as error:
        return str(error)
    return None


def _benchmarks(settings: Settings) -> list[str]:
    options = settings.options
    named = [options.get(name) for name in ("tasks", "shots")]
    return [settings.benchmark, *options.get("also", ()), *filter(None, named), *_mined_from(settings)]


def _mined_from(settings: Settings) -> list[str]:
    """What a script of the paper arm takes its seeds from, by a dry run: not every script that mines is followed in
    that."""
    if not (settings.scripts and settings.protocol):
        return []
    run = DryRun(Sizes())
    run_protocol(run, in_arm(settings, "paper"), 0)
    facts = [getattr(step.args[1], "facts", None) for step in run.steps if step.verb == "mine"]
    return [one.source for one in facts if one and one.source != "invented"]


def _no_libraries(settings: Settings) -> str | None:
    """The installed packages that programs of a benchmark use."""
    from selfboot.benchmarks import bigcodebench

    if not any(name.partition(":")[0] == "bigcodebench-hard" for name in _benchmarks(settings)):
        return None
    missing = bigcodebench.absent()
    return bigcodebench.remedy(missing) if missing else None


def _no_texts(settings: Settings) -> str | None:
    """What the paper's scripts say to a model, where the claim follows some."""
    from selfboot.paper.texts import templates

    if settings.scripts:
        try:
            templates()
        except UnavailableError as error:
            return str(error)
    return None


def _no_pairs(settings: Settings) -> str | None:
    """The first pair file of a claim at paper scale that is not here, and what makes it. (Those of the mini scale come
    with the checkout: without one a case fails.)"""
    from selfboot.pairs import pairs_path, parts

    names = settings.arms if settings.protocol == "train_on_each" and settings.arms else (settings.pairs,)
    for name in [part for one in names for part in parts(one)]:
        if not pairs_path(settings.model, name).exists():
            return _gone(settings, name)
    return None


def _gone(settings: Settings, name: str) -> str:
    from selfboot.datasets.pinned import source_path, sources
    from selfboot.paths import DATA

    if name in sources():
        try:
            source_path(name)
        except UnavailableError as error:
            return str(error)
    count = settings.count or max(settings.counts, default=0)
    wanted = f" --target {count}" if count else ""
    if name.startswith("control-"):
        path = DATA / "pairs" / f"{name}.jsonl"
        how = f"{settings.model} --method control-own --seeds mbpp-train{wanted} --seed 42"
    else:
        path = DATA / "pairs" / settings.model / f"{name}.jsonl"
        how = f"{settings.model}{wanted}"
    return f"{path} is missing; `selfboot mine {how} --out {path}` makes it"
