"""What a training run is, as data: recipe, what came out, and the learning-rate schedule."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from selfboot.errors import DataError, SelfbootError
from selfboot.records import Example

__all__ = ["AdapterInfo", "Example", "Recipe", "TrainingError"]


class TrainingError(SelfbootError):
    """Training itself failed (loss not finite, nothing left to learn from); nothing was written."""


@dataclass(frozen=True)
class Recipe:
    """LoRA settings; the defaults are the paper's usual ones (§2; alpha = 2 × rank, no bias).

    The effective batch is ``batch_size`` × ``accumulation`` examples. One optimiser step minimises the mean cross
    entropy over all its target tokens (token-weighted), so only the product matters. ``warmup``: share of the steps.
    ``max_length``: tokens of prompt and target together, longer examples lose their end. ``loss_on="all"``: the
    prompt's tokens count as well. ``clip``: largest gradient norm, 0: none.

    Three settings are as transformers' Trainer does it in the paper's scripts (training/scripted.py): ``order``
    "shuffled" takes the examples as they come instead of those of like length together; ``tokens`` "whole" tokenises
    prompt and target as one text, without a BOS of ours; ``pad_in_loss`` fills every example up to ``max_length`` and
    takes the loss on the padding too.
    """

    rank: int = 16
    lr: float = 1e-4
    epochs: int = 2
    batch_size: int = 1
    accumulation: int = 4
    alpha: int = 0  # 0: 2 × rank
    dropout: float = 0.05
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    warmup: float = 0.05
    max_length: int = 1024
    clip: float = 1.0
    loss_on: Literal["target", "all"] = "target"
    weight_decay: float = 0.0
    gradient_checkpointing: bool = False
    order: Literal["length", "shuffled"] = "length"
    tokens: Literal["apart", "whole"] = "apart"
    pad_in_loss: bool = False

    def __post_init__(self) -> None:
        for name, good in (
            ("rank", self.rank >= 1),
            ("lr", self.lr > 0 and math.isfinite(self.lr)),
            ("epochs", self.epochs >= 1),
            ("batch_size", self.batch_size >= 1),
            ("accumulation", self.accumulation >= 1),
            ("dropout", 0 <= self.dropout < 1),
            ("schedule", self.schedule in ("cosine", "linear", "constant")),
            ("warmup", 0 <= self.warmup < 1),
            ("max_length", self.max_length >= 2),
            ("loss_on", self.loss_on in ("target", "all")),
            ("order", self.order in ("length", "shuffled")),
            ("tokens", self.tokens in ("apart", "whole")),
            ("target_modules", bool(self.target_modules)),
        ):
            if not good:
                raise DataError(f"recipe {name}={getattr(self, name)!r} is out of range; correct the recipe")

    @property
    def scripted(self) -> bool:
        """Whether it trains as the paper's scripts do."""
        return self.order == "shuffled" or self.tokens == "whole" or self.pad_in_loss

    @property
    def effective_batch(self) -> int:
        return self.batch_size * self.accumulation

    @property
    def lora_alpha(self) -> int:
        return self.alpha or 2 * self.rank

    def steps(self, examples: int) -> int:
        """Optimiser steps for so many usable examples; the last step of an epoch may be smaller."""
        return self.epochs * math.ceil(examples / self.effective_batch)

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step 0 … ``steps`` - 1: linear warm-up from 0, then the schedule; as transformers does."""
        warm = math.ceil(steps * self.warmup)
        if step < warm:
            return self.lr * step / warm
        left = (steps - step) / max(1, steps - warm)
        factor = {"constant": 1.0, "linear": left, "cosine": 0.5 * (1 + math.cos(math.pi * (1 - left)))}[self.schedule]
        return self.lr * factor


@dataclass(frozen=True)
class AdapterInfo:
    """A trained adapter and how it came about; ``manifest()`` is what a store keeps.

    ``init_sha256``: of the first LoRA-A matrix before training (proof of the seed; peft rounds it to the base's dtype).
    ``sha256``: of all final weights, by name. ``examples``: those trained on; ``truncated``: those cut at max_length.
    ``losses``: mean cross entropy of each step, nats a target token. ``target_tokens``: those the loss was taken on,
    over all epochs; ``tokens``: all, without padding. ``seconds``: of training, all sittings. ``resumed``: the step
    that a checkpoint brought it to.
    """

    path: Path
    sha256: str
    init_sha256: str
    examples: int
    truncated: int
    steps: int
    tokens: int
    target_tokens: int
    losses: tuple[float, ...]
    seconds: float
    resumed: int
    engine: dict[str, str]

    def manifest(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "path"}
