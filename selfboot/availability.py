"""Can this machine run a case? If not: what is missing, how much, and the remedy. Never asked at collection."""

from __future__ import annotations

from selfboot.claims import Scale, Settings, model_entry
from selfboot.errors import SelfbootError


def missing(settings: Settings, scale: Scale) -> str | None:
    """One sentence about what this machine lacks for a case, or None when it can run."""
    if scale == "mini":
        return None
    entry = model_entry(settings.model)
    return _no_gpu(entry.name, entry.gpu_gb) or _no_weights(entry.name)


def _no_gpu(model: str, need_gb: float) -> str | None:
    import torch

    if not need_gb:
        return None
    if not torch.cuda.is_available():
        return f"{model} needs a GPU with {need_gb:g} GB and torch sees none; run on a GPU machine, or --scale mini"
    have = max(torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count())) / 1e9
    if have < need_gb:
        return f"{model} needs {need_gb:g} GB of GPU memory, the largest GPU here has {have:.0f} GB"
    return None


def _no_weights(model: str) -> str | None:
    from selfboot.models.spec import ModelSpec, locate

    entry = model_entry(model)
    try:
        locate(ModelSpec(entry.name, entry.source, entry.revision, entry.tokenizer))
    except SelfbootError as error:
        return str(error)
    return None
