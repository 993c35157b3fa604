"""What the paper-scale claims cost: GPU memory, hours and dollars on named GPUs, before anything is spent.

Memory is reckoned from a model's shape (bf16 weights, key-value cache, LoRA training), hours from the registry's
minutes scaled by memory bandwidth. Both are estimates; each function says how its figure comes about. Engine and
training never share a GPU at the same time, so a claim needs the larger of the two. A model that several GPUs serve
has its layers spread over as many in training.
Not covered: training of 4-bit weights.
"""

from __future__ import annotations

import ast
import functools
import math
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from selfboot.errors import DataError
from selfboot.models.shape import Shape
from selfboot.models.spec import Quantization
from selfboot.paths import DATA, require
from selfboot.registry import Claim, ModelEntry, Settings, model_entry, models, recipes, registry

GB = 1e9
RESERVE_GB = 3.0  # CUDA context, kernels' workspaces, CUDA graphs, fragmentation
SERVE_ROWS, SERVE_TOKENS = 16, 1200  # rows that an engine should at least decode together, and their mean length
SERVE_SHARE = 0.9  # of a GPU's memory that an engine takes
TRAIN_TOKENS = 4096  # padded tokens of a micro-batch (training/lora.py)
REFERENCE_GPU = "h100"  # the registry's minutes are reckoned for it


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU: memory in GB, bandwidth in GB/s, price in US dollars an hour."""

    name: str
    memory_gb: float
    bandwidth: float
    usd_per_hour: float


@dataclass(frozen=True)
class Need:
    """GB of memory on each of ``gpus`` GPUs: to serve (weights, cache), to train (0: not trained).

    ``checkpointing``: training fits only with gradient checkpointing, which its figure then supposes.
    """

    serve_gb: float
    train_gb: float
    gpus: int = 1
    checkpointing: bool = False

    @property
    def gb(self) -> float:
        """The larger of the two, rounded up to whole GB."""
        return float(math.ceil(max(self.serve_gb, self.train_gb)))


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


@functools.cache
def gpus() -> dict[str, Gpu]:
    """The GPUs of data/gpus.toml, by name."""
    path = require(DATA / "gpus.toml", "table of GPUs")
    known = {f.name for f in fields(Gpu)} - {"name"}
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, table in tables.items():
        if set(table) != known:
            raise DataError(f"{path} [{name}]: has {', '.join(sorted(table))}; needs {', '.join(sorted(known))}")
    return {name: Gpu(name, **table) for name, table in tables.items()}


def gpu(name: str) -> Gpu:
    """The GPU called ``name``."""
    if name not in gpus():
        raise DataError(f"unknown GPU {name!r}; data/gpus.toml knows: {', '.join(gpus())}")
    return gpus()[name]


# Memory


def serving_gb(
    shape: Shape,
    tensor_parallel: int = 1,
    rows: int = SERVE_ROWS,
    tokens: int = SERVE_TOKENS,
    quantization: Quantization = "",
) -> float:
    """GB on each GPU of which an engine's share holds the weights (bf16, or layers quantised), the cache of so many
    rows, and their logits."""
    shared = shape.weight_bytes(quantization) + shape.kv_bytes(rows * tokens) + rows * shape.vocab * 4
    return (shared / tensor_parallel / GB + RESERVE_GB) / SERVE_SHARE


def training_gb(
    shape: Shape, rank: int, checkpointing: bool = False, tokens: int = TRAIN_TOKENS, gpus: int = 1
) -> float:
    """GB on each GPU for LoRA training: bf16 base weights, float32 adapter with gradient and Adam's two moments,
    activations of ``tokens`` tokens (``activation_bytes``), all shared by ``gpus``; on the first, logits in bf16 with
    two float32 copies for the loss."""
    adapter = shape.lora_parameters(rank) * 16
    kept, alone = tokens * shape.layers * activation_bytes(shape), tokens * shape.vocab * 10
    if checkpointing:  # each layer's input, and one layer's activations at a time
        kept, alone = tokens * shape.layers * 2 * shape.hidden, alone + tokens * activation_bytes(shape)
    return ((shape.parameters * 2 + adapter + kept) / gpus + alone) / GB + RESERVE_GB


def activation_bytes(shape: Shape) -> int:
    """Bytes that one layer keeps of one token for the backward pass, in bf16 with fused attention and frozen weights.

    Two norms (input in bf16, its float32 copy, output): 16 × hidden; q, k, v before and after rotation and the
    attention's output: 4 × (q + k + v); gate, its activation and up: 6 × ffn.
    """
    return 16 * shape.hidden + 4 * (shape.query_width + 2 * shape.kv_width) + 6 * shape.ffn


def need(entry: ModelEntry, rank: int = 16, memory_gb: float = 0.0) -> Need:
    """What a model needs. ``rank`` 0: it is not trained; ``memory_gb``: where plain training does not fit into that, it
    is with gradient checkpointing (0: always plain).

    DataError for a model without a shape, and for the training of one in 4 bits.
    """
    if entry.shape is None:
        raise DataError(f"model {entry.name!r} has no shape in data/models.toml; add it to plan with it")
    gpus = entry.tensor_parallel
    serve = serving_gb(entry.shape, gpus, quantization=entry.quantization)
    if rank and entry.quantization:
        raise DataError(f"model {entry.name!r} is in 4 bits, to mine from only; train the model in full")
    if not rank:
        return Need(serve, 0.0, gpus)
    plain = training_gb(entry.shape, rank, gpus=gpus)
    if not memory_gb or plain <= memory_gb:
        return Need(serve, plain, gpus)
    return Need(serve, training_gb(entry.shape, rank, checkpointing=True, gpus=gpus), gpus, checkpointing=True)


def least_gb(entry: ModelEntry) -> float:
    """GB on each GPU without which hardly a claim of this model runs: to serve it and to train it with checkpointing;
    one in 4 bits is not trained."""
    if entry.shape is None:
        return 0.0
    return need(entry, 0 if entry.quantization else 16, memory_gb=1e-9).gb


# Claims


def plan(marks: str, kinds: Sequence[Gpu], only: str = "") -> list[Planned]:
    """Every paper-scale claim that ``marks`` (a pytest marker expression) and ``only`` (part of its id) select."""
    chosen = selector(marks)
    return [
        _planned(claim, claim.scales["paper"], kinds)
        for claim in registry().values()
        if "paper" in claim.scales and only in claim.id and chosen({claim.tier, "paper", "gpu"})
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


def local_gpus() -> list[Gpu]:
    """The GPUs that this machine has, by nvidia-smi (no CUDA is started); empty without one."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    reference = gpu(REFERENCE_GPU)
    named = [line.rsplit(",", 1) for line in lines if "," in line]
    return [replace(reference, name=name.strip(), memory_gb=float(mib) * 2**20 / GB) for name, mib in named]


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


def registered_gb() -> dict[str, tuple[float, float]]:
    """For every model with a shape: GB by the registry, and by ``least_gb``; the tests keep them equal."""
    return {name: (entry.gpu_gb, least_gb(entry)) for name, entry in models().items() if entry.shape}
