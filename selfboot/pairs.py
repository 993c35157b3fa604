"""Pair files: JSON Lines of the paper's schema (claims.md, "The released data"), read strictly, written atomically."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import read_jsonl
from selfboot.errors import DataError
from selfboot.records import Pair
from selfboot.store import digest, write_atomic

_TEXT = ("signature", "broken", "error", "fixed")


def read_pairs(path: Path, empty: bool = False) -> list[Pair]:
    """The pairs of a file (``empty``: none is fine). DataError names file, line and field that are wrong."""
    pairs = [_pair(f"{path}:{number}", row) for number, row in enumerate(read_jsonl(path), 1)]
    if not pairs and not empty:
        raise DataError(f"{path}: holds no pairs; mine some (`selfboot mine`) or restore the file")
    return pairs


def _pair(where: str, row: dict[str, Any]) -> Pair:
    for name in (*_TEXT, "tests"):
        if name not in row:
            raise DataError(f"{where}: field {name!r} is missing; a pair has {', '.join((*_TEXT, 'tests'))}")
    for name in _TEXT:
        if not isinstance(row[name], str):
            raise DataError(f"{where}: field {name!r} must be text, not {type(row[name]).__name__}")
    tests = row["tests"]
    if not isinstance(tests, list) or not tests or not all(isinstance(test, str) for test in tests):
        raise DataError(f"{where}: field 'tests' must be a list of assert lines, not {tests!r:.60}")
    if not row["fixed"].strip():
        raise DataError(f"{where}: field 'fixed' is empty; there is nothing to train on")
    meta = row.get("meta", {})
    return Pair(row["signature"], tuple(tests), row["broken"], row["error"], row["fixed"], meta)


def pairs_text(pairs: Sequence[Pair]) -> str:
    """The pairs as JSON Lines."""
    return "".join(json.dumps(_row(pair), ensure_ascii=False) + "\n" for pair in pairs)


def _row(pair: Pair) -> dict[str, Any]:
    row: dict[str, Any] = {"signature": pair.signature, "tests": list(pair.tests), "broken": pair.broken}
    row |= {"error": pair.error, "fixed": pair.fixed}
    return row | ({"meta": pair.meta} if pair.meta else {})


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write a pair file, whole or not at all."""
    write_atomic(path, pairs_text(pairs))


def pairs_sha256(pairs: Sequence[Pair]) -> str:
    """Hash of what training sees (``meta`` aside)."""
    return digest([[p.signature, p.tests, p.broken, p.error, p.fixed] for p in pairs])
