"""Which claims are meant, and which of them fit a machine's GPUs. Memory is reckoned from a model's shape
(``selfboot.models.memory``)."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence

from selfboot.engines.gpu import Gpu
from selfboot.errors import DataError
from selfboot.judging.seeds import with_seeds
from selfboot.models.memory import need
from selfboot.registry import Claim, Settings, model_entry, recipes, registry


def chosen(marks: str, only: str = "", seeds: str = "") -> list[Claim]:
    """The claims with a paper scale that ``marks`` (a marker expression) and ``only`` (part of an id) select, over the
    chosen ``seeds`` (judging/seeds.py)."""
    selects = selector(marks)
    return [
        with_seeds(claim, seeds)
        for claim in registry().values()
        if "paper" in claim.scales and only in claim.id and selects({claim.tier, "paper", "gpu"})
    ]


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


def rank(settings: Settings) -> int:
    """The rank of the adapters that a claim trains; 0: it trains none."""
    return int(recipes()[settings.recipe]["rank"]) if settings.recipe else 0


def _short(settings: Settings, have: Sequence[Gpu]) -> str:
    entry = model_entry(settings.model)
    if entry.shape is None:
        return ""
    largest = max((one.memory_gb for one in have), default=0.0)
    wanted = need(entry, rank(settings), largest or 1e-9)
    if len(have) >= wanted.gpus and wanted.gb <= largest:
        return ""
    each = f"{wanted.gpus} GPUs with {wanted.gb:g} GB each" if wanted.gpus > 1 else f"a GPU with {wanted.gb:g} GB"
    found = f"{len(have)} with at most {largest:.0f} GB" if have else "no GPU"
    return f"{entry.name} needs {each}, this machine has {found}"
