"""A dense decoder's shape as data: enough for its parameter count, its memory, and its config.json.

The registry gives a shape for every model of the paper, so that memory can be planned, and ``--weights random`` can
try a claim, on a machine that has nothing of the model (``random_init_spec``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfboot.errors import DataError
from selfboot.models.spec import ModelSpec, Quantization
from selfboot.store import write_atomic

Architecture = Literal["llama", "qwen2", "qwen3", "olmo2"]
NF4_BYTES = (
    0.5 + 1 / 64 + 4 / (64 * 256)
)  # a weight's: 4 bits, its block's scale in 8 bits, and the scale of 256 such scales
CLASSES = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3", "olmo2": "Olmo2"}


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder with grouped-query attention and a gated feed-forward, in numbers of units.

    ``head_dim`` 0: ``hidden`` / ``heads``. ``tied``: input and output embeddings are one matrix.
    ``context``: positions at most.
    """

    architecture: Architecture
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    context: int
    head_dim: int = 0
    tied: bool = False
    rope_theta: float = 10000.0
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        if self.architecture not in CLASSES:
            raise DataError(f"shape: architecture {self.architecture!r} is none of {', '.join(CLASSES)}")

    @property
    def head_size(self) -> int:
        return self.head_dim or self.hidden // self.heads

    @property
    def query_width(self) -> int:
        return self.heads * self.head_size

    @property
    def kv_width(self) -> int:
        return self.kv_heads * self.head_size

    @property
    def parameters(self) -> int:
        """All parameters, embeddings included."""
        embeddings = self.vocab * self.hidden * (1 if self.tied else 2)
        return embeddings + self.layers * self._layer + self.hidden

    def weight_bytes(self, quantization: Quantization = "") -> float:
        """Bytes of all weights in bf16; "nf4": of the layers' matrices in 4 bits, of the rest in bf16."""
        matrices = self.layers * self._matrices if quantization else 0
        return (self.parameters - matrices) * 2 + matrices * NF4_BYTES

    @property
    def _matrices(self) -> int:
        return 2 * self.hidden * (self.query_width + self.kv_width) + 3 * self.hidden * self.ffn

    @property
    def _layer(self) -> int:
        query, kv = self.query_width, self.kv_width
        biases = query + 2 * kv if self.architecture == "qwen2" else 0
        norms = {"qwen3": 2 * self.head_size, "olmo2": query + kv}.get(self.architecture, 0)
        return self._matrices + biases + 2 * self.hidden + norms

    def kv_bytes(self, tokens: int, bytes_each: int = 2) -> int:
        """Bytes of keys and values of so many tokens."""
        return 2 * self.layers * self.kv_width * tokens * bytes_each

    def lora_parameters(self, rank: int) -> int:
        """Parameters of an adapter on the q, k, v and o projections."""
        hidden, query, kv = self.hidden, self.query_width, self.kv_width
        return self.layers * rank * (2 * (hidden + query) + 2 * (hidden + kv))

    def config(self) -> dict[str, Any]:
        """The model's config.json, as transformers 4.51 and later read it."""
        return {
            "architectures": [f"{CLASSES[self.architecture]}ForCausalLM"],
            "model_type": self.architecture,
            "hidden_size": self.hidden,
            "intermediate_size": self.ffn,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_size,
            "vocab_size": self.vocab,
            "max_position_embeddings": self.context,
            "rope_theta": self.rope_theta,
            "rms_norm_eps": self.norm_eps,
            "hidden_act": "silu",
            "tie_word_embeddings": self.tied,
            "torch_dtype": "bfloat16",
            "bos_token_id": None,
            "eos_token_id": 0,
        }


def random_init_spec(name: str, shape: Shape, tokenizer: str, stop_tokens: tuple[str, ...], folder: Path) -> ModelSpec:
    """A random-init model of a model from its shape alone: a config.json in ``folder``/NAME and a tokenizer at hand.

    The weights' sizes, and so memory and time, are the model's; its text is worth nothing, and its prompts are as long
    as that tokenizer makes them.
    """
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    write_atomic(home / "config.json", json.dumps(shape.config(), indent=1, sort_keys=True) + "\n")
    return ModelSpec(name, str(home), tokenizer=tokenizer, stop_tokens=stop_tokens).random_init()
