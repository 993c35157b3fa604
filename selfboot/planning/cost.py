"""What the chosen claims cost at paper scale: memory, disk, hours and dollars on named GPUs, before anything is spent.

Hours are the forecast's (forecast.py): every step of a claim's protocol in both arms, by measured phase times. A
claim's own figure is what it takes alone; together they share steps and engines, and take less than the sum. Memory
is reckoned from the model's shape, disk from the weights in bf16.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from selfboot.engines.gpu import Gpu
from selfboot.errors import DataError
from selfboot.models.memory import Need, need, widened
from selfboot.planning.forecast import steps_of
from selfboot.planning.needs import needs
from selfboot.planning.scaling import schedule
from selfboot.planning.selection import chosen, rank
from selfboot.registry import Claim, Settings, model_entry


@dataclass(frozen=True)
class Cost:
    """Claims on one kind of GPU: ``hours`` of wall-clock on ``gpus`` of them, ``busy`` GPU hours, which are paid for.
    ``missing``: why they cannot run there, else empty; ``left_out``: how many of several cannot."""

    gpu: Gpu
    gpus: int = 0
    hours: float = 0.0
    busy: float = 0.0
    checkpointing: bool = False
    missing: str = ""
    left_out: int = 0

    @property
    def fits(self) -> bool:
        return not self.missing

    @property
    def usd(self) -> float:
        """Dollars, where GPUs are paid for while they are busy."""
        return self.busy * self.gpu.usd_per_hour


@dataclass(frozen=True)
class Planned:
    """One claim at paper scale: memory, GB of weights on disk, and what it costs on each kind of GPU asked for."""

    claim: Claim
    settings: Settings
    need: Need
    disk_gb: float
    costs: tuple[Cost, ...]


@dataclass(frozen=True)
class Plan:
    """The claims one by one, and together: each step once, weights once."""

    claims: tuple[Planned, ...]
    disk_gb: float
    together: tuple[Cost, ...]


def plan(marks: str, kinds: Sequence[Gpu], only: str = "", seeds: str = "", flips: bool = False) -> Plan:
    """The plan of every claim that ``marks`` and ``only`` select, over the chosen ``seeds`` (selection.chosen);
    ``flips``: with base scores at a second batch size."""
    claims = chosen(marks, only, seeds)
    planned = tuple(_planned(claim, kinds, flips) for claim in claims)
    return Plan(planned, _disk_gb(claims), tuple(_together(planned, kind, flips) for kind in kinds))


def _planned(claim: Claim, kinds: Sequence[Gpu], flips: bool) -> Planned:
    settings = claim.scales["paper"]
    needed = need(model_entry(settings.model), rank(settings))
    return Planned(claim, settings, needed, _disk_gb([claim]), tuple(_alone(claim, kind, flips) for kind in kinds))


def _alone(claim: Claim, kind: Gpu, flips: bool) -> Cost:
    settings = claim.scales["paper"]
    wanted = need(widened(model_entry(settings.model), kind.memory_gb), rank(settings), kind.memory_gb)
    if wanted.gb > kind.memory_gb:
        return Cost(kind, wanted.gpus, missing=f"needs {wanted.gb:g} GB")
    return replace(_reckoned([claim], kind, flips), checkpointing=wanted.checkpointing)


def _together(planned: Sequence[Planned], kind: Gpu, flips: bool) -> Cost:
    """All claims that fit the GPU, each step once."""
    fitting = [one.claim for one in planned if any(cost.fits and cost.gpu == kind for cost in one.costs)]
    return replace(_reckoned(fitting, kind, flips), left_out=len(planned) - len(fitting))


def _reckoned(claims: Iterable[Claim], kind: Gpu, flips: bool = False) -> Cost:
    """The claims' steps on as few GPUs as the widest of them takes."""
    steps = steps_of(claims, kind, flips)
    gpus = max((step.gpus for step in steps), default=1)
    made = schedule(steps, gpus)
    return Cost(kind, gpus, made.seconds / 3600, made.busy / 3600)


def _disk_gb(claims: Iterable[Claim]) -> float:
    """GB of the claims' weights in bf16, each repository once."""
    entries = [model_entry(name) for claim in claims for name in needs(claim.scales["paper"]).models]
    sizes = {entry.source: entry.shape.weight_bytes() for entry in entries if entry.shape}
    return sum(sizes.values()) / 1e9


def with_prices(kinds: Sequence[Gpu], prices: Mapping[str, float]) -> list[Gpu]:
    """The GPUs with other prices an hour; DataError for a price of a GPU that was not asked for."""
    if unknown := sorted(set(prices) - {kind.name for kind in kinds}):
        raise DataError(f"--price {unknown[0]}: that GPU is not among those planned for; add --gpu {unknown[0]}")
    return [replace(kind, usd_per_hour=prices.get(kind.name, kind.usd_per_hour)) for kind in kinds]
