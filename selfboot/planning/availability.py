"""Can this machine run a case? If not: what is missing, how much, and the remedy. Never asked at collection.

GPU memory is asked of nvidia-smi, so no CUDA starts before a case runs.
Not covered: slices of a GPU (MIG instances count as the whole one), and GPUs of unlike sizes that are named by UUID.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from selfboot.engines.gpu import our_gpus
from selfboot.errors import UnavailableError
from selfboot.mining.own import is_own
from selfboot.models.find import located
from selfboot.pairs import pairs_path
from selfboot.planning.needs import needs
from selfboot.planning.selection import missing_memory
from selfboot.registry import Scale, Settings, model_entry

FETCH = ("selfboot fetch --only ", "selfboot fetch --models ")
NEEDS_GPUS = re.compile(r"needs (a GPU|\d+ GPUs) with ([\d.]+) GB")


def missing(settings: Settings, scale: Scale, weights: str = "trained") -> str | None:
    """One sentence about what this machine lacks for a case, or None when it can run. ``weights``: as the Lab's."""
    return next(lacks(settings, scale, weights), None)


def lacks(settings: Settings, scale: Scale, weights: str = "trained") -> Iterator[str]:
    """Everything that this machine lacks for a case, one sentence each; DataError where something here is damaged.
    What is missing at the mini scale ships with the checkout: without it a case fails."""
    if scale == "mini":
        yield from filter(None, [_no_package(settings.model)])
        return
    if scale == "small":
        yield from _lacks_small(settings, weights)
        return
    wanted = needs(settings)
    for model in wanted.models:
        yield from _lacks_of_model(settings, model, weights)
    yield from filter(None, map(_no_data, wanted.benchmarks))
    yield from filter(None, [_no_libraries(wanted.benchmarks), _no_texts() if wanted.texts else None])
    if weights == "trained":
        yield from filter(None, (_no_pairs(settings, model, name) for model, name in wanted.pairs))


def _lacks_small(settings: Settings, weights: str) -> Iterator[str]:
    """The model, and data sets; of the model's own pairs nothing, since they are mined. Whether the model fits into
    memory is seen when it is loaded."""
    wanted = needs(settings)
    yield from filter(None, [_unavailable(lambda: located(settings.model, weights))])
    yield from filter(None, map(_no_data, wanted.benchmarks))
    yield from (gone(settings, model, name) for model, name in wanted.pairs if not _here(model, name))


def _here(model: str, name: str) -> bool:
    return is_own(name) or pairs_path(model, name).exists()


def remedies(cases: Iterable[Iterable[str]]) -> str:
    """What would make skipped cases run, given what each lacks, with the number of cases that want it: the largest GPU,
    and one `selfboot fetch` for all that it can get at once."""
    wanted: dict[str, tuple[Counter[str], list[int]]] = {}
    for number, reasons in enumerate(cases):
        for reason in reasons:
            kind, what = _remedy(reason)
            names, who = wanted.setdefault(kind, (Counter(), []))
            names[what] += 1
            who.append(number)
    return "; ".join(f"{_together(kind, names)} ({_cases(len(set(who)))})" for kind, (names, who) in wanted.items())


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"


def _together(kind: str, whats: Iterable[str]) -> str:
    """One remedy for all of a kind."""
    if kind in FETCH:
        return f"`{kind}{' '.join(whats)}`"
    return f"{kind} with {max(map(float, whats)):g} GB" if kind.endswith(("GPU", "GPUs")) else kind


def _remedy(reason: str) -> tuple[str, str]:
    """A reason's remedy: its kind, and what of that kind; the command that it names, else what it says first."""
    if gpus := NEEDS_GPUS.search(reason):
        return gpus[1], gpus[2]
    named = re.search("`([^`]+)`", reason)
    if named is None:
        return reason.partition(";")[0], ""
    fetch = next((one for one in FETCH if named[1].startswith(one)), "")
    return (fetch, named[1].removeprefix(fetch)) if fetch else (f"`{named[1]}`", "")


def _lacks_of_model(settings: Settings, model: str, weights: str) -> Iterator[str]:
    if unfit := _no_package(model):
        yield unfit
    if short := missing_memory(replace(settings, model=model), our_gpus()):
        yield f"{short}; or --scale mini"
    if weights == "trained" and (gone := _no_weights(model)):
        yield gone


def _no_package(model: str) -> str | None:
    from selfboot.models import nf4

    return nf4.missing() if model_entry(model).quantization else None


def _no_weights(model: str) -> str | None:
    from selfboot.models.spec import ModelSpec, locate

    entry = model_entry(model)
    if _unavailable(lambda: locate(ModelSpec(entry.name, entry.source, entry.revision, entry.tokenizer))) is None:
        return None
    where = f"{entry.source} at {entry.revision}"
    return f"the weights of {model} are not on this machine; `selfboot fetch --models {model}` gets them ({where})"


def _no_data(benchmark: str) -> str | None:
    from selfboot.benchmarks.base import load_any

    return _unavailable(lambda: load_any(benchmark))


def _no_texts() -> str | None:
    """What the paper's scripts say to a model: never shipped."""
    from selfboot.paper.texts import templates

    return _unavailable(templates)


def _unavailable(ask: Callable[[], object]) -> str | None:
    """Why something is not on this machine, with the remedy; None when it is."""
    try:
        ask()
    except UnavailableError as error:
        return str(error)
    return None


def _no_libraries(benchmarks: Iterable[str]) -> str | None:
    """The installed packages that programs of a benchmark use."""
    from selfboot.benchmarks import bigcodebench

    if not any(name.partition(":")[0] == "bigcodebench-hard" for name in benchmarks):
        return None
    missing = bigcodebench.absent()
    return bigcodebench.remedy(missing) if missing else None


def _no_pairs(settings: Settings, model: str, name: str) -> str | None:
    """A pair file of a claim at paper scale that is not here, and what makes it."""
    return None if pairs_path(model, name).exists() else gone(settings, model, name)


def gone(settings: Settings, model: str, name: str) -> str:
    """Why a pair file is not here, and the command that gets or makes it."""
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
        how = f"{model} --method control-own --seeds mbpp-train{wanted} --seed 42"
    else:
        path = DATA / "pairs" / model / f"{name}.jsonl"
        how = f"{model}{wanted}"
    return f"{path} is missing; `selfboot mine {how} --out {path}` makes it"
