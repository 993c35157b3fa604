"""Any model as a registry entry: a name of data/models.toml, a folder, a GGUF file, or a hub id (if it lies here).

What a registry entry states is read off the files here: end-of-turn tokens that the chat template writes, the shape
from config.json, and a tokenizer in ``tokenizer/`` beside or above the folder where the folder has none of its own.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import Benchmark
from selfboot.errors import DataError
from selfboot.formats.base import code_format
from selfboot.lab import GREEDY, Adapter, Lab, Score
from selfboot.mining.base import derive
from selfboot.models.shape import CLASSES, Shape
from selfboot.models.spec import HUB_ID, Located, ModelSpec, locate
from selfboot.paths import ROOT
from selfboot.records import Sampling
from selfboot.registry import ModelEntry, models

END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|end_of_turn|>", "<turn|>")


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
    if HUB_ID.fullmatch(name):
        return _entry(name, name)
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
    config: dict[str, Any] = json.loads((found.model / "config.json").read_text(encoding="utf-8"))
    return config


def _entry(name: str, source: str) -> ModelEntry:
    """What the files say. Not to be trusted more than they are: an unknown architecture gets a Llama's shape."""
    tokenizer = _tokenizer(Path(source) if Path(source).is_dir() else ROOT / source)
    found = locate(ModelSpec(name, source, tokenizer=tokenizer))
    template = chat_template(found.tokenizer)
    stop = tuple(token for token in END_OF_TURN if token in template)
    return ModelEntry(name, source, tokenizer, stop_tokens=stop, shape=shape_of(_config(found)))


def _tokenizer(folder: Path) -> str:
    """Empty where the folder has its own; else the nearest ``tokenizer`` folder beside or above it."""
    if not folder.is_dir() or (folder / "tokenizer.json").is_file():
        return ""
    near = [parent / "tokenizer" for parent in list(folder.resolve().parents)[:2]]
    return next((str(one) for one in near if (one / "tokenizer.json").is_file()), "")


def chat_template(folder: Path) -> str:
    """The chat template's text; DataError where there is none, since problems are asked for through it."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    path = folder / "tokenizer_config.json"
    template = json.loads(path.read_text(encoding="utf-8")).get("chat_template") if path.is_file() else None
    if not template:
        raise DataError(
            f"{folder}: the tokenizer has no chat template, and the recipe asks through one (§2.1); copy the model "
            "into a folder and put the template of its chat-tuned sibling there as chat_template.jinja"
        )
    return template if isinstance(template, str) else json.dumps(template)


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


class OpenLab(Lab):
    """A Lab for any model that ``find_model`` knows, and for any part of a benchmark."""

    def __enter__(self) -> OpenLab:
        return self

    def entry(self, model: str) -> ModelEntry:
        return find_model(model)

    def score(
        self,
        model: str,
        bench: Benchmark,
        format: str = "chat",
        sampling: Sampling = GREEDY,
        seed: int = 0,
        adapter: Adapter | None = None,
    ) -> Score:
        """``evaluate`` on a benchmark at hand; a whole one has the very artifacts of ``evaluate``."""
        form = code_format(format)
        prompts = [form.prompt(task, self.chat(model)) for task in bench.tasks]
        seeds = [derive(seed, task.task_id) for task in bench.tasks]
        drawn = replace(sampling, stop=form.stop)
        samples = self.sample(model, prompts, drawn, seeds, adapter, what=f"{bench.name}, {format}")
        rows = zip(bench.tasks, samples.completions, strict=True)
        return self._grade(bench, samples, [[form.program(task, c.text) for c in row] for task, row in rows])
