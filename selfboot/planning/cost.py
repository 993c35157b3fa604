"""What the paper-scale claims cost: GPU memory, hours and dollars on named GPUs, before anything is spent.

Memory is reckoned from a model's shape (``selfboot.models.memory``), hours from the registry's minutes scaled by memory
bandwidth. Both are estimates; each function says how its figure comes about.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from selfboot.engines.gpu import REFERENCE_GPU, Gpu, gpu
from selfboot.errors import DataError
from selfboot.models.memory import Need, need
from selfboot.registry import Claim, ModelEntry, Settings, model_entry, recipes, registry


@dataclass(frozen=True)
class Cost:
    """One claim on one kind of GPU. ``hours`` of wall-clock on ``gpus`` of them; ``fits``: or why not."""

    gpu: Gpu
    gpus: int
    hours: float
    checkpointing: bool = False
    missing: str = ""

    @property
    def fits(self) -> bool:
        return not self.missing

    @property
    def usd(self) -> float:
        return self.hours * self.gpus * self.gpu.usd_per_hour


@dataclass(frozen=True)
class Planned:
    """One claim at paper scale with what it needs and what it costs on each GPU asked for."""

    claim: Claim
    settings: Settings
    need: Need
    costs: tuple[Cost, ...]


# Claims


def plan(marks: str, kinds: Sequence[Gpu], only: str = "") -> list[Planned]:
    """Every paper-scale claim that ``marks`` (a pytest marker expression) and ``only`` (part of its id) select."""
    return [_planned(claim, claim.scales["paper"], kinds) for claim in chosen(marks, only)]


def chosen(marks: str, only: str = "") -> list[Claim]:
    """The claims with a paper scale that ``marks`` and ``only`` select."""
    selects = selector(marks)
    return [
        claim
        for claim in registry().values()
        if "paper" in claim.scales and only in claim.id and selects({claim.tier, "paper", "gpu"})
    ]


def _planned(claim: Claim, settings: Settings, kinds: Sequence[Gpu]) -> Planned:
    entry, rank = model_entry(settings.model), _rank(settings)
    return Planned(claim, settings, need(entry, rank), tuple(_cost(entry, rank, settings, kind) for kind in kinds))


def _rank(settings: Settings) -> int:
    return int(recipes()[settings.recipe]["rank"]) if settings.recipe else 0


def _cost(entry: ModelEntry, rank: int, settings: Settings, kind: Gpu) -> Cost:
    wanted = need(entry, rank, kind.memory_gb)
    hours = settings.minutes / 60 * gpu(REFERENCE_GPU).bandwidth / kind.bandwidth
    short = f"needs {wanted.gb:g} GB" if wanted.gb > kind.memory_gb else ""
    return Cost(kind, wanted.gpus, hours, wanted.checkpointing, short)


def selector(expression: str) -> Callable[[Iterable[str]], bool]:
    """A pytest marker expression (names, and, or, not, brackets) as a function of the marks; empty selects all."""
    try:
        tree = ast.parse(expression.strip() or "True", mode="eval").body
    except (SyntaxError, ValueError):  # a null character is a ValueError
        raise DataError(f"-m {expression!r}: not an expression of marker names, and, or, not") from None

    def holds(node: ast.expr, marks: set[str]) -> bool:
        match node:
            case ast.Name(id=name):
                return name in marks
            case ast.Constant(value=bool(value)):
                return value
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not holds(operand, marks)
            case ast.BoolOp(op=ast.And(), values=values):
                return all(holds(value, marks) for value in values)
            case ast.BoolOp(op=ast.Or(), values=values):
                return any(holds(value, marks) for value in values)
        raise DataError(f"-m {expression!r}: {ast.unparse(node)!r} is no marker name; use names, and, or, not")

    holds(tree, set())  # complains about every part of it now, not at the first claim
    return lambda marks: holds(tree, set(marks))


# This machine


def missing_memory(settings: Settings, have: Sequence[Gpu]) -> str:
    """Why a claim cannot run on these GPUs, how much it needs and which claims would fit; empty when it can."""
    if not (short := _short(settings, have)):
        return ""
    fitting = [c.id for c in registry().values() if "paper" in c.scales and not _short(c.scales["paper"], have)]
    return f"{short}; claims that fit here: {', '.join(fitting) or 'none at paper scale'}"


def _short(settings: Settings, have: Sequence[Gpu]) -> str:
    entry = model_entry(settings.model)
    if entry.shape is None:
        return ""
    largest = max((one.memory_gb for one in have), default=0.0)
    wanted = need(entry, _rank(settings), largest or 1e-9)
    if len(have) >= wanted.gpus and wanted.gb <= largest:
        return ""
    each = f"{wanted.gpus} GPUs with {wanted.gb:g} GB each" if wanted.gpus > 1 else f"a GPU with {wanted.gb:g} GB"
    found = f"{len(have)} with at most {largest:.0f} GB" if have else "no GPU"
    return f"{entry.name} needs {each}, this machine has {found}"


def with_prices(kinds: Sequence[Gpu], prices: Mapping[str, float]) -> list[Gpu]:
    """The GPUs with other prices an hour; DataError for a price of a GPU that was not asked for."""
    if unknown := sorted(set(prices) - {kind.name for kind in kinds}):
        raise DataError(f"--price {unknown[0]}: that GPU is not among those planned for; add --gpu {unknown[0]}")
    return [replace(kind, usd_per_hour=prices.get(kind.name, kind.usd_per_hour)) for kind in kinds]
