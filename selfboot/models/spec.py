"""Which model: a frozen record that says where weights and tokenizer come from, and the hash that names them.

A source is a local folder (absolute, or relative to the working directory or the checkout), a GGUF file, the package
that brings one (``package:NAME``), or a hub id. A hub id is
only looked up in the local Hugging Face cache; downloading has to be asked for (``download=True``).
Not covered: remote code (``trust_remote_code``) and pickled weights, which are refused on purpose.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from selfboot.errors import DataError, SelfbootError, UnavailableError
from selfboot.paths import ROOT

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


def locate(spec: ModelSpec, download: bool = False) -> Located:
    """The spec's folders, checked for config, weights (unless random) and tokenizer.

    Raises UnavailableError when a source is not on this machine, DataError when a folder lacks what it should hold or
    the weights do not hash to ``spec.sha256``.
    """
    model = _folder(spec, spec.source, download)
    found = Located(model, _folder(spec, spec.tokenizer, download) if spec.tokenizer else model)
    _need(spec, found.model / "config.json", "config")
    if not any((found.tokenizer / name).is_file() for name in ("tokenizer.json", "vocab.json", "tokenizer.model")):
        raise DataError(
            f"model {spec.name!r}: no tokenizer in {found.tokenizer}; name its folder in the spec's `tokenizer`"
        )
    if spec.weights == "trained" and not found.weight_files:
        raise DataError(
            f"model {spec.name!r}: no *.safetensors in {found.model}; fetch the weights, or use weights='random'"
        )
    if spec.sha256 and spec.weights == "trained" and (actual := weights_sha256(found)) != spec.sha256:
        raise DataError(
            f"model {spec.name!r}: the weights in {found.model} hash to {actual}, the registry says {spec.sha256}; "
            "restore them (git checkout, or fetch again), or correct the registry"
        )
    return found


def fingerprint(spec: ModelSpec, download: bool = False) -> str:
    """sha256 (hex) over config, tokenizer, weight bytes (random-init: its seed) and quantisation, for store keys. Names
    and paths do not enter: the same bytes elsewhere are the same model. File hashes are cached by path, size, mtime."""
    found = locate(spec, download)
    weights = weights_sha256(found) if spec.weights == "trained" else f"random:{spec.random_seed}"
    tokenizer = {name: _file_hash(path) for name in TOKENIZER_FILES if (path := found.tokenizer / name).is_file()}
    content = [_file_hash(found.model / "config.json"), weights, tokenizer, sorted(spec.stop_tokens)]
    content += [spec.quantization] if spec.quantization else []
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def weights_sha256(found: Located) -> str:
    """sha256 (hex) of the one weight file; of "name sha256" lines where there are several shards."""
    files = found.weight_files
    if len(files) == 1:
        return _file_hash(files[0])
    return hashlib.sha256("\n".join(f"{path.name} {_file_hash(path)}" for path in files).encode()).hexdigest()


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
        raise UnavailableError(
            f"model {spec.name!r}: {source}{at} is not on this machine ({type(error).__name__}); get it with "
            f"`hf download {source}`, or give a local folder as its source"
        ) from error
    return Path(found)


def _file_hash(path: Path) -> str:
    stat = path.stat()
    return _hash_of(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash_of(path: str, size: int, mtime_ns: int) -> str:
    """sha256 of a file; big ones (weights of many GB) are remembered across processes in the user's cache folder."""
    if size < 64 << 20:
        return _sha256(path)
    from platformdirs import user_cache_path

    key = hashlib.sha256(f"{path}\0{size}\0{mtime_ns}".encode()).hexdigest()
    note = user_cache_path("selfboot") / "hashes" / key
    if note.is_file() and len(known := note.read_text().strip()) == 64:
        return known
    value = _sha256(path)
    try:  # only a short cut: without a writable cache folder the file is hashed again next time
        note.parent.mkdir(parents=True, exist_ok=True)
        temporary = note.with_suffix(f".{os.getpid()}")
        temporary.write_text(value)
        temporary.replace(note)
    except OSError:
        pass
    return value


def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
