"""Does an adapter fit a model, and does a model have the modules that a recipe adapts? Asked before anything is loaded.

peft fills what it finds by name and says nothing of the rest: an adapter with renamed keys, a lost prefix or half of
its layers would leave the base model as it is, and its score would be taken for the adapter's.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from selfboot.errors import DataError, one_line
from selfboot.models import parts

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
Shapes = Mapping[str, tuple[int, ...]]


def check_adapter(name: str, config: Any, folder: Path) -> None:
    """DataError unless the tensors of the adapter in ``folder`` are just those that its own config asks for, on model
    ``name`` of transformers' ``config``, names and shapes. Builds the model without its values."""
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise DataError(f"adapter {folder}: no {file}; train it again, or give an adapter folder")
    given = _given(folder)
    wanted, base = _wanted(name, config, folder)
    lacks = sorted(set(wanted) - set(given))
    unknown = sorted(set(given) - set(wanted) - set(base))
    shapes = [key for key in sorted(given) if given[key] != {**base, **wanted}.get(key, given[key])]
    said = [_some("lacks", lacks), _some("has unknown", unknown), _some("has other shapes of", shapes)]
    if any(said):
        trained_on = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path") or "?"
        raise DataError(
            f"adapter {folder}: does not fit model {name!r}: it {', '.join(filter(None, said))}; give the model that "
            f"it was trained on (its config says {trained_on}), or train it again"
        )


def _some(what: str, names: Sequence[str]) -> str:
    return f"{what} {len(names)} tensors ({names[0]}{', …' if names[1:] else ''})" if names else ""


def _given(folder: Path) -> Shapes:
    """Names and shapes of an adapter's tensors, from its file's header."""
    try:
        with safe_open(str(folder / WEIGHTS), framework="pt") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, OSError) as error:
        raise DataError(f"adapter {folder}: {WEIGHTS} cannot be read ({error}); train it again") from None


def _wanted(name: str, config: Any, folder: Path) -> tuple[Shapes, Shapes]:
    """The tensors that the adapter's config asks for, and the base's own, which an adapter may hold as well."""
    from peft import PeftConfig, get_peft_model, get_peft_model_state_dict

    try:
        settings = PeftConfig.from_pretrained(str(folder))
        settings.init_lora_weights = False  # some ways to begin look at the base's values, and there are none
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the base's name, which need not be its path
            model = get_peft_model(parts.empty_model(copy.deepcopy(config), torch.float32), settings)
    except Exception as error:  # unknown target modules, a damaged config: peft's kinds are many
        raise DataError(
            f"adapter {folder}: does not fit model {name!r}: {type(error).__name__}: {one_line(error)}"
        ) from error
    own = get_peft_model_state_dict(model, save_embedding_layers=False)
    return _shapes(own), _shapes(model.state_dict())


def _shapes(tensors: Mapping[str, torch.Tensor]) -> Shapes:
    return {key: tuple(value.shape) for key, value in tensors.items()}


def check_targets(name: str, model: Any, targets: Sequence[str]) -> None:
    """DataError unless ``model`` has linear layers of every name in ``targets``, with the names that it has."""
    has = linear_names(model)
    if lacks := [target for target in targets if target not in has]:
        raise DataError(
            f"model {name!r} ({model.config.model_type}) has no {', '.join(lacks)} to adapt; its linear layers are "
            f"{', '.join(has)}: name those in the recipe's target_modules"
        )


def linear_names(model: Any) -> list[str]:
    """The last parts of the names of its linear layers, in order, without the head."""
    head = model.get_output_embeddings()
    kinds = ("Linear", "Conv1D")  # the latter: GPT-2's own linear layer
    found = (key for key, module in model.named_modules() if type(module).__name__ in kinds and module is not head)
    return list(dict.fromkeys(key.rpartition(".")[2] for key in found))
