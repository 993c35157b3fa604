"""Keys and values of the rows being decoded, in tensors made once, and the attention that reads them.

Both are the library's own extension points: a ``Cache`` subclass, and an attention function registered by name. Against
the library's default this saves growing the cache by concatenation, repeating key/value heads and building masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface
from transformers.cache_utils import Cache

BLOCK = 32  # slots that share a width
ATTENTION = "selfboot"  # the name under which transformers finds ``attend``


class Recorder(Cache):  # type: ignore[misc]
    """Keys and values of one prefill, kept by layer as they come: [rows, kv heads, tokens, head size].

    With ``prefix``, the recorded keys and values of one row that all these rows begin with, tokens see those first.
    """

    is_compileable = False

    def __init__(self, prefix: Recorder | None = None) -> None:
        self.layers: list[Any] = []  # what 5.x looks at; 4.x asks get_seq_length
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.prefix = prefix
        self.start = 0 if prefix is None else prefix.keys[0].shape[2]

    def update(self, key: Tensor, value: Tensor, layer: int, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        self.keys.append(key)
        self.values.append(value)
        if self.prefix is None:
            return key, value
        before = (self.prefix.keys[layer], self.prefix.values[layer])
        seen = [part.expand(key.shape[0], -1, -1, -1) for part in before]
        return torch.cat([seen[0], key], 2), torch.cat([seen[1], value], 2)

    def get_seq_length(self, layer_idx: int | None = 0) -> int:
        return 0

    def get_max_cache_shape(self, *args: Any) -> int | None:
        return None


class SlotCache(Cache):  # type: ignore[misc]
    """One slot a row, for every layer values [slots, kv heads, length, size]; active rows occupy the first slots.

    On the CPU keys are kept transposed, [slots, kv heads, size, length], and attention is two batched products over
    blocks of slots, each as wide as its longest row: a quarter faster there than the fused kernel, which a GPU takes.
    """

    is_compileable = False

    def __init__(self, config: Any, slots: int, length: int, device: torch.device, dtype: torch.dtype) -> None:
        self.heads = int(config.num_key_value_heads)
        self.size = head_size(config)
        self.turned = device.type == "cpu"
        shape = (slots, self.heads, length, self.size)
        key_shape = (slots, self.heads, self.size, length) if self.turned else shape
        layers = range(config.num_hidden_layers)
        self.layers: list[Any] = []
        # Zeros, not empty: masked positions are multiplied by zero, and zero times NaN is NaN.
        self.keys = [torch.zeros(key_shape, device=device, dtype=dtype) for _ in layers]
        self.values = [torch.zeros(shape, device=device, dtype=dtype) for _ in layers]
        self._slots = torch.arange(slots, device=device)
        self._columns = torch.arange(length, device=device)

    def begin(self, positions: Tensor, widths: Sequence[int]) -> None:
        """The next step writes at ``positions`` [rows] of the first slots; ``widths``: positions to read, by block."""
        rows, self.positions, self.widths = len(positions), positions, widths
        self.rows = self._slots[:rows]
        hidden = self._columns[: max(widths)] > positions[:, None]
        self.bias = torch.zeros(hidden.shape, device=hidden.device, dtype=self.values[0].dtype)
        self.bias.masked_fill_(hidden, float("-inf"))
        if self.turned:
            self.bias = self.bias.repeat_interleave(self.heads, 0)[:, None]

    def update(self, key: Tensor, value: Tensor, layer: int, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        self._keys(layer)[self.rows, :, self.positions] = key[:, :, 0]
        self.values[layer][self.rows, :, self.positions] = value[:, :, 0]
        return key, value

    def attend(self, layer: int, query: Tensor, scaling: float) -> Tensor:
        """[rows, heads, 1, size] -> [rows, 1, heads, size]. The query heads of one key/value head stand where query
        positions would, so that no key/value head is repeated."""
        rows, heads = query.shape[:2]
        groups = heads // self.heads
        if not self.turned:
            key, value = (part[layer][:rows, :, : self.widths[0]] for part in (self.keys, self.values))
            packed = query.reshape(rows, self.heads, groups, self.size)
            out = F.scaled_dot_product_attention(packed, key, value, attn_mask=self.bias[:, None, None], scale=scaling)
            return out.reshape(rows, 1, heads, self.size)
        flat = query.reshape(rows * self.heads, groups, self.size)
        keys, values = self.keys[layer].flatten(0, 1), self.values[layer].flatten(0, 1)
        out = torch.empty_like(flat)
        for block, width in enumerate(self.widths):
            part = slice(block * BLOCK * self.heads, min((block + 1) * BLOCK, rows) * self.heads)
            scores = torch.baddbmm(self.bias[part, :, :width], flat[part], keys[part, :, :width], alpha=scaling)
            torch.bmm(torch.softmax(scores, -1), values[part, :width], out=out[part])
        return out.view(rows, 1, heads, self.size)

    def admit(self, recorded: Recorder, source: Tensor, slots: slice) -> None:
        """Copy prefilled rows ``source`` into ``slots`` (the same prompt may go into many)."""
        start, width = recorded.start, recorded.keys[0].shape[2]
        for layer, (key, value) in enumerate(zip(recorded.keys, recorded.values, strict=True)):
            self._keys(layer)[slots, :, start : start + width] = key[source]
            self.values[layer][slots, :, start : start + width] = value[source]
            if recorded.prefix is not None:  # a cache's truth value is its number of layers, as 5.x counts them
                self._keys(layer)[slots, :, :start] = recorded.prefix.keys[layer]
                self.values[layer][slots, :, :start] = recorded.prefix.values[layer]

    def move(self, source: Tensor, slots: Tensor, width: int) -> None:
        """Copy the first ``width`` positions of some slots to others."""
        for layer in range(len(self.values)):
            for mine in (self._keys(layer), self.values[layer]):
                mine[slots, :, :width] = mine[source, :, :width]

    def _keys(self, layer: int) -> Tensor:
        """A view [slots, kv heads, length, size], however they are kept."""
        return self.keys[layer].transpose(2, 3) if self.turned else self.keys[layer]

    def get_seq_length(self, layer_idx: int | None = 0) -> int:
        return max(self.widths) - 1

    def get_max_cache_shape(self, *args: Any) -> int | None:
        return None


def head_size(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def row_bytes(config: Any, length: int, dtype: torch.dtype) -> int:
    """Bytes of cache for one row of ``length`` positions."""
    return int(2 * config.num_hidden_layers * config.num_key_value_heads * head_size(config) * length * dtype.itemsize)


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float = 1.0,
    slots: SlotCache | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """[rows, heads, tokens, size] -> ([rows, tokens, heads, size], None).

    With ``slots``: one new token a row against the slots. Without: prefill, causal, the last query at the last key;
    padding is on the right, where no row that counts looks. ``attention_mask`` is needed for neither.
    """
    if slots is not None:
        return slots.attend(module.layer_idx, query, scaling), None  # type: ignore[arg-type]
    grouped = query.shape[1] != key.shape[1]
    new, all_ = query.shape[2], key.shape[2]
    mask = None if new == all_ else torch.ones(new, all_, dtype=torch.bool, device=key.device).tril(all_ - new)
    out = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=grouped
    )
    return out.transpose(1, 2), None


AttentionInterface.register(ATTENTION, attend)
