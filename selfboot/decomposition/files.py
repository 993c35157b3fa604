"""How measured figures are kept: one JSON file a model, with the outcome of every task as a string of 0 and 1."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfboot.store import write_atomic


def write(content: dict[str, Any], path: Path) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def bits(flags: Sequence[bool]) -> str:
    """Which tasks passed: "101" for the first and the third of three."""
    return "".join("01"[bool(flag)] for flag in flags)


def flags_of(bits: str) -> tuple[bool, ...]:
    """The outcomes that ``bits`` wrote."""
    return tuple(bit == "1" for bit in bits)
