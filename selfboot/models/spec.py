"""Which model: a frozen record that says where weights and tokenizer come from, and the hash that names them.

A source is a local folder (absolute, or relative to the working directory or the checkout), a GGUF file, the package
that brings one (``package:NAME``), or a hub id. A hub id is
only looked up in the local Hugging Face cache; downloading has to be asked for (``download=True``).
Not covered: remote code (``trust_remote_code``) and pickled weights, which are refused on purpose.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from selfboot.errors import DataError, SelfbootError, UnavailableError
from selfboot.models.chat import template_text
from selfboot.paths import ROOT
from selfboot.storage.files import known_sha256
from selfboot.storage.shipped import check_pointer, check_shipped

# What a tokenizer's behaviour depends on; read where present.
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
)
Quantization = Literal["", "nf4"]
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
HUB_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
ALLOW = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")


@dataclass(frozen=True)
class ModelSpec:
    """A model by data.

    ``source``: folder or hub id of config and weights. ``tokenizer``: likewise, empty: where the weights are.
    ``weights="random"``: a random-init model with the same config and tokenizer, from ``random_seed``; on it
    every positive claim must fail. ``sha256``: what the weights must hash to (``weights_sha256``), empty: unchecked.
    ``dtype``: "float32" wherever it runs; empty: float32 on the CPU, bfloat16 on a GPU.
    ``stop_tokens``: tokens that end a completion beside the tokenizer's eos, such as ``<|im_end|>``.
    ``quantization``: "nf4": linear layers in 4 bits (nf4.py); empty: none.
    ``chat_template``: what is used in place of the tokenizer's own (chat.py); empty: that.
    """

    name: str
    source: str
    revision: str = ""
    tokenizer: str = ""
    weights: Literal["trained", "random"] = "trained"
    random_seed: int = 0
    sha256: str = ""
    stop_tokens: tuple[str, ...] = ()
    dtype: str = ""
    quantization: Quantization = ""
    chat_template: str = ""

    def random_init(self, seed: int = 0) -> ModelSpec:
        """The same architecture and tokenizer with untrained weights."""
        return replace(self, name=f"{self.name}-random{seed}", weights="random", random_seed=seed, sha256="")


@dataclass(frozen=True)
class Located:
    """Where a spec's files lie on this machine."""

    model: Path
    tokenizer: Path

    @property
    def weight_files(self) -> list[Path]:
        return sorted(self.model.glob("*.safetensors"))

    @property
    def texts(self) -> list[Path]:
        """Config and tokenizer."""
        names = [self.tokenizer / name for name in TOKENIZER_FILES]
        return [self.model / "config.json", *(path for path in names if path.is_file())]


def locate(spec: ModelSpec, download: bool = False) -> Located:
    """The spec's folders, checked for config, weights (unless random) and tokenizer.

    Raises UnavailableError when a source is not on this machine, DataError when a folder lacks what it should hold, a
    file is not the one that was shipped or that the hub has at its revision, or the weights do not hash to
    ``spec.sha256``.
    """
    model = _folder(spec, spec.source, download)
    found = Located(model, _folder(spec, spec.tokenizer, download) if spec.tokenizer else model)
    _need(spec, found.model / "config.json", "config")
    if not any((found.tokenizer / name).is_file() for name in ("tokenizer.json", "vocab.json", "tokenizer.model")):
        raise DataError(
            f"model {spec.name!r}: no tokenizer in {found.tokenizer}; name its folder in the spec's `tokenizer`"
        )
    if spec.weights == "trained" and not found.weight_files:
        pickled = "they are pickled, which is refused: convert them" if _pickled(found) else "fetch the weights"
        raise DataError(f"model {spec.name!r}: no *.safetensors in {found.model}; {pickled}, or use weights='random'")
    for path in (*found.texts, *(found.weight_files if spec.weights == "trained" else ())):
        check_whole(path)
    if spec.sha256 and spec.weights == "trained" and (actual := weights_sha256(found)) != spec.sha256:
        raise DataError(
            f"model {spec.name!r}: the weights in {found.model} hash to {actual}, the registry says {spec.sha256}; "
            "restore them (git checkout, or fetch again), or correct the registry"
        )
    return found


def _pickled(found: Located) -> bool:
    return any(found.model.glob("pytorch_model*.bin"))


def fingerprint(spec: ModelSpec, download: bool = False) -> str:
    """sha256 (hex) over config, tokenizer, weight bytes (random-init: its seed) and quantisation, for store keys. Names
    and paths do not enter: the same bytes elsewhere are the same model. File hashes are cached by path, size, mtime."""
    found = locate(spec, download)
    weights = weights_sha256(found) if spec.weights == "trained" else f"random:{spec.random_seed}"
    tokenizer = {name: known_sha256(path) for name in TOKENIZER_FILES if (path := found.tokenizer / name).is_file()}
    content = [known_sha256(found.model / "config.json"), weights, tokenizer, sorted(spec.stop_tokens)]
    content += [spec.quantization] if spec.quantization else []
    content += [_text_hash(template_text(spec.chat_template))] if spec.chat_template else []
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_whole(path: Path) -> None:
    """DataError where a model's file is a git-lfs pointer, not what was shipped, or not what the hub says it has."""
    check_pointer(path)
    check_shipped(path)
    expected = hub_hash(path)
    if expected and _hash_like(path, expected) != expected:
        raise DataError(
            f"{path}: not the hub's file (it has {expected[:16]}… at this revision); delete {path.resolve()} and fetch "
            "the model again"
        )


def hub_hash(path: Path) -> str:
    """The hub's own hash of a file that ``huggingface_hub`` fetched, "" where it left none: the name of the file that a
    snapshot's link leads to, or the second line of what ``hf download --local-dir`` notes. sha256 for files in LFS,
    git's own hash (sha1) for the others."""
    blob = path.resolve()
    note = path.parent / ".cache" / "huggingface" / "download" / f"{path.name}.metadata"
    lines = note.read_text(encoding="utf-8", errors="replace").split("\n") if note.is_file() else []
    found = blob.name if blob.parent.name == "blobs" else lines[1].strip() if len(lines) > 1 else ""
    return found if HUB_HASH.fullmatch(found) else ""


def _hash_like(path: Path, like: str) -> str:
    """The hash of a file of the same kind as ``like``: sha256, or git's of a blob."""
    return known_sha256(path) if len(like) == 64 else _git_sha1(path)


def _git_sha1(path: Path) -> str:
    payload = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(payload) + payload).hexdigest()


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def weights_sha256(found: Located) -> str:
    """sha256 (hex) of the one weight file; of "name sha256" lines where there are several shards."""
    files = found.weight_files
    if len(files) == 1:
        return known_sha256(files[0])
    return hashlib.sha256("\n".join(f"{path.name} {known_sha256(path)}" for path in files).encode()).hexdigest()


def _need(spec: ModelSpec, path: Path, what: str) -> None:
    if not path.is_file():
        raise DataError(f"model {spec.name!r}: no {what} at {path}; check the spec's source {spec.source!r}")


def _folder(spec: ModelSpec, source: str, download: bool) -> Path:
    if source.endswith(".gguf") or source.startswith("package:"):
        from selfboot.models.gguf import folder_of

        return folder_of(source)
    for base in (Path(), ROOT):
        if (base / source).is_dir():
            return (base / source).resolve()
    if not HUB_ID.fullmatch(source) or source.startswith("fixtures/"):
        raise UnavailableError(
            f"model {spec.name!r}: no folder {source}; check the path, or name a hub id (owner/name)"
        )
    return _hub(spec, source, download)


def _hub(spec: ModelSpec, source: str, download: bool) -> Path:
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            source, revision=spec.revision or None, local_files_only=not download, allow_patterns=list(ALLOW)
        )
    except Exception as error:  # the library raises many kinds: offline, gated, unknown, interrupted
        if isinstance(error, SelfbootError):
            raise
        at = f"@{spec.revision}" if spec.revision else ""
        revision = f" --revision {spec.revision}" if spec.revision else ""
        raise UnavailableError(
            f"model {spec.name!r}: {source}{at} is not on this machine ({type(error).__name__}); get it with "
            f"`hf download {source}{revision}`, or give a local folder as its source"
        ) from error
    return Path(found)
