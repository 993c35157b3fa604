"""Any model by what a person calls it: a name of data/models.toml, a folder, a GGUF file, a hub id with its revision.

What the registry says of its own models is read off the files of others: stop tokens from the chat template, shape
from config.json. Weights are not looked for here: a random-init model has none.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfboot.errors import DataError
from selfboot.models.shape import CLASSES, Shape
from selfboot.models.spec import HUB_ID, Located, ModelSpec, locate
from selfboot.paths import ROOT
from selfboot.registry import ModelEntry, models

END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|end_of_turn|>", "<turn|>")
CALLED = "a name of data/models.toml, a folder, a GGUF file, a hub id (owner/name, or owner/name@revision)"


@functools.cache
def find_model(name: str) -> ModelEntry:
    """The model that ``name`` stands for. UnavailableError or DataError say what is missing and how to get it."""
    if name in models():
        return _with_shape(models()[name])
    path = Path(name)
    if path.suffix == ".gguf" or path.is_file():
        return _entry(path.stem, str(path))
    if path.is_dir() or (ROOT / name).is_dir():
        return _entry(path.resolve().name, name)
    source, _, revision = name.partition("@")
    if HUB_ID.fullmatch(source):
        return _entry(name, source, revision)
    raise DataError(
        f"model {name!r}: no name of data/models.toml, no folder, no GGUF file and no hub id (owner/name); "
        f"known names: {', '.join(models())}"
    )


def _with_shape(entry: ModelEntry) -> ModelEntry:
    """A registry entry; its shape from the files where the registry gives none."""
    if entry.shape is not None:
        return entry
    found = locate(ModelSpec(entry.name, entry.source, revision=entry.revision, tokenizer=entry.tokenizer))
    return replace(entry, shape=shape_of(_config(found)))


def _config(found: Located) -> dict[str, Any]:
    return _object(found.model / "config.json")


def _object(path: Path) -> dict[str, Any]:
    """A JSON file that comes with a model; DataError where it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); restore the model's files") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected an object, found {type(found).__name__}; restore the model's files")
    return found


def _entry(name: str, source: str, revision: str = "") -> ModelEntry:
    """What the files say. Not to be trusted more than they are: an unknown architecture gets a Llama's shape."""
    tokenizer = _tokenizer(Path(source) if Path(source).is_dir() else ROOT / source)
    found = locate(ModelSpec(name, source, revision=revision, tokenizer=tokenizer, weights="random"))  # no weights yet
    stop, shape = turn_ends(own_template(found.tokenizer)), shape_of(_config(found))
    return ModelEntry(name, source, tokenizer, revision=revision, stop_tokens=stop, shape=shape)


def located(name: str, weights: str = "trained") -> Located:
    """Where the files of the model called ``name`` lie; errors as of ``locate``. ``weights`` "random": none of them."""
    entry = find_model(name)
    spec = ModelSpec(entry.name, entry.source, entry.revision, entry.tokenizer)
    return locate(spec.random_init() if weights == "random" else spec)


def is_organism(entry: ModelEntry) -> bool:
    """Is it one of our mini models, or of their family? Their tokenizer tells."""
    return Path(entry.tokenizer).parts[-2:] == ("organism", "tokenizer")


def turn_ends(template: str) -> tuple[str, ...]:
    """The tokens by which a chat template ends a turn, as far as they are known."""
    return tuple(token for token in END_OF_TURN if token in template)


def _tokenizer(folder: Path) -> str:
    """Empty where the folder has its own; else the nearest ``tokenizer`` folder beside or above it."""
    if not folder.is_dir() or (folder / "tokenizer.json").is_file():
        return ""
    near = [parent / "tokenizer" for parent in list(folder.resolve().parents)[:2]]
    return next((str(one) for one in near if (one / "tokenizer.json").is_file()), "")


def own_template(folder: Path) -> str:
    """The text of a tokenizer's chat templates; empty where there is none."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    path = folder / "tokenizer_config.json"
    template = _object(path).get("chat_template") if path.is_file() else None
    return template if isinstance(template, str) else json.dumps(template or "").strip('"')


def shape_of(config: dict[str, Any]) -> Shape | None:
    """A config.json as a shape, for memory and cost; None when it is no such decoder."""
    kind = config.get("model_type", "")
    try:
        return Shape(
            architecture=kind if kind in CLASSES else "llama",
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            heads=config["num_attention_heads"],
            kv_heads=config.get("num_key_value_heads") or config["num_attention_heads"],
            ffn=config["intermediate_size"],
            vocab=config["vocab_size"],
            context=config["max_position_embeddings"],
            head_dim=config.get("head_dim") or 0,
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except KeyError:
        return None


def spec_of(entry: ModelEntry) -> ModelSpec:
    """How a model is loaded."""
    return ModelSpec(
        entry.name,
        entry.source,
        revision=entry.revision,
        tokenizer=entry.tokenizer,
        sha256=entry.sha256,
        stop_tokens=entry.stop_tokens,
        dtype=entry.dtype,
        quantization=entry.quantization,
        chat_template=entry.chat_template,
    )
