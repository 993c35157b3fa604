"""From a spec to a model and a tokenizer in memory, through transformers (4.51.3 to 5.x) and peft.

Differences between library versions live here; 4-bit weights are nf4.py's matter.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from selfboot.errors import DataError, UnavailableError, one_line
from selfboot.models import nf4, parts
from selfboot.models.adapters import check_adapter
from selfboot.models.resident import RESIDENT
from selfboot.models.spec import ModelSpec, fingerprint, locate
from selfboot.models.versions import DTYPE_KEYWORD

__all__ = [
    "default_dtype",
    "encode_prompt",
    "fingerprint",
    "load_model",
    "load_tokenizer",
    "refuse_misfit",
    "stop_token_ids",
    "torch_device",
]


def torch_device(device: str | torch.device) -> torch.device:
    """``device`` checked: DataError when it is no device's name, UnavailableError when torch sees no such GPU."""
    try:
        found = torch.device(device)
    except RuntimeError:
        raise DataError(f"device {device!r}: write cpu, cuda or cuda:N") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise UnavailableError(f"device {device}: torch {torch.__version__} sees no GPU; use device='cpu'")
    return found


def default_dtype(device: str | torch.device) -> torch.dtype:
    """float32 on the CPU (bf16 storage loses no bit there), bf16 on a GPU."""
    return torch.float32 if torch.device(device).type == "cpu" else torch.bfloat16


def load_model(
    spec: ModelSpec,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    adapter: Path | None = None,
    merge: bool | None = None,
    trainable: bool = False,
    download: bool = False,
    gpus: int = 1,
) -> Any:
    """A causal language model in eval mode on ``device``, with ``adapter`` (a peft folder) applied where given.

    ``merge``: fold the adapter into the weights; by default only in float32, where that costs no precision that matters
    (bf16 would round small updates away). ``trainable``: the adapter's weights take gradients. ``gpus``: how many the
    layers are spread over, ``device`` being the first (parts.py).
    Raises UnavailableError (source, device, GPUs or bitsandbytes missing, an adapter for 4-bit weights) or DataError
    (files bad).
    """
    target = torch_device(device)
    dtype = dtype or (getattr(torch, spec.dtype) if spec.dtype else default_dtype(target))
    if spec.quantization:
        return _quantised(spec, dtype, target, download, adapter is not None or trainable)
    if gpus > 1:
        RESIDENT.drop()
        model = _over(spec, dtype, parts.first_gpus(gpus), download)
    else:
        model = RESIDENT.base((spec, target, dtype), lambda: _whole(spec, dtype, target, download))
    if merge is None:
        merge = dtype == torch.float32 and not trainable
    if adapter is not None:
        model = _with_adapter(spec, model, Path(adapter), merge, trainable)
    else:
        model.requires_grad_(False)
    return (model if gpus > 1 else model.to(target)).eval()


def load_tokenizer(spec: ModelSpec, download: bool = False) -> Any:
    """The spec's tokenizer; decoding never "cleans up" spaces, since code would change."""
    folder = locate(spec, download).tokenizer
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # older versions raise bare ones for a cut file
        raise DataError(f"model {spec.name!r}: no usable tokenizer in {folder}: {one_line(error)}") from error
    tokenizer.clean_up_tokenization_spaces = False
    return tokenizer


def encode_prompt(tokenizer: Any, text: str) -> tuple[list[int], list[int]]:
    """(BOS or nothing, the text's ids without it): rendered text in, so no special token is added but one BOS.

    The same for sampling and training. DataError when nothing at all is left to start from.
    """
    ids = list(tokenizer.encode(text, add_special_tokens=False))
    start = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    while start and ids[:1] == start:
        ids = ids[1:]
    if not start and not ids:
        raise DataError("an empty prompt, and the tokenizer has no BOS to start from; give some text")
    return start, ids


def stop_token_ids(spec: ModelSpec, tokenizer: Any) -> tuple[int, ...]:
    """Ids that end a completion: the tokenizer's eos and the spec's ``stop_tokens``. DataError for an unknown token."""
    ids = set() if tokenizer.eos_token_id is None else {int(tokenizer.eos_token_id)}
    for token in spec.stop_tokens:
        found = tokenizer.convert_tokens_to_ids(token)
        if found is None or found == tokenizer.unk_token_id:
            raise DataError(f"model {spec.name!r}: stop token {token!r} is not in the tokenizer; correct `stop_tokens`")
        ids.add(int(found))
    return tuple(sorted(ids))


def refuse_misfit(spec: ModelSpec, adapter: Path) -> None:
    """DataError where an adapter's tensors are not those that its config asks for on this model."""
    check_adapter(spec.name, _config(spec, download=False), adapter)


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading is quick or not worth a bar of its own: transformers' progress bars are off meanwhile."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _config(spec: ModelSpec, download: bool) -> Any:
    return AutoConfig.from_pretrained(str(locate(spec, download).model), trust_remote_code=False)


def _quantised(spec: ModelSpec, dtype: torch.dtype, device: torch.device, download: bool, adapted: bool) -> Any:
    if adapted:
        raise UnavailableError(f"model {spec.name!r}: 4-bit weights are to mine from only; train the model in full")
    if spec.weights == "random":
        return nf4.random_model(_config(spec, download), spec.random_seed, dtype, device).requires_grad_(False).eval()
    model = _trained(spec, dtype, download, nf4.load_arguments(dtype, device))
    return nf4.settled(model).requires_grad_(False).eval()


def _whole(spec: ModelSpec, dtype: torch.dtype, device: torch.device, download: bool) -> Any:
    """The model on one device, or on its way there."""
    return _random(spec, dtype, device, download) if spec.weights == "random" else _trained(spec, dtype, download)


def _over(spec: ModelSpec, dtype: torch.dtype, devices: list[torch.device], download: bool) -> Any:
    """The model with its layers spread over ``devices``."""
    config = _config(spec, download)
    if spec.weights == "random":
        return parts.random_model(config, spec.random_seed, dtype, devices)
    places = parts.layer_map(parts.empty_model(config, dtype), devices)
    return parts.handing_over(_trained(spec, dtype, download, {"device_map": places}), places)


def _trained(spec: ModelSpec, dtype: torch.dtype, download: bool, more: dict[str, Any] | None = None) -> Any:
    folder = locate(spec, download).model
    try:
        with _quiet():
            model, info = AutoModelForCausalLM.from_pretrained(
                str(folder),
                trust_remote_code=False,
                use_safetensors=True,
                attn_implementation="sdpa",
                output_loading_info=True,
                **{DTYPE_KEYWORD: dtype},
                **(more or {}),
            )
    except Exception as error:  # truncated file, wrong header, unknown architecture: each library has its own type
        raise DataError(
            f"model {spec.name!r}: cannot load {folder}: {type(error).__name__}: {one_line(error)}; restore the files"
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise DataError(f"model {spec.name!r}: weights missing in {folder}: {missing[:3]} …; restore the files")
    return model


def _random(spec: ModelSpec, dtype: torch.dtype, device: torch.device, download: bool) -> Any:
    """The random-init model. For a GPU it is made there, in its own dtype: billions of weights take a CPU minutes."""
    if device.type == "cuda":
        importlib.import_module("torch._dynamo")  # under a device, as transformers would below, torch 2.6 cannot
    config, made = _config(spec, download), torch.float32 if device.type == "cpu" else dtype
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), device:
        torch.manual_seed(spec.random_seed)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", **{DTYPE_KEYWORD: made})
    return model if made == dtype else model.to(dtype)


def _with_adapter(spec: ModelSpec, model: Any, folder: Path, merge: bool, trainable: bool) -> Any:
    from peft import PeftModel

    check_adapter(spec.name, model.config, folder)
    try:
        adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=trainable, use_safetensors=True)
    except Exception as error:  # wrong shapes, damaged file
        raise DataError(
            f"adapter {folder}: does not fit model {spec.name!r}: {type(error).__name__}: {one_line(error)}"
        ) from error
    return adapted.merge_and_unload() if merge else adapted
