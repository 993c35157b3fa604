"""Which data sets there are, where they come from, and what their rows must be: data/sources.toml.

A source's file lies in the folder that SELFBOOT_DATA names, else in .selfboot/data of the checkout (the released pairs:
data/released, which counts as well where SELFBOOT_DATA lacks them). It is checked whenever it is read: number of rows,
and the hash of the fields that we use where it is known. So the authors' own file and what ``selfboot fetch`` makes of
the hub's are the same to us, and a cut, changed or re-ordered one is an error, never another benchmark.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from selfboot.errors import DataError, SelfbootError, UnavailableError
from selfboot.paths import DATA, home, in_checkout, require
from selfboot.store import digest

DATA_ENV = "SELFBOOT_DATA"
Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """One data set (one split of it) from a hub at a ``revision``, or one file from a ``url`` that holds a commit.

    ``configs``: the hub data set's configurations, their rows joined in this order. ``use``: the fields kept of a row.
    ``order``: the field that rows are sorted by, empty: as they come. ``rows`` is enforced, and so are ``sha256``
    (``rows_sha256``; empty: nobody could compute it here), and ``characters`` and ``file_sha256`` of the file itself.
    ``checked``: against what the figures were checked. ``group``: where the file belongs ("released": data/released).
    """

    name: str
    file: str
    rows: int
    licence: str
    checked: str
    use: tuple[str, ...] = ()
    hub: str = ""
    configs: tuple[str, ...] = ("default",)
    splits: tuple[str, ...] = ("test",)
    revision: str = ""
    url: str = ""
    order: str = ""
    sha256: str = ""
    characters: int = 0
    file_sha256: str = ""
    group: str = ""

    @property
    def origin(self) -> str:
        """Where it comes from, in one line."""
        return self.url or f"{self.hub} {'+'.join(self.splits)} at {self.revision[:12]}"

    @property
    def path(self) -> Path:
        """Where its file lies, or would lie, on this machine: released pairs in SELFBOOT_DATA or data/released."""
        shipped = DATA / "released" / self.file
        if self.group == "released" and in_checkout() and (not os.environ.get(DATA_ENV) or self._only(shipped)):
            return shipped
        return data_folder() / self.file

    def _only(self, shipped: Path) -> bool:
        return shipped.is_file() and not (data_folder() / self.file).is_file()


def data_folder() -> Path:
    """The folder of fetched data: SELFBOOT_DATA, else .selfboot/data of the checkout."""
    return Path(os.environ.get(DATA_ENV) or home() / "data")


@functools.cache
def sources() -> dict[str, Source]:
    """Every source, by name, in the order of the file. Reading is strict, as for the registry."""
    path = require(DATA / "sources.toml", "data sources")
    known = {f.name for f in fields(Source)}
    found = {}
    for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
        if unknown := sorted(set(table) - known):
            raise DataError(f"{path} [{name}]: unknown field {unknown[0]!r}; known: {', '.join(sorted(known))}")
        values: Row = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
        try:
            found[name] = Source(name, **values)
        except TypeError as error:
            raise DataError(f"{path} [{name}]: {str(error).split('() ')[-1]}") from None
    return found


def source(name: str) -> Source:
    """The source called ``name``."""
    if name not in sources():
        raise DataError(f"unknown data set {name!r}; data/sources.toml knows: {', '.join(sources())}")
    return sources()[name]


def source_path(name: str) -> Path:
    """Where a source's file lies. UnavailableError with the remedy when it does not."""
    found = source(name)
    if not found.path.is_file():
        raise UnavailableError(
            f"{name} is not on this machine: no {found.path}; `selfboot fetch --only {name}` gets it "
            f"({found.origin}), or name a folder that holds {found.file} in {DATA_ENV}"
        )
    return found.path


def read_source(name: str, path: Path | None = None) -> list[Row]:
    """A source's rows, from its own place or from ``path``, checked all the same.

    UnavailableError: not on this machine; DataError: not what the registry says.
    """
    found, path = source(name), path or source_path(name)
    try:
        text = path.read_text(encoding="utf-8")
        rows = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.split("\n") if line]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); delete it and fetch {name} again") from None
    check_text(found, text, str(path))
    return check_rows(found, rows, str(path))


def check_text(found: Source, text: str, where: str) -> None:
    """DataError where the file's text is not what ``characters`` and ``file_sha256`` say, if they say anything."""
    if found.characters and len(text) != found.characters:
        raise DataError(f"{where}: {len(text)} characters, {found.name} has {found.characters}; fetch it again")
    if found.file_sha256 and (actual := hashlib.sha256(text.encode()).hexdigest()) != found.file_sha256:
        raise DataError(
            f"{where}: sha256 {actual[:12]}…, {found.name} has {found.file_sha256[:12]}…: another text; fetch it again"
        )


def check_rows(found: Source, rows: Any, where: str) -> list[Row]:
    """The rows, reduced to the fields in use and in order, if they are what ``found`` says; else DataError."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{where}: expected a list of objects; is it {found.file}?")
    if len(rows) != found.rows:
        raise DataError(f"{where}: {len(rows)} rows, {found.name} has {found.rows}; fetch it again ({found.origin})")
    kept = [_reduced(found, row, f"{where}, row {number}") for number, row in enumerate(rows, 1)]
    if found.order:
        kept.sort(key=lambda row: row[found.order])
    if found.sha256 and (actual := rows_sha256(kept)) != found.sha256:
        raise DataError(
            f"{where}: the rows hash to {actual}, {found.name} to {found.sha256}: a changed text or another order; "
            f"fetch it again ({found.origin}), or correct `sha256` in data/sources.toml if this text is the right one"
        )
    return kept


def _reduced(found: Source, row: Row, where: str) -> Row:
    missing = [name for name in found.use if name not in row]
    if missing:
        raise DataError(f"{where}: field {missing[0]!r} is missing; is it {found.file} of {found.origin}?")
    return {name: row[name] for name in found.use} if found.use else row


def rows_sha256(rows: Sequence[Mapping[str, Any]]) -> str:
    """sha256 (hex) of rows as canonical JSON, whatever file format they came in."""
    return digest([dict(row) for row in rows])


def state(one: Source) -> str:
    """here, missing, or damaged."""
    try:
        read_source(one.name)
    except UnavailableError:
        return "missing"
    except SelfbootError:
        return "damaged"
    return "here"
