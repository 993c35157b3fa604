"""What manifests say of where a result was made, and rows of JSON beside them."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def machine() -> dict[str, str]:
    """What of this machine belongs in a manifest."""
    return {"system": platform.system(), "processor": platform.machine(), "python": platform.python_version()}


def versions(*packages: str) -> dict[str, str]:
    from importlib.metadata import version

    return {package: version(package) for package in packages}


def write_rows(path: Path, rows: Sequence[Any]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def read_rows(text: str) -> list[Any]:
    return [json.loads(line) for line in text.split("\n") if line]
