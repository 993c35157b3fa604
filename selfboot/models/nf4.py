"""Models in 4-bit NF4 through bitsandbytes (§2.1): what the paper mines a model from that its GPU cannot hold in bf16.

The layers' linear weights are quantised in blocks of 64 with double quantisation; embeddings, norms and the head stay
as they are, and products are computed in the model's dtype (float32 on the CPU, bf16 on a GPU). Such a model is there
to be sampled and mined; it is not trained and takes no adapter. On the CPU it needs transformers 5.

Not covered: 8 bits, and weights that are stored in 4 bits already. Where the package ``kernels`` is installed too,
bitsandbytes fetches compiled code from the hub when it is imported on a CPU with AVX512-BF16 (HF_HUB_OFFLINE=1 keeps
it from that); that code is not used here.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from selfboot.errors import UnavailableError

if TYPE_CHECKING:
    import torch

REMEDY = "pip install 'selfboot[quant]'"
BLOCK = 64  # weights that share a scale
LEAST_VERSION = "0.46.1"  # of 0.45.5 to 0.50.2 the first whose CPU kernels take double quantisation


def missing() -> str | None:
    """Why nothing can be quantised here, with the remedy; None when it can. Imports nothing heavy."""
    from importlib.metadata import version

    from packaging.version import Version

    if importlib.util.find_spec("bitsandbytes") is None:
        return f"bitsandbytes, which models in 4-bit NF4 need, is not installed: {REMEDY}"
    if Version(found := version("bitsandbytes")) < Version(LEAST_VERSION):
        return f"bitsandbytes {found} is too old for NF4 on every device: {REMEDY}"
    return None


def load_arguments(dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """What ``from_pretrained`` needs to quantise weights one by one while it reads them, on ``device``.

    Raises UnavailableError where bitsandbytes is missing.
    """
    _bitsandbytes()
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    return {"quantization_config": config, "device_map": {"": device}}


def random_model(config: Any, seed: int, dtype: torch.dtype, device: torch.device) -> Any:
    """A randomly initialised model of ``config`` in NF4, made layer by layer: only one layer at a time is there whole.

    Its values are those of ``parts.fill``.
    """
    import torch

    from selfboot.models.parts import empty_model, fill

    _bitsandbytes()
    model = empty_model(config, dtype)
    generator = torch.Generator(device).manual_seed(seed)
    head = model.get_output_embeddings()
    for name in [name for name, _ in model.named_modules()]:  # names only: a list of modules would keep all weights
        module = model.get_submodule(name)
        fill(module, generator, config.initializer_range, dtype)
        if isinstance(module, torch.nn.Linear) and module is not head:
            model.set_submodule(name, _quantised(module, dtype))
    model.tie_weights()
    return settled(model.to(device))


def settled(model: Any) -> Any:
    """``model`` computing in its own dtype on every CPU: those with AVX512-BF16 would round activations to bf16.

    UnavailableError on a CPU for rows that are no multiple of a block: bitsandbytes 0.49.2 and 0.50.2 write them out
    with a wrong scale there (relative error 0.24 instead of 0.09).
    """
    bitsandbytes = _bitsandbytes()
    for name, module in model.named_modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            if module.weight.device.type == "cpu" and module.in_features % BLOCK:
                raise UnavailableError(
                    f"{name}: rows of {module.in_features} weights are no multiple of {BLOCK}, which bitsandbytes gets "
                    "wrong on a CPU; use a GPU"
                )
            module.support_avx512bf16_for_cpu = False
    return model


def _quantised(linear: Any, dtype: Any) -> Any:
    bitsandbytes = _bitsandbytes()
    size, device = (linear.in_features, linear.out_features, linear.bias is not None), linear.weight.device
    made = bitsandbytes.nn.Linear4bit(*size, compute_dtype=dtype, quant_type="nf4", device="meta")
    made.weight = bitsandbytes.nn.Params4bit(linear.weight.data, requires_grad=False, quant_type="nf4", module=made)
    made.bias = linear.bias
    return made.to(device)  # it quantises as it moves, also to where it is


def _bitsandbytes() -> Any:
    if why := missing():
        raise UnavailableError(why)
    import bitsandbytes

    return bitsandbytes
