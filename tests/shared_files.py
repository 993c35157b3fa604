"""Files that the project does not ship: real tasks, completions and reported cases, named by environment variables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared(name: str) -> Path:
    """A file of the folder SELFBOOT_SHARED (``real/``, ``grading/``, ``paper/``, ``datasets/``); skips without it."""
    return _file("SELFBOOT_SHARED", os.environ.get("SELFBOOT_SHARED", ""), name)


def real(name: str) -> Path:
    """A file of the folder SELFBOOT_REAL (default: ``real/`` of SELFBOOT_SHARED); skips without it."""
    folder = os.environ.get("SELFBOOT_REAL", "")
    return _file("SELFBOOT_REAL", folder, name) if folder else shared(f"real/{name}")


def _file(variable: str, folder: str, name: str) -> Path:
    if not folder:
        pytest.skip(f"{variable} is not set: it names the folder that holds {name}")
    path = Path(folder) / name
    if not path.exists():
        pytest.skip(f"{variable}={folder} has no {name}")
    return path


def tokenizer_folder(name: str) -> Path:
    """A real tokenizer's folder under SELFBOOT_TOKENIZERS (``real/get_tokenizers.sh`` makes it); skips without it."""
    return _file("SELFBOOT_TOKENIZERS", os.environ.get("SELFBOOT_TOKENIZERS", ""), name)
