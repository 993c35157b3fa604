"""A model part by part: which GPU each of its parts lies on, and random weights made where they are to lie.

A model whose weights no single GPU holds is trained with its layers in runs, one run a GPU, each working in its turn
(§3.10 trains 72B in bf16). Embeddings, last norm and head lie on the first GPU, so a batch begins and ends there.
Not covered: several GPUs working at once while training (drawing does: tensor parallel, in vLLM), and several machines.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from selfboot.errors import UnavailableError
from selfboot.models.versions import DTYPE_KEYWORD


def first_gpus(count: int) -> list[torch.device]:
    """The first ``count`` GPUs of this process. UnavailableError where torch sees fewer."""
    if (seen := torch.cuda.device_count()) < count:
        raise UnavailableError(
            f"the model's layers go on {count} GPUs, torch sees {seen}; let the process use more (CUDA_VISIBLE_DEVICES)"
        )
    return [torch.device("cuda", index) for index in range(count)]


def empty_model(config: Any, dtype: torch.dtype) -> Any:
    """A model of ``config`` whose parameters have a shape and no values; its buffers are real."""
    from accelerate import init_empty_weights
    from transformers import AutoModelForCausalLM

    with init_empty_weights(include_buffers=False):
        return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", **{DTYPE_KEYWORD: dtype})


def layer_map(model: Any, devices: Sequence[torch.device]) -> dict[str, torch.device]:
    """The device of each part of a causal model, as transformers and accelerate take it: about equal in parameters."""
    layers, total = model.model.layers, sum(value.numel() for value in model.parameters())
    each = sum(value.numel() for value in layers[0].parameters())
    rest = total - each * len(layers)
    ends = [max(0, round((total * (at + 1) / len(devices) - rest) / each)) for at in range(len(devices))]
    ends[-1] = len(layers)
    found = {f"model.{name}": devices[0] for name, _ in model.model.named_children() if name != "layers"}
    found["lm_head"] = devices[0]
    for index in range(len(layers)):
        found[f"model.layers.{index}"] = next(device for device, end in zip(devices, ends, strict=True) if index < end)
    return found


def random_model(config: Any, seed: int, dtype: torch.dtype, devices: Sequence[torch.device]) -> Any:
    """A randomly initialised model of ``config`` over ``devices``, each part made where it is to lie (``fill``)."""
    from accelerate import dispatch_model

    model = empty_model(config, dtype)
    places = layer_map(model, devices)
    generators = {device: torch.Generator(device).manual_seed(seed + at) for at, device in enumerate(devices)}
    for name, device in places.items():
        for module in model.get_submodule(name).modules():
            fill(module, generators[device], config.initializer_range, dtype)
    model.tie_weights()
    return handing_over(dispatch_model(model, places), places)


def handing_over(model: Any, places: Mapping[str, torch.device]) -> Any:
    """``model`` with the end of each run handing its result to the next run's GPU. Otherwise the next layer would fetch
    it, and gradient checkpointing, which looks at a layer's arguments for the random states to keep, would repeat that
    layer with other dropout masks."""
    from accelerate.utils import send_to_device

    parts = ["model.embed_tokens", *(f"model.layers.{index}" for index in range(len(model.model.layers)))]
    for part, following in itertools.pairwise(parts):
        if places[part] != (there := places[following]):
            model.get_submodule(part).register_forward_hook(
                lambda module, given, made, to=there: send_to_device(made, to)
            )
    return model


def fill(module: Any, generator: torch.Generator, scale: float, dtype: torch.dtype) -> None:
    """Real values for the module's own parameters, on the generator's device: matrices normal with ``scale``, norms 1,
    biases 0."""
    for name, empty in module.named_parameters(recurse=False):
        value = torch.empty(empty.shape, dtype=dtype, device=generator.device)
        if value.dim() > 1:
            value.normal_(0.0, scale, generator=generator)
        else:
            value.fill_(1.0 if name == "weight" else 0.0)
        setattr(module, name, torch.nn.Parameter(value, requires_grad=False))
