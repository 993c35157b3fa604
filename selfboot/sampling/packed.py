"""Linear layers whose weights are packed once, as oneDNN's kernels read them: for samplers on a CPU.

torch hands a float32 product on a CPU to MKL, which on AMD's processors uses half of what AVX-512 can do; oneDNN uses
all of it. The sums are taken in another order, as on another processor: the last bits of logits differ, and no golden
token does (tests/judging/test_golden.py). A packed layer can draw, but neither be trained nor saved.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor


def pack(model: torch.nn.Module, rows: int) -> int:
    """Pack every plain float32 linear layer of a model that only draws, ``rows`` at a time; its weight itself is given
    back. Returns how many were packed: none where this CPU gains nothing."""
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return 0
    embedding = model.get_input_embeddings().weight  # type: ignore[operator]
    plain = [one for one in model.modules() if type(one) is torch.nn.Linear and _can_be(one, embedding)]
    for layer in plain:
        _pack(layer, rows)
    return len(plain)


def _can_be(layer: torch.nn.Linear, embedding: Tensor) -> bool:
    """Is it on the CPU, in float32, and not the embedding's own weight, which reads rows?"""
    weight = layer.weight
    return weight is not embedding and weight.device.type == "cpu" and weight.dtype == torch.float32


def _pack(layer: torch.nn.Linear, rows: int) -> None:
    with torch.inference_mode():
        packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.contiguous(), rows)
    layer.forward = partial(_product, packed, layer.bias)  # type: ignore[method-assign]
    layer.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)


def _product(weight: Tensor, bias: Tensor | None, x: Tensor) -> Tensor:
    """x [..., in] times the packed weight, plus the bias: [..., out]."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]
