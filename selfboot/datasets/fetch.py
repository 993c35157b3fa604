"""Bringing data sets to this machine: the hub's through ``datasets``, single files through ``pooch``.

What arrives is checked before it gets its name, so a file that lies there was complete and right when it was written.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from selfboot.datasets.pinned import Row, Source, check_rows, check_text, rows_sha256
from selfboot.errors import DataError, SelfbootError, UnavailableError
from selfboot.paths import extra
from selfboot.store import write_atomic


def fetch(found: Source) -> str:
    """Get a source onto this machine, at its pinned revision; the hash of its rows (``rows_sha256``).

    Raises UnavailableError (no network, package missing, refused), DataError (what came is not what was pinned).
    """
    found.path.parent.mkdir(parents=True, exist_ok=True)
    text = _file(found) if found.url else _text(found, _hub(found))
    check_text(found, text, found.origin)
    rows = check_rows(found, _rows(found, text), found.origin)
    write_atomic(found.path, text)
    return rows_sha256(rows)


def _rows(found: Source, text: str) -> list[Row]:
    try:
        rows: list[Row] = (
            json.loads(text)
            if found.file.endswith(".json")
            else [json.loads(line) for line in text.split("\n") if line]
        )
    except ValueError as error:
        raise DataError(f"{found.origin}: what came is not JSON ({error}); try again") from None
    return rows


def _text(found: Source, rows: Sequence[Row]) -> str:
    """The file's text: a JSON list for a .json file, JSON Lines otherwise."""
    if found.file.endswith(".json"):
        return json.dumps(list(rows), ensure_ascii=False, indent=1) + "\n"
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _hub(found: Source) -> list[Row]:
    """All rows of a hub data set's configurations and splits, by ``datasets``, no code of the hub's run."""
    try:
        from datasets import load_dataset
    except ImportError:
        raise UnavailableError(f"{found.name}: needs the package datasets; {extra('data')}") from None
    rows: list[Row] = []
    for config in found.configs:
        for split in found.splits:
            try:
                part = load_dataset(found.hub, config, split=split, revision=found.revision)
            except Exception as error:  # offline, gated, unknown, interrupted: each has its own type
                raise _unreachable(found.name, found.origin, _copy(found), error) from error
            rows += [{name: row[name] for name in found.use if name in row} for row in part]
    if found.order:
        rows.sort(key=lambda row: row[found.order])
    return rows


def _file(found: Source) -> str:
    return download(found.url, found.name, _copy(found))


def _copy(found: Source) -> str:
    return f"{found.file} to {found.path.parent}"


def download(url: str, name: str, copy: str) -> str:
    """The text of one file. UnavailableError where it cannot be had; ``copy``: what to copy where instead, as words."""
    try:
        import pooch
    except ImportError:
        raise UnavailableError(f"{name}: needs the package pooch; {extra('data')}") from None
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = pooch.retrieve(url, known_hash=None, fname=url.rpartition("/")[2], path=folder, progressbar=False)
            return Path(path).read_text(encoding="utf-8")
        except Exception as error:
            if isinstance(error, SelfbootError):
                raise
            raise _unreachable(name, url, copy, error) from error


def _unreachable(name: str, origin: str, copy: str, error: Exception) -> UnavailableError:
    offline = "HF_HUB_OFFLINE is set; " if os.environ.get("HF_HUB_OFFLINE") not in (None, "", "0") else ""
    first = (str(error).splitlines() or [""])[0][:200]
    return UnavailableError(
        f"{name}: {origin} cannot be had ({offline}{type(error).__name__}: {first}); fetch it on a machine "
        f"with a network and copy {copy}"
    )
