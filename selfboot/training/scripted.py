"""LoRA training as the scripts of the paper do it, with transformers' Trainer: where a recipe says so (``scripted``).

What differs from ``lora``, which does all the rest: prompt and target are tokenised as one text, and as many tokens as
the prompt has alone are left out of the loss; the order is a plain shuffle; an example whose prompt fills
``max_length`` has no target and takes its place in a step all the same, so forty pairs are twenty steps; and where
``pad_in_loss`` is set, every example is filled up to ``max_length`` and its padding is learned. No attention ever goes
to padding. One step is the mean over all its target tokens, as in transformers from 4.46 on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from selfboot.models.load import load_model, load_tokenizer, torch_device
from selfboot.models.spec import ModelSpec, fingerprint
from selfboot.store import digest
from selfboot.training import lora
from selfboot.training.checkpoint import Checkpoint
from selfboot.training.recipe import AdapterInfo, Example, Recipe, TrainingError

Trainer = Callable[..., AdapterInfo]


def trainer(recipe: Recipe) -> Trainer:
    """The function that trains by a recipe; every one takes what ``lora.train_adapter`` takes."""
    return train_adapter if recipe.scripted else lora.train_adapter


@dataclass(frozen=True)
class Padded(lora.Encoded):
    """Token ids of one example, of which the first ``real`` are text and the rest padding."""

    real: int


def encode(tokenizer: Any, examples: Sequence[Example], recipe: Recipe) -> list[Padded]:
    """Examples as token ids. TrainingError when none of them has a target within ``max_length``."""
    found = [_encode(tokenizer, example, recipe) for example in examples]
    if not any(example.targets for example in found):
        raise TrainingError(
            f"none of {len(examples)} examples has a target token within max_length={recipe.max_length}; "
            "give examples with a target, raise max_length, or shorten the prompts"
        )
    return found


def _encode(tokenizer: Any, example: Example, recipe: Recipe) -> Padded:
    if recipe.tokens == "apart":
        one = lora._encode(tokenizer, example, recipe)
        ids, start, whole = list(one.ids), one.start, len(one.ids) + one.truncated
    else:
        every = tokenizer.encode(example.prompt + example.target, add_special_tokens=False)
        prompt = tokenizer.encode(example.prompt, add_special_tokens=False) if recipe.loss_on == "target" else []
        ids, start, whole = list(every[: recipe.max_length]), max(1, len(prompt)), len(every)
    real = len(ids)
    if recipe.pad_in_loss:
        ids += [_pad(tokenizer)] * (recipe.max_length - real)
    return Padded(tuple(ids), min(start, len(ids)), whole > real, real)


def _pad(tokenizer: Any) -> int:
    found = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    if found is None:
        raise TrainingError("the tokenizer has neither a padding nor an end-of-text token; set pad_in_loss = false")
    return int(found)


def plan(examples: int, recipe: Recipe, seed: int) -> list[list[int]]:
    """Which examples each step takes, every example once an epoch, in an order shuffled by the seed."""
    generator = np.random.Generator(np.random.PCG64(seed))
    size, steps = recipe.effective_batch, []
    for _ in range(recipe.epochs):
        order = generator.permutation(examples).tolist()
        steps += [order[first : first + size] for first in range(0, examples, size)]
    return steps


class _Scripted(lora._Training):
    """The same loop over another plan and, where padding is learned, with a mask over it."""

    examples: list[Padded]  # type: ignore[assignment]

    def __init__(self, model: Any, examples: list[Padded], recipe: Recipe, seed: int) -> None:
        super().__init__(model, list(examples), recipe, seed)
        steps = plan(len(examples), recipe, seed) if recipe.order == "shuffled" else self.plan
        self.plan = [sorted(step, key=lambda index: self.lengths[index]) for step in steps]

    def _one(self, batch: list[int], rate: float) -> float:
        """One optimiser step; an example without a target counts in the number of steps and in nothing else."""
        learned = [index for index in batch if self.examples[index].targets]
        return super()._one(learned, rate) if learned else 0.0

    def _loss(self, examples: list[lora.Encoded]) -> Tensor:
        """Summed cross entropy of the target tokens; attention never goes to padding, inside an example or behind."""
        padded = [example for example in examples if isinstance(example, Padded)]
        if all(example.real == len(example.ids) for example in padded):
            return super()._loss(examples)
        width = max(len(example.ids) for example in padded)
        filled = [[*example.ids, *[0] * (width - len(example.ids))] for example in padded]
        mask = [[1] * example.real + [0] * (width - example.real) for example in padded]
        places = [(row, at) for row, one in enumerate(padded) for at in range(one.start, len(one.ids))]
        rows, columns = [row for row, _ in places], [at for _, at in places]
        ids, seen = torch.tensor(filled), torch.tensor(mask, device=self.device)
        wanted = ids[rows, columns].to(self.device)
        with lora._autocast(self.device):
            hidden = self.decoder(input_ids=ids.to(self.device), attention_mask=seen, use_cache=False).last_hidden_state
            logits = self.head(hidden[rows, [column - 1 for column in columns]])
        return F.cross_entropy(logits.float(), wanted, reduction="sum")


def train_adapter(
    spec: ModelSpec,
    examples: Sequence[Example],
    recipe: Recipe,
    seed: int,
    out: Path,
    device: str | torch.device = "cpu",
    checkpoint_dir: Path | None = None,
    on_step: Callable[[int, int], None] | None = None,
    start_from: Path | None = None,
    checkpoint_every: int = 10,
    gpus: int = 1,
) -> AdapterInfo:
    """Train an adapter as a script does; arguments, files and errors as of ``lora.train_adapter``."""
    where = torch_device(device)
    encoded = encode(load_tokenizer(spec), examples, recipe)
    base = load_model(spec, where, adapter=start_from, merge=False, trainable=start_from is not None, gpus=gpus)
    with lora._reproducible(seed, where, gpus):
        run = _Scripted(lora._with_adapter(spec, base, recipe, start_from), encoded, recipe, seed)
        if checkpoint_dir is not None:
            before = start_from and lora.weights_digest(load_file(start_from / lora.WEIGHTS))
            parts = [fingerprint(spec), before, lora._engine(where, gpus)]
            key = digest(["scripted", parts, recipe, seed, [(one.ids, one.start, one.real) for one in encoded]])
            run.resume(Checkpoint(checkpoint_dir, key, checkpoint_every))
        run.all(on_step)
    info = run.info(out, lora._engine(where, gpus))
    lora._write(out, run.model, spec, info)
    return info
