"""GPU memory that a model takes, reckoned from its shape: bf16 weights, key-value cache, LoRA training.

Estimates; each function says how its figure comes about. Engine and training never share a GPU at the same time, so a
claim needs the larger of the two. A model that several GPUs serve has its layers spread over as many in training; it
takes more of them where each has less memory (``widened``).
Not covered: training of 4-bit weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from selfboot.errors import DataError
from selfboot.models.shape import Shape
from selfboot.models.spec import Quantization
from selfboot.registry import ModelEntry

GB = 1e9
RESERVE_GB = 3.0  # CUDA context, kernels' workspaces, CUDA graphs, fragmentation
SERVE_ROWS, SERVE_TOKENS = 16, 1200  # rows that an engine should at least decode together, and their mean length
SERVE_SHARE = 0.9  # of a GPU's memory that an engine takes
MOST_ROWS = 1024  # that an engine on a GPU decodes together at most
WIDEST = 8  # GPUs of one machine that a model is spread over
TRAIN_TOKENS = 4096  # padded tokens of a micro-batch (training/lora.py)


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


def rows_in_cache(shape: Shape, tokens: float, memory_gb: float, tensor_parallel: int = 1) -> int:
    """Rows of so many tokens that an engine decodes together: as many as its share of each GPU's memory has room for
    beside weights and reserve, at most ``MOST_ROWS``, at least one."""
    free = (memory_gb * SERVE_SHARE - RESERVE_GB) * GB * tensor_parallel - shape.weight_bytes()
    return max(1, min(MOST_ROWS, int(free / shape.kv_bytes(1) / tokens)))


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


def widened(entry: ModelEntry, memory_gb: float) -> ModelEntry:
    """The entry as GPUs of so much memory run it: a model over several takes twice as many, up to ``WIDEST``, until
    each has enough to serve and to train it. One that a single GPU serves stays as it is; so does what never fits."""
    if entry.tensor_parallel == 1 or entry.shape is None:
        return entry
    wide = entry
    while least_gb(wide) > memory_gb and wide.tensor_parallel < WIDEST:
        wide = replace(wide, tensor_parallel=wide.tensor_parallel * 2)
    return replace(wide, gpu_gb=least_gb(wide)) if least_gb(wide) <= memory_gb else entry


def least_gb(entry: ModelEntry) -> float:
    """GB on each GPU without which hardly a claim of this model runs: to serve it and to train it with checkpointing;
    one in 4 bits is not trained."""
    if entry.shape is None:
        return 0.0
    return need(entry, 0 if entry.quantization else 16, memory_gb=1e-9).gb
