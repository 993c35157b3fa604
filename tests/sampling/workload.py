"""What benchmarks and the count of flips run on: the mini model's chat prompts, and the arithmetic of a run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from selfboot.benchmarks.minieval import load
from selfboot.formats import code_format
from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer, stop_token_ids
from selfboot.paths import FIXTURES
from selfboot.sampling import transformers as engine
from selfboot.sampling.cache import BLOCK
from selfboot.sampling.transformers import TransformersSampler

ORGANISM = ModelSpec(
    "organism-0",
    str(FIXTURES / "organism" / "seed0"),
    tokenizer=str(FIXTURES / "organism" / "tokenizer"),
    stop_tokens=("<|im_end|>",),
)


def organism_sampler(device: str = "cpu", dtype: torch.dtype | None = None, **settings: Any) -> TransformersSampler:
    tokenizer = load_tokenizer(ORGANISM)
    model = load_model(ORGANISM, device, dtype)
    return TransformersSampler(model, tokenizer, **{"stop_ids": stop_token_ids(ORGANISM, tokenizer), **settings})


def chat_prompts(tokenizer: Any) -> list[str]:
    """The 164 MiniEval tasks in the chat format."""

    def chat(messages: Any) -> str:
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))

    return [code_format("chat").prompt(task, chat) for task in load("minieval").tasks]


def left_padded(sampler: TransformersSampler, prompts: list[str]) -> tuple[Tensor, Tensor]:
    """Ids and mask as transformers' generate() wants them."""
    rows = [sampler.encode(prompt) for prompt in prompts]
    width = max(map(len, rows))
    ids = torch.tensor([[*[0] * (width - len(row)), *row] for row in rows])
    mask = torch.tensor([[*[0] * (width - len(row)), *[1] * len(row)] for row in rows])
    return ids.to(sampler.device), mask.to(sampler.device)


class Arithmetic:
    """The matrix products of one run alone: every linear layer and every attention score and mix of a recorded run,
    with tensors made beforehand; no norms, rotations, activations, copies, drawing or Python bookkeeping beside."""

    def __init__(self, sampler: TransformersSampler) -> None:
        config = sampler._causal.config
        self.kv = config.num_key_value_heads
        self.groups = config.num_attention_heads // self.kv
        self.size, self.layers = config.hidden_size // config.num_attention_heads, config.num_hidden_layers
        self.weights = [
            module.weight.t()
            for name, module in sampler._causal.named_modules()
            if isinstance(module, torch.nn.Linear) and "lm_head" not in name
        ]
        self.head = sampler._head.weight.t()
        self.passes: list[tuple[int, int]] = []  # prompts, tokens each
        self.steps: list[tuple[int, list[int]]] = []  # rows, widths by block

    def record(self, sampler: TransformersSampler, run: Any) -> Any:
        """Call ``run`` and note the shape of every forward pass it makes."""
        step, forward = engine._Run._step, engine._Run._forward

        def noted_step(this: Any, widths: list[int]) -> Tensor:
            self.steps.append((len(this.active), widths))
            return step(this, widths)

        def noted_forward(this: Any, prompts: Any, prefix: Any) -> Any:
            self.passes.append((len(prompts), max(map(len, prompts))))
            return forward(this, prompts, prefix)

        engine._Run._step, engine._Run._forward = noted_step, noted_forward  # type: ignore[method-assign]
        try:
            return run()
        finally:
            engine._Run._step, engine._Run._forward = step, forward  # type: ignore[method-assign]

    def allocate(self) -> None:
        rows = max([rows for rows, _ in self.steps] + [prompts * tokens for prompts, tokens in self.passes])
        length = max(max(widths) for _, widths in self.steps)
        self.inputs = {weight.shape[0]: torch.randn(rows, weight.shape[0]) for weight in [*self.weights, self.head]}
        self.outputs = {weight.shape[1]: torch.empty(rows, weight.shape[1]) for weight in [*self.weights, self.head]}
        slots = max(rows for rows, _ in self.steps) * self.kv
        self.keys = [torch.randn(slots, self.size, length) for _ in range(self.layers)]
        self.values = [torch.randn(slots, length, self.size) for _ in range(self.layers)]
        self.query = torch.randn(slots, self.groups, self.size)
        self.mixed = torch.empty(slots, self.groups, self.size)
        self.scores = torch.empty(BLOCK * self.kv * self.groups * length)

    @torch.inference_mode()
    def run(self) -> None:
        for prompts, tokens in self.passes:
            self.linear(prompts * tokens, self.weights)
            self.linear(prompts, [self.head])
            self.causal(prompts, tokens)
        for rows, widths in self.steps:
            self.linear(rows, [*self.weights, self.head])
            for keys, values in zip(self.keys, self.values, strict=True):
                self.attend(rows, widths, keys, values)

    def linear(self, rows: int, weights: list[Tensor]) -> None:
        for weight in weights:
            torch.mm(self.inputs[weight.shape[0]][:rows], weight, out=self.outputs[weight.shape[1]][:rows])

    def attend(self, rows: int, widths: list[int], keys: Tensor, values: Tensor) -> None:
        for block, width in enumerate(widths):
            part = slice(block * BLOCK * self.kv, min((block + 1) * BLOCK, rows) * self.kv)
            size = part.stop - part.start
            scores = self.scores[: size * self.groups * width].view(size, self.groups, width)
            torch.bmm(self.query[part], keys[part, :, :width], out=scores)
            torch.bmm(scores, values[part, :width], out=self.mixed[part])

    def causal(self, prompts: int, tokens: int) -> None:
        """Half of the full products, which is what causal attention needs."""
        query = torch.empty(prompts * self.kv, max(1, self.groups * tokens // 2), self.size).fill_(0.1)
        key, value = torch.empty(2, prompts * self.kv, tokens, self.size).fill_(0.1)
        for _ in range(self.layers):
            torch.bmm(torch.bmm(query, key.transpose(1, 2)), value)
