"""A claim whose test runs one thing twice and compares the two: ``determinism``, the only one without a protocol.

Its figure, how much was identical, is of two runs in two stores. So the test itself makes it, of what stands here.
"""

from __future__ import annotations

from typing import Any

from selfboot.protocols.catalogue import run_protocol
from selfboot.protocols.lab_like import LabLike
from selfboot.records import Sampling
from selfboot.registry import Settings

TWICE = Sampling(max_new_tokens=200, temperature=0.8, n=2)


def draw_and_train(lab: LabLike, settings: Settings, seed: int) -> tuple[Any, Any]:
    """The score of two sampled completions of every task, and an adapter of the claim's first pairs."""
    score = lab.evaluate(settings.model, settings.benchmark, sampling=TWICE, seed=seed)
    pairs = lab.pairs(settings.model, settings.pairs)[: settings.count or None]
    return score, lab.train(settings.model, pairs, settings.recipe, seed)


def run_once(lab: LabLike, settings: Settings, seed: int) -> None:
    """What a claim asks of one Lab: its protocol, or what its test runs twice. For runs whose figures nobody reads."""
    if settings.protocol:
        run_protocol(lab, settings, seed)
    else:
        draw_and_train(lab, settings, seed)


def times(settings: Settings) -> int:
    """How often a claim does the whole of it, each time in a run store of its own."""
    return 1 if settings.protocol else 2
