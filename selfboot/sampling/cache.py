"""Keys and values of the rows being decoded, in tensors made once, and the attention that reads them.

Both are the library's own extension points: a ``Cache`` subclass, and an attention function registered by name. Against
the library's default this saves growing the cache by concatenation, repeating key/value heads and building masks.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface
from transformers.cache_utils import Cache

ATTENTION = "selfboot"  # the name under which transformers finds ``attend``


class Recorder(Cache):  # type: ignore[misc]
    """Keys and values of one prefill, kept by layer as they come: [rows, kv heads, tokens, head size]."""

    is_compileable = False

    def __init__(self) -> None:
        self.layers: list[Any] = []  # what 5.x looks at; 4.x asks get_seq_length
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def update(self, key: Tensor, value: Tensor, layer: int, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        self.keys.append(key)
        self.values.append(value)
        return key, value

    def get_seq_length(self, layer_idx: int | None = 0) -> int:
        return 0

    def get_max_cache_shape(self, *args: Any) -> int | None:
        return None


class SlotCache(Cache):  # type: ignore[misc]
    """One slot a row: [slots, kv heads, length, head size] for every layer. Active rows occupy the first slots."""

    is_compileable = False

    def __init__(self, config: Any, slots: int, length: int, device: torch.device, dtype: torch.dtype) -> None:
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        shape = (slots, config.num_key_value_heads or heads, length, size)
        self.layers: list[Any] = []
        # Zeros, not empty: masked positions are multiplied by zero, and zero times NaN is NaN.
        self.keys = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(config.num_hidden_layers)]
        self.values = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(config.num_hidden_layers)]
        self._slots = torch.arange(slots, device=device)

    def begin(self, rows: int, width: int, positions: Tensor) -> None:
        """The next step is of the first ``rows`` slots, writes at ``positions`` [rows], reads ``width`` positions."""
        self.rows, self.width, self.positions = self._slots[:rows], width, positions

    def update(self, key: Tensor, value: Tensor, layer: int, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        keys, values = self.keys[layer], self.values[layer]
        keys[self.rows, :, self.positions] = key[:, :, 0]
        values[self.rows, :, self.positions] = value[:, :, 0]
        rows = len(self.rows)
        return keys[:rows, :, : self.width], values[:rows, :, : self.width]

    def admit(self, recorded: Recorder, source: Tensor, slots: slice) -> None:
        """Copy prefilled rows ``source`` into ``slots`` (the same prompt may go into many)."""
        width = recorded.keys[0].shape[2]
        for mine, new in zip(self.keys + self.values, recorded.keys + recorded.values, strict=True):
            mine[slots, :, :width] = new[source]

    def move(self, source: Tensor, slots: Tensor, width: int) -> None:
        """Copy the first ``width`` positions of some slots to others."""
        for mine in self.keys + self.values:
            mine[slots, :, :width] = mine[source, :, :width]

    def get_seq_length(self, layer_idx: int | None = 0) -> int:
        return self.width - 1

    def get_max_cache_shape(self, *args: Any) -> int | None:
        return None


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """[rows, heads, tokens, size] -> ([rows, tokens, heads, size], None).

    Several tokens: prefill, causal, padding on the right. One token: decode against the slots, ``attention_mask``
    [rows, 1, 1, width]; the query heads of one key/value head stand where query positions would: none is repeated.
    """
    rows, heads, tokens, size = query.shape
    if tokens > 1:
        out = F.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, enable_gqa=heads != key.shape[1]
        )
        return out.transpose(1, 2), None
    packed = query.reshape(rows, key.shape[1], heads // key.shape[1], size)
    out = F.scaled_dot_product_attention(packed, key, value, attn_mask=attention_mask, scale=scaling)
    return out.reshape(rows, 1, heads, size), None


AttentionInterface.register(ATTENTION, attend)
