"""Every protocol by its name, and how the registry's settings are run."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from selfboot.benchmarks.base import check_name
from selfboot.errors import DataError
from selfboot.protocols.base import Run
from selfboot.protocols.boundary import boundary_of_models
from selfboot.protocols.by_scripts import scripts_yielding_pairs
from selfboot.protocols.lab_like import LabLike
from selfboot.protocols.mining import count_minable, mine_in_rounds, mine_train_score, seeds_yielding_pairs
from selfboot.protocols.sampling import best_of_n, majority_vote, score_with_stop_strings
from selfboot.protocols.synergy import recipe_with_sampling
from selfboot.protocols.training import train_and_score, train_on_each
from selfboot.protocols.without_training import score_without_training
from selfboot.registry import Settings, registry

Protocol = Callable[..., Run]  # (lab, settings, seed, *, the claim's options)
PROTOCOLS: dict[str, Protocol] = {
    protocol.__name__: protocol
    for protocol in (
        *(train_and_score, train_on_each, recipe_with_sampling),
        *(score_with_stop_strings, best_of_n, majority_vote, score_without_training),
        *(mine_train_score, mine_in_rounds, seeds_yielding_pairs, count_minable),
        boundary_of_models,
    )
}

BY_SCRIPTS: dict[str, Protocol] = {"seeds_yielding_pairs": scripts_yielding_pairs}  # in the paper arm, with scripts


def run_protocol(lab: LabLike, settings: Settings, seed: int) -> Run:
    """One seed of a claim's protocol. Raises DataError for an unknown protocol or option."""
    protocol = _known("the claim's settings (claims/*.toml)", settings)
    if settings.arm == "paper" and settings.scripts:
        protocol = BY_SCRIPTS.get(settings.protocol, protocol)
    return protocol(lab, settings, seed, **settings.options)


def options_of(protocol: Protocol) -> list[str]:
    """The names of a protocol's options: its keyword-only parameters."""
    parameters = inspect.signature(protocol).parameters.values()
    return [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]


def check_registry() -> None:
    """DataError where a claim names a protocol, an option of it, or a benchmark that does not exist: a typo
    fails, and is not skipped as a claim without calibration."""
    for claim in registry().values():
        for scale, settings in claim.scales.items():
            _check(f"claims/*.toml [{claim.id}.{scale}]", settings)


def _check(where: str, settings: Settings) -> None:
    if settings.protocol:
        _known(where, settings)
    named = [settings.options.get(name, "") for name in ("tasks", "shots")]
    asked = (settings.benchmark, *settings.options.get("also", ()), *named)
    for name in filter(None, asked):
        check_name(name, where)


def _known(where: str, settings: Settings) -> Protocol:
    """The settings' protocol. DataError where there is none, or it has no such option."""
    name = settings.protocol
    if name not in PROTOCOLS:
        raise DataError(f"{where}: unknown protocol {name!r}; known: {', '.join(PROTOCOLS)}")
    known = options_of(PROTOCOLS[name])
    if unknown := sorted(set(settings.options) - set(known)):
        raise DataError(f"{where}: protocol {name} has no option {unknown[0]!r}; it has: {', '.join(known)}")
    return PROTOCOLS[name]
