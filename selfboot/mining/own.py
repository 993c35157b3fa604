"""Pairs of any model's own, for claims that train on pairs: a claim names them ``own:SEEDS``.

The model invents its problems, as in the paper's recipe (§2.1). A first run of ``PROBE`` asks for 64 problems: where
none of them gives a pair, fewer than one in twenty does (one-sided 95 % bound), and the full run is spared. Where
invented problems give too few pairs, the model solves the given problems of the benchmark SEEDS instead (§3.9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from selfboot.errors import UnavailableError
from selfboot.records import Pair

PREFIX = "own:"
SEED = 7
PROBE = {"steps": 4, "problems": 16, "target": 1000}  # as the claim `floor` asks
FULL = {"target": 100}
SEEDED = {"attempts": 4, "target": 100}


class Found(Protocol):
    """What a mining run gave."""

    @property
    def pairs(self) -> tuple[Pair, ...]: ...

    @property
    def records(self) -> Sequence[Mapping[str, Any]]: ...


class Mines(Protocol):
    """The part of a Lab that mining takes."""

    def miner(self, method: str, seeds: str = "", settings: Mapping[str, Any] | None = None) -> Any: ...

    def mine(self, model: str, miner: Any, seed: int) -> Found: ...


@dataclass(frozen=True)
class Own:
    """A model's pairs, and where they come from in words: "1 from 64 invented problems, 3 from 30 of mbpp-train"."""

    pairs: tuple[Pair, ...]
    where: str


def is_own(name: str) -> bool:
    """Does a claim's name of pairs ask for the model's own?"""
    return name.startswith(PREFIX)


def own_pairs(lab: Mines, model: str, name: str, enough: int) -> Own:
    """The pairs of ``model`` that ``name`` ("own:SEEDS") asks for: invented ones where they are ``enough``, else those
    from the given problems as well."""
    invented = _invented(lab, model)
    if len(invented.pairs) >= enough:
        return invented
    given = _given(lab, model, name.removeprefix(PREFIX))
    return Own((*invented.pairs, *given.pairs), f"{invented.where}, {given.where}")


def _invented(lab: Mines, model: str) -> Own:
    found = lab.mine(model, lab.miner("bootstrap", "", PROBE), SEED)
    if found.pairs:
        found = lab.mine(model, lab.miner("bootstrap", "", FULL), SEED)
    asked = sum(record["asked"] for record in found.records)
    return Own(found.pairs, f"{len(found.pairs)} from {asked} invented problems")


def _given(lab: Mines, model: str, seeds: str) -> Own:
    try:
        miner = lab.miner("seeded", seeds, SEEDED)
    except UnavailableError as error:
        return Own((), f"none from {seeds}: {error}")
    found = lab.mine(model, miner, SEED)
    return Own(found.pairs, f"{len(found.pairs)} from {len(miner.seeds.tasks)} problems of {seeds}")
