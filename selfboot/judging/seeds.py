"""Over how many seeds the paper's claims are judged: as the registry says, as many as asked for, or as power needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

from selfboot.errors import DataError
from selfboot.paths import MEASURED
from selfboot.registry import Claim, Settings

POWER = "power"  # as many seeds as give 80 % power
PUBLISHED = (7, 13, 42)  # the paper's own seeds; the further ones follow 100
TABLE = MEASURED / "error_rates" / "paper_rates.json"
COLUMN, MOST = "seeds for 80 %", 20  # the simulation tries no more


def seeds_for_power(claim: str) -> int | None:
    """The seeds that 80 % power needs, by the recorded simulation; ``MOST`` where even those give less; None where the
    claim's size is not published."""
    row = recorded_of_paper().get(claim)
    return None if row is None else int(row[COLUMN]) if row[COLUMN].isdigit() else MOST


def recorded_of_paper() -> dict[str, dict[str, str]]:
    """The recorded rates of the paper's claims at its scale, by claim and column."""
    return read_rates(TABLE)


def read_rates(path: Path) -> dict[str, dict[str, str]]:
    """A table of rates that the checkout holds; empty where it has none."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def with_seeds(claim: Claim, choice: str) -> Claim:
    """The claim with its paper scale judged over the chosen seeds together: "" as the registry says, a number, or
    ``POWER``. A claim whose runs have no seed stays as it is, and so does one that has power enough.

    DataError for another choice.
    """
    check(choice)
    settings = claim.scales.get("paper")
    if not choice or settings is None or not (settings.seeds and settings.protocol):
        return claim
    wanted = _wanted(claim.id, settings, choice)
    if wanted is None:
        return claim
    seeds = tuple(islice(_seeds(settings), wanted))
    return replace(claim, scales={**claim.scales, "paper": replace(settings, seeds=seeds, by_seed=False)})


def check(choice: str) -> None:
    """DataError for what is no choice of seeds."""
    if choice not in ("", POWER) and not (choice.isascii() and choice.isdigit() and int(choice)):
        raise DataError(f"--seeds {choice}: give a number above 0, or {POWER}")


def _wanted(claim: str, settings: Settings, choice: str) -> int | None:
    """How many seeds; None: as the registry says."""
    if choice != POWER:
        return int(choice)
    needed, judged = seeds_for_power(claim), 1 if settings.by_seed else len(settings.seeds)
    return None if needed is None or needed <= judged else needed


def _seeds(settings: Settings) -> Iterator[int]:
    """The claim's own seeds, then the paper's, then further ones."""
    yield from settings.seeds
    yield from (seed for seed in PUBLISHED if seed not in settings.seeds)
    yield from (seed for seed in count(101) if seed not in settings.seeds)
