"""Which cases a session has and in which order: model by model, the longest first, one model's to one worker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from selfboot.mining.own import is_own
from selfboot.session.cases import case_of, name_of, served
from selfboot.session.process import DEVICES

SHARED_MINUTES = 0.01  # that a mini case takes where another has made what it needs
TIERS = {"fastpath", "fullpath", "negative"}  # marks that only claims have
COMPANY = pytest.StashKey[dict[str, list[Any]]]()  # the cases that an engine of their own serves, by model


def planned(config: pytest.Config, items: Iterable[pytest.Item]) -> dict[str, float]:
    """The expected seconds of every case that this session may run: without a GPU none of the paper's scale."""
    cases = [case for item in items if (case := case_of(item))]
    able = [case for case in cases if case.scale != "paper" or config.stash[DEVICES]]
    return {name_of(case): 60 * case.settings.minutes for case in able}


def only_claims(words: str) -> bool:
    """Does ``-m words`` choose by claims' tiers alone, so that no test of the library can be among the chosen?"""
    chosen = set(re.findall(r"\w+", words))
    return bool(chosen & TIERS and chosen <= TIERS | {"or"})


def unwanted(config: pytest.Config, items: list[pytest.Item]) -> list[pytest.Item]:
    """The scales that were not asked for, and the cases whose seeds another case has by ``--seeds``."""
    scale, seeds = config.getoption("--scale"), config.getoption("--seeds")
    wanted = {"mini", "paper"} if scale == "auto" else {scale}
    others = {"mini", "small", "paper"} - wanted
    dropped = [item for item in items if any(item.get_closest_marker(one) for one in others)]
    return dropped + [item for item in items if seeds and (case := case_of(item)) and not case.choose_seeds(seeds)]


def in_order(config: pytest.Config, items: list[pytest.Item]) -> list[pytest.Item]:
    """In a worker of xdist the longest case first, after those that no store shortens; then, wherever an engine serves
    cases, model by model."""
    return model_by_model(config, never_read_first(longest_first(items)) if hasattr(config, "workerinput") else items)


def hand_out(config: pytest.Config) -> None:
    """How xdist hands out tests: one by one; where there are GPUs, all cases of a model to one worker."""
    if getattr(config.option, "maxschedchunk", 1) is None:
        config.option.maxschedchunk = 1  # in chunks, one worker got all the long ones
    if config.stash[DEVICES] and getattr(config.option, "dist", "no") == "load":
        config.option.dist = "loadgroup"  # one worker has all cases of a model: each engine starts once


def scheduler(config: pytest.Config, log: Any, known: Mapping[str, str]) -> Any:
    """A scheduler of xdist under which one worker has all cases of a model; ``known``: the models, by a test's name."""
    from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped,unused-ignore]

    class ByModel(LoadGroupScheduling):  # type: ignore[misc,unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return known.get(nodeid.rpartition("::")[2], nodeid)

    return ByModel(config, log)


def model_by_model(config: pytest.Config, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Cases that an engine serves come last, model by model; a claim that starts an engine of its own ends its
    model's."""
    from selfboot.cluster.sitting import by_model
    from selfboot.protocols.repeated import times

    late = [item for item in items if (case := case_of(item)) is not None and served(config, case)]
    late.sort(key=lambda item: times(case_of(item).runnable))
    late = by_model(late, lambda item: case_of(item).runnable.model)
    company: dict[str, list[Any]] = {}
    config.stash[COMPANY] = company
    for case in map(case_of, late):
        company.setdefault(case.runnable.model, []).append(case)
    chosen = set(late)
    return [*(item for item in items if item not in chosen), *late]


def never_read_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """A mini case that does all of it again in an empty store is the longest one where everything else is only read:
    the other worker reads it meanwhile."""
    from selfboot.protocols.repeated import times

    def read(item: pytest.Item) -> bool:
        case = case_of(item)
        return case is None or case.scale != "mini" or times(case.settings) == 1

    return sorted(items, key=read)


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """So that no worker ends alone with a long case. A case that finds its adapter or its samples made by a longer one
    comes after those that do not: side by side, one worker would only wait for the other."""
    seen, minutes = set[str](), {item: _minutes(item) for item in items}
    for item in sorted(items, key=minutes.__getitem__, reverse=True):
        if minutes[item] and (work := _work(case_of(item))):
            minutes[item] = SHARED_MINUTES if work in seen else minutes[item]
            seen.add(work)
    return sorted(items, key=minutes.__getitem__, reverse=True)


def _minutes(item: pytest.Item) -> float:
    """What a case on a CPU is expected to take; a test of the library comes after all of them."""
    case = case_of(item)
    return case.settings.minutes if case and case.scale != "paper" else 0.0


def _work(case: Any) -> str:
    """The longest part of a case's work, by what determines it: the mining of the model's own pairs, what is trained,
    what is drawn at a temperature; "" for none of them."""
    one, options = case.settings, case.settings.options
    if is_own(one.pairs):
        return repr((one.model, one.pairs))
    if one.recipe:
        return repr((one.model, one.pairs, one.arms, one.count, one.counts, one.recipe, case.seed, options))
    return repr((one.model, one.benchmark, options["n"], options["temperature"])) if "n" in options else ""
