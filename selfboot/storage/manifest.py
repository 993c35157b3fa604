"""What an artifact's manifest must be, read strictly: its own kind, address and hash, and the hash of every file.

A manifest holds ``kind``, ``id`` (the address), ``key``, ``created`` (seconds since the epoch), ``seconds`` (that
building took), ``files`` (sha256 by name), ``provenance``, and ``sha256`` of all of these. Stores of earlier versions
lack the last one; everything else is checked in theirs as well.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from selfboot.errors import StoreError
from selfboot.storage.files import canonical_json, digest, file_sha256

NAME = "manifest.json"
SHA256 = re.compile(r"[0-9a-f]{64}")


class Damaged(Exception):
    """Why something in the store is not to be believed; whoever finds it sets it aside."""


def address_of(kind: str, key: Mapping[str, Any]) -> str:
    """The address of the artifact of this kind and key: 20 hex digits."""
    return digest({"kind": kind, "key": key})[:20]


def manifest_text(fields: Mapping[str, Any]) -> str:
    """The text of a manifest, its own hash included."""
    plain = json.loads(canonical_json(fields))
    return json.dumps({**plain, "sha256": digest(plain)}, indent=1, sort_keys=True) + "\n"


def parse_manifest(text: str | bytes, kind: str, address: str = "") -> dict[str, Any]:
    """The manifest of the artifact at ``kind/address`` ("": where its key says). Raises Damaged for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"its manifest cannot be read ({error})") from None
    if not isinstance(found, dict) or set(found) - {"sha256"} != set(_CHECKS):
        raise Damaged(f"its manifest lacks fields, or has others than {', '.join(_CHECKS)}")
    if wrong := next((name for name, good in _CHECKS.items() if not good(found[name])), None):
        raise Damaged(f"its manifest's {wrong!r} is {found[wrong]!r:.80}")
    own = {name: value for name, value in found.items() if name != "sha256"}
    if found.get("sha256", digest(own)) != digest(own):
        raise Damaged("its manifest was changed: it does not hash to its own sha256")
    address = address or found["id"]
    if (found["kind"], found["id"], address_of(kind, found["key"])) != (kind, address, address):
        raise Damaged(f"it is {found['kind']}/{found['id']}, at another address than its own")
    return found


def check_beside(folder: Path, kind: str) -> bool:
    """Is there a manifest in the folder? Raises Damaged where it is none, or the files are not what it says."""
    if not (folder / NAME).is_file():
        return False
    check_files(folder, parse_manifest((folder / NAME).read_bytes(), kind)["files"])
    return True


def check_loaded(adapter: Path, sha256: str) -> None:
    """StoreError where an adapter that was just read is no longer the one that was found whole, with these weights."""
    try:
        check_files(adapter, {"adapter_model.safetensors": sha256})
        check_beside(adapter, "adapter")
    except (Damaged, OSError) as error:
        raise StoreError(
            f"adapter {adapter}: changed as it was read: {error}; the same command again mends it"
        ) from None


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Raises Damaged when a file of the manifest is missing or does not hash to what it says."""
    for name, expected in files.items():
        if not (folder / name).is_file() or file_sha256(folder / name) != expected:
            raise Damaged(f"{name} is missing or changed")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(_is_inside(n) and _is_sha256(s) for n, s in value.items())


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and name != NAME


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and SHA256.fullmatch(value) is not None


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "kind": lambda value: isinstance(value, str),
    "id": lambda value: isinstance(value, str),
    "key": lambda value: isinstance(value, dict),
    "created": _is_number,
    "seconds": _is_number,
    "files": _are_files,
    "provenance": lambda value: isinstance(value, dict),
}
