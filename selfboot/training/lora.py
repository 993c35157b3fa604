"""LoRA training on rendered examples: same inputs, same bits, also when killed and resumed.

Seeds are set before the adapter is made. Batches are of examples of like length: each epoch is shuffled by the seed,
sorted within windows of ``WINDOW`` steps, cut into steps, and the steps are shuffled; so padding is little and the
effective batch is the recipe's. A step's examples run in micro-batches of at most ``MICRO_TOKENS`` padded tokens whose
losses are summed and divided by the step's target tokens: mathematically one batch, whatever the memory.

A model too large for one GPU has its layers spread over several (models/parts.py).

Not covered: 4-bit base weights, data parallelism. Bits are those of one machine type, thread count and set of versions.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
import torch.nn.functional as F
import transformers
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save
from torch import Tensor

from selfboot.errors import DataError
from selfboot.models.adapters import check_targets
from selfboot.models.continuation import Continuation
from selfboot.models.load import encode_prompt, load_model, load_tokenizer, torch_device
from selfboot.models.spec import ModelSpec, fingerprint
from selfboot.store import digest, write_atomic
from selfboot.training.checkpoint import Checkpoint, Saved
from selfboot.training.recipe import AdapterInfo, Example, Recipe, TrainingError

WEIGHTS = "adapter_model.safetensors"
WINDOW = 8
MICRO_TOKENS = 4096
# What every reader of adapters since peft 0.13 knows; later peft versions write settings that older ones refuse.
CONFIG_KEYS = (
    "alpha_pattern", "base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode", "init_lora_weights",
    "layers_pattern", "layers_to_transform", "lora_alpha", "lora_dropout", "modules_to_save", "peft_type", "r",
    "rank_pattern", "target_modules", "task_type", "use_dora", "use_rslora",
)  # fmt: skip


@dataclass(frozen=True)
class Encoded:
    """Token ids of one example; the loss is taken on ``ids[start:]``."""

    ids: tuple[int, ...]
    start: int
    truncated: bool

    @property
    def targets(self) -> int:
        return len(self.ids) - self.start


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
    """Train an adapter of ``spec`` and write it to the folder ``out`` in peft's format.

    ``checkpoint_dir``: where progress is kept every ``checkpoint_every`` steps and looked for first; a run that was
    killed ends with the same bits as one that was not. ``start_from``: an adapter to continue (of the recipe's rank).
    ``on_step``: told (finished steps, all steps). ``gpus``: how many the base's layers are spread over.
    Raises DataError (adapter or checkpoint that does not belong here), TrainingError (no target to learn, loss not
    finite), StoreError (disk full, read-only): then ``out`` gets nothing.
    """
    where = torch_device(device)
    encoded = encode(load_tokenizer(spec), examples, recipe)
    base = load_model(spec, where, adapter=start_from, merge=False, trainable=start_from is not None, gpus=gpus)
    with _reproducible(seed, where, gpus):
        run = _Training(_with_adapter(spec, base, recipe, start_from), encoded, recipe, seed)
        if checkpoint_dir is not None:
            before = start_from and weights_digest(load_file(start_from / WEIGHTS))
            parts = [fingerprint(spec), before, _engine(where, gpus)]
            key = digest([parts, recipe, seed, [(example.ids, example.start) for example in encoded]])
            run.resume(Checkpoint(checkpoint_dir, key, checkpoint_every))
        run.all(on_step)
    info = run.info(out, _engine(where, gpus))
    _write(out, run.model, spec, info)
    return info


def encode(tokenizer: Any, examples: Sequence[Example], recipe: Recipe) -> list[Encoded]:
    """Examples as token ids, prompt and target tokenised apart as in sampling, cut at ``max_length``.

    Those left without a target token are dropped. TrainingError when there is none left.
    """
    found = [_encode(tokenizer, example, recipe) for example in examples]
    usable = [example for example in found if example.targets > 0]
    if not usable:
        raise TrainingError(
            f"none of {len(examples)} examples has a target token within max_length={recipe.max_length}; "
            "give examples with a target, raise max_length, or shorten the prompts"
        )
    return usable


def _encode(tokenizer: Any, example: Example, recipe: Recipe) -> Encoded:
    begin, prompt = encode_prompt(tokenizer, example.prompt)
    ids = [*begin, *prompt, *Continuation(tokenizer).ids(example.target)]
    start = max(1, len(begin) + len(prompt)) if recipe.loss_on == "target" else 1  # the first token is never predicted
    return Encoded(tuple(ids[: recipe.max_length]), start, len(ids) > recipe.max_length)


def plan(lengths: Sequence[int], recipe: Recipe, seed: int) -> list[list[int]]:
    """Which examples each step takes, [steps][≤ effective batch], every example once an epoch; ascending in length."""
    generator = np.random.Generator(np.random.PCG64(seed))
    size, steps = recipe.effective_batch, []
    for _ in range(recipe.epochs):
        order = generator.permutation(len(lengths)).tolist()
        epoch = []
        for at in range(0, len(order), WINDOW * size):
            window = sorted(order[at : at + WINDOW * size], key=lambda index: lengths[index])
            epoch += [window[first : first + size] for first in range(0, len(window), size)]
        steps += [epoch[index] for index in generator.permutation(len(epoch))]
    return steps


def micro_batches(step: Sequence[int], lengths: Sequence[int], most: int = MICRO_TOKENS) -> Iterator[list[int]]:
    """A step's examples (ascending in length) in runs of at most ``most`` padded tokens, one example at least."""
    batch: list[int] = []
    for index in step:
        if batch and (len(batch) + 1) * lengths[index] > most:
            yield batch
            batch = []
        batch.append(index)
    yield batch


class _Training:
    """The loop and everything that grows in it. ``step`` is the number of finished steps."""

    def __init__(self, model: Any, examples: list[Encoded], recipe: Recipe, seed: int) -> None:
        self.model, self.examples, self.recipe = model, examples, recipe
        self.device = next(model.parameters()).device
        self.gpus = sorted({str(value.device) for value in model.parameters() if value.device.type == "cuda"})
        self.lengths = [len(example.ids) for example in examples]
        self.plan = plan(self.lengths, recipe, seed)
        self.trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self.optimizer = torch.optim.AdamW(self.trained.values(), lr=recipe.lr, weight_decay=recipe.weight_decay)
        self.init_sha256 = _first_a(self.trained)
        self.step, self.resumed, self.seconds = 0, 0, 0.0
        self.losses: list[float] = []
        self.keeper: Checkpoint | None = None
        causal = model.get_base_model()
        self.decoder, self.head = causal.get_decoder(), causal.get_output_embeddings()

    def all(self, on_step: Callable[[int, int], None] | None) -> None:
        """Every step that is left, with checkpoints on the way."""
        self.model.train()
        began, before = time.perf_counter(), self.seconds
        while self.step < len(self.plan):
            self.losses.append(self._one(self.plan[self.step], self.recipe.rate(self.step, len(self.plan))))
            self.step += 1
            self.seconds = before + time.perf_counter() - began
            if self.keeper and self.step % self.keeper.every == 0:
                self.keeper.save(self._saved())
            if on_step:
                on_step(self.step, len(self.plan))

    def _one(self, batch: list[int], rate: float) -> float:
        """One optimiser step; its mean loss. TrainingError when the loss is not a finite number."""
        targets = sum(self.examples[index].targets for index in batch)
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for micro in micro_batches(batch, self.lengths):
            loss = self._loss([self.examples[index] for index in micro]) / targets
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if not math.isfinite(total):
            raise TrainingError(
                f"loss {total} at step {self.step + 1} of {len(self.plan)} (lr {rate:.2g}); "
                f"lower lr, or look at examples {batch} and at the weights"
            )
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.trained.values(), self.recipe.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return total

    def _loss(self, examples: list[Encoded]) -> Tensor:
        """Summed cross entropy of the target tokens. Padding is on the right: causal attention never sees it."""
        width = max(len(example.ids) for example in examples)
        ids = torch.tensor([[*example.ids, *[0] * (width - len(example.ids))] for example in examples])
        rows = [row for row, example in enumerate(examples) for _ in range(example.targets)]
        columns = [at for example in examples for at in range(example.start, len(example.ids))]
        ids, wanted = ids.to(self.device), ids[rows, columns].to(self.device)
        with _autocast(self.device):
            hidden = self.decoder(input_ids=ids, use_cache=False).last_hidden_state
            logits = self.head(hidden[rows, [column - 1 for column in columns]])  # only where a target is predicted
        return F.cross_entropy(logits.float(), wanted, reduction="sum")

    def resume(self, keeper: Checkpoint) -> None:
        """Keep checkpoints with ``keeper``, and go on from its last one where there is one."""
        self.keeper = keeper
        if (saved := keeper.load()) is None:
            return
        with torch.no_grad():
            for name, value in self.trained.items():
                value.copy_(saved.tensors[f"weight/{name}"])
                self.optimizer.state[value] = {
                    "step": saved.tensors["adam/step"].clone(),
                    "exp_avg": saved.tensors[f"mean/{name}"].to(value),
                    "exp_avg_sq": saved.tensors[f"square/{name}"].to(value),
                }
        torch.set_rng_state(saved.tensors["rng/cpu"])
        for gpu in self.gpus:
            torch.cuda.set_rng_state(saved.tensors[f"rng/{gpu}"], gpu)
        self.step = self.resumed = saved.record["step"]
        self.losses, self.seconds = saved.record["losses"], saved.record["seconds"]

    def _saved(self) -> Saved:
        tensors = {"rng/cpu": torch.get_rng_state()}
        tensors |= {f"rng/{gpu}": torch.cuda.get_rng_state(gpu) for gpu in self.gpus}
        for name, value in self.trained.items():
            state = self.optimizer.state[value]
            tensors |= {
                f"weight/{name}": value,
                f"mean/{name}": state["exp_avg"],
                f"square/{name}": state["exp_avg_sq"],
            }
            tensors["adam/step"] = state["step"]
        record = {"step": self.step, "losses": self.losses, "seconds": self.seconds}
        return Saved({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, record)

    def info(self, out: Path, engine: dict[str, str]) -> AdapterInfo:
        return AdapterInfo(
            path=out,
            sha256=weights_digest(adapter_weights(self.model)),
            init_sha256=self.init_sha256,
            examples=len(self.examples),
            truncated=sum(example.truncated for example in self.examples),
            steps=self.step,
            tokens=self.recipe.epochs * sum(self.lengths),
            target_tokens=self.recipe.epochs * sum(example.targets for example in self.examples),
            losses=tuple(self.losses),
            seconds=self.seconds,
            resumed=self.resumed,
            engine=engine,
        )


def adapter_weights(model: Any) -> dict[str, Tensor]:
    """The adapter's tensors on the CPU, peft's names ("auto" embeddings would look the base up on the hub)."""
    found = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: value.detach().cpu().contiguous() for name, value in found.items()}


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """sha256 (hex) over names, shapes and float32 bytes, in order of name: independent of file format."""
    whole = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().float().contiguous()
        whole.update(f"{name} {list(value.shape)}\n".encode() + value.numpy().tobytes())
    return whole.hexdigest()


def _first_a(trained: Mapping[str, Tensor]) -> str:
    name = next(name for name in trained if "lora_A" in name)
    return weights_digest({"A": trained[name]})


def _with_adapter(spec: ModelSpec, base: Any, recipe: Recipe, start_from: Path | None) -> Any:
    """The frozen base with a fresh trainable adapter, or the one it came with."""
    if start_from is None:
        check_targets(spec.name, base, recipe.target_modules)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # names that transformers 5 renames, also where peft uses them
        model = base if start_from else get_peft_model(base, _lora(recipe))
        if (rank := model.peft_config["default"].r) != recipe.rank:
            raise DataError(f"adapter {start_from} has rank {rank}, the recipe says {recipe.rank}; make them equal")
        if recipe.gradient_checkpointing:
            model.enable_input_require_grads()
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model


def _lora(recipe: Recipe) -> LoraConfig:
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.target_modules),
        bias="none",
        task_type="CAUSAL_LM",
    )


@contextmanager
def _reproducible(seed: int, device: torch.device, gpus: int = 1) -> Iterator[None]:
    """All seeds set and deterministic kernels chosen for a while; the caller's random states come back afterwards."""
    python, array, strict = random.getstate(), np.random.get_state(), torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it in deterministic mode
    devices = [device, *(torch.device("cuda", other) for other in range(1, gpus))] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        transformers.set_seed(seed)
        torch.use_deterministic_algorithms(device.type == "cuda")
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
            random.setstate(python)
            np.random.set_state(array)


def _autocast(device: torch.device) -> AbstractContextManager[Any]:
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def _engine(device: torch.device, gpus: int = 1) -> dict[str, str]:
    """What may change bits beside the inputs."""
    over = {"gpus": str(gpus)} if gpus > 1 else {}
    name = platform.machine() if device.type == "cpu" else torch.cuda.get_device_name(device)
    versions = {module.__name__: module.__version__ for module in (torch, transformers, peft)}
    return {"device": f"{device.type} {name}", "threads": str(torch.get_num_threads()), **over, **versions}


def _write(out: Path, model: Any, spec: ModelSpec, info: AdapterInfo) -> None:
    """Weights, then config, then manifest, each whole or not at all; a folder with a config is a complete adapter."""
    config = {name: value for name, value in model.peft_config["default"].to_dict().items() if name in CONFIG_KEYS}
    config |= {"base_model_name_or_path": spec.name, "inference_mode": True}
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / WEIGHTS, save(adapter_weights(model), metadata={"format": "pt"}))
    write_atomic(out / "adapter_config.json", json.dumps(config, indent=2, sort_keys=True, default=sorted) + "\n")
    write_atomic(out / "training.json", json.dumps(info.manifest(), indent=2, sort_keys=True) + "\n")
