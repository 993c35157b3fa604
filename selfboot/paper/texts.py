"""Every text that the paper's scripts say to a model: fetched at the pinned commits, checked by sha256, never shipped.

``data/paper_texts.toml`` says where each text stands. ``selfboot fetch --only paper-texts`` reads them out of the
scripts and keeps them beside the data sets. SELFBOOT_PAPER_TEXTS names another source: a folder with the scripts in it
(``FOLDER/recipe/bootstrap.py`` …), or a JSON file of objects with ``id`` and ``template``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfboot.datasets.pinned import data_folder
from selfboot.errors import DataError, UnavailableError
from selfboot.paper.literals import template_at
from selfboot.paths import DATA
from selfboot.store import write_atomic
from selfboot.tables import build, read

NAME, FILE, TEXTS_ENV = "paper-texts", "paper_texts.json", "SELFBOOT_PAPER_TEXTS"
REPOSITORY = "ranausmanai/tinyforge-zero"
RAW = f"https://raw.githubusercontent.com/{REPOSITORY}"
Syntax = Literal["literal", "format", "expr", "list"]
Templates = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """Where a text stands, and how its slots are filled. ``fields``: our name for each of ``slots``, in order."""

    id: str
    file: str
    commit: str
    at: tuple[int, int]
    within: str
    role: str
    syntax: Syntax
    sha256: str
    scripts: tuple[str, ...]
    slots: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"{RAW}/{self.commit}/{self.file}"


@functools.cache
def places() -> dict[str, Place]:
    """Every text's place, by id."""
    table = read(DATA / "paper_texts.toml", "places of the paper's texts")
    commits = table["commits"]
    return {
        name: build(
            Place, f'data/paper_texts.toml [texts."{name}"]', {"id": name, "commit": commits[row["file"]], **row}
        )
        for name, row in table["texts"].items()
    }


def place(name: str) -> Place:
    """The place of the text called ``name``."""
    if name not in places():
        raise DataError(f"unknown text {name!r}; data/paper_texts.toml knows: {', '.join(places())}")
    return places()[name]


def say(name: str, /, **values: str) -> str:
    """The text called ``name``, its slots filled with ``values`` (by the place's ``fields``; none for a literal).

    UnavailableError: the texts are not on this machine; DataError: unknown text, or other values than it has slots.
    """
    where, template = place(name), templates()[name]
    if set(values) != set(where.fields):
        raise DataError(f"text {name!r} takes {list(where.fields)}, not {sorted(values)}; correct the call")
    given = [(slot, values[field]) for slot, field in zip(where.slots, where.fields, strict=True)]
    return template.format(**dict(given)) if where.syntax == "format" else _filled(template, given)


def _filled(template: str, given: list[tuple[str, str]]) -> str:
    """Each slot's source replaced by its value, in order; whatever braces the text and the values hold."""
    done = ""
    for slot, value in given:
        before, _, template = template.partition(f"{{{slot}}}")
        done += before + value
    return done + template


def strings(name: str) -> tuple[str, ...]:
    """The list of strings called ``name`` (a script's stop strings)."""
    if place(name).syntax != "list":
        raise DataError(f"text {name!r} is no list of strings; use `say`")
    return tuple(json.loads(templates()[name]))


def texts_path() -> Path:
    """Where the texts lie or would lie: what SELFBOOT_PAPER_TEXTS names, else a file beside the data sets."""
    named = os.environ.get(TEXTS_ENV)
    return Path(named) if named else data_folder() / FILE


def templates() -> Templates:
    """Every template by id, each checked by its sha256. UnavailableError, with the remedy, where there are none."""
    path = texts_path()
    if not path.exists():
        raise UnavailableError(
            f"{NAME} is not on this machine: no {path}; `selfboot fetch --only {NAME}` gets it (github.com/{REPOSITORY}"
            f"), or name a folder that holds the scripts, or a file of templates, in {TEXTS_ENV}"
        )
    return _templates(path, path.stat().st_mtime_ns)


@functools.cache
def _templates(path: Path, changed: int) -> Templates:
    return read_scripts(lambda where: _script(path, where)) if path.is_dir() else _read_file(path)


def _script(folder: Path, where: Place) -> str:
    path = folder / where.file
    if not path.is_file():
        raise DataError(f"{path}: no such script; put {where.url} there, or correct {TEXTS_ENV}")
    return path.read_text(encoding="utf-8")


def _read_file(path: Path) -> Templates:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = {row["id"]: row["template"] for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a list of objects with id and template ({error}); fetch {NAME} again") from None
    if missing := sorted(set(places()) - set(found)):
        raise DataError(f"{path}: text {missing[0]!r} is missing; fetch {NAME} again")
    return {name: _checked(where, found[name], str(path)) for name, where in places().items()}


def read_scripts(script: Callable[[Place], str]) -> Templates:
    """Every template out of the scripts' syntax trees; ``script`` gives the source that a place names."""
    first = {where.file: where for where in reversed(places().values())}
    sources = {file: script(where) for file, where in first.items()}
    return {
        name: _checked(where, template_at(sources[where.file], where.at, where.within, where.file), where.file)
        for name, where in places().items()
    }


def _checked(where: Place, template: str, source: str) -> str:
    actual = hashlib.sha256(template.encode()).hexdigest()
    if actual != where.sha256:
        raise DataError(
            f"{source}: text {where.id!r} hashes to {actual[:12]}…, data/paper_texts.toml says {where.sha256[:12]}…; "
            f"fetch {NAME} again at the pinned commit"
        )
    return template


def fetch_texts() -> Path:
    """Download the scripts at their commits, read the texts out of them, keep them; the file that holds them.

    Raises UnavailableError (no network, no pooch) and DataError (a script that is not what was pinned).
    """
    from selfboot.datasets.fetch import download

    found = read_scripts(lambda where: download(where.url, NAME, f"{FILE} to {data_folder()}"))
    path = data_folder() / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"id": name, "template": template} for name, template in found.items()]
    write_atomic(path, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    return path


def state() -> str:
    """here, missing, or damaged (as for the data sets)."""
    try:
        templates()
    except UnavailableError:
        return "missing"
    except DataError:
        return "damaged"
    return "here"


__all__ = ["NAME", "Place", "fetch_texts", "place", "places", "say", "state", "strings", "templates"]
