"""TOML tables as dataclasses, read strictly: a missing, unknown or mistyped key is one line with its remedy."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from selfboot.errors import DataError
from selfboot.paths import ROOT, require

T = TypeVar("T")
WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def read(path: Path, what: str) -> dict[str, dict[str, Any]]:
    """The tables of a TOML file. DataError where it is missing, no TOML, or holds a value outside of a table."""
    try:
        found = tomllib.loads(require(path, what).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{shown(path)}: {error}; correct it there") from None
    for name, table in found.items():
        if not isinstance(table, dict):
            raise DataError(f"{shown(path)}: {name} = {table!r} stands in no table; move it under a [name]")
    return found


def shown(path: Path) -> str:
    """A path as messages show it: from the checkout's root, where it lies in it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def build(cls: type[T], where: str, table: Mapping[str, Any], complete: bool = False) -> T:
    """``table`` as a ``cls``, lists as tuples. ``complete``: every field has to be there, also one with a default."""
    if not isinstance(table, Mapping):
        raise DataError(f"{where}: {table!r} is no table; write [name] and its keys")
    known = {one.name: one for one in fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            raise DataError(f"{where}: unknown key {key!r}; {f'write {close[0]!r}' if close else _known(known)}")
    for name, one in known.items():
        has_default = one.default is not MISSING or one.default_factory is not MISSING
        if name not in table and (complete or not has_default):
            raise DataError(f"{where}: key {name!r} is missing; write all of: {', '.join(known)}")
    hints = get_type_hints(cls)
    for key, value in table.items():
        if wanted := _unlike(value, hints[key]):
            raise DataError(f"{where}: {key} = {value!r}; write {wanted}")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def _known(known: Mapping[str, Any]) -> str:
    return f"known: {', '.join(known)}"


def _unlike(value: Any, hint: Any) -> str:
    """What a value should have been; "" where it fits its type (types that no TOML file has fit)."""
    if get_origin(hint) is Literal:
        return "" if value in get_args(hint) else f"one of {', '.join(map(repr, get_args(hint)))}"
    if get_origin(hint) is tuple:
        fits = isinstance(value, list | tuple) and not any(_unlike(one, get_args(hint)[0]) for one in value)
        return "" if fits else f"a list, each {WORDS.get(get_args(hint)[0], 'a value')}"
    if get_origin(hint) is Mapping:
        return "" if isinstance(value, Mapping) else "a table: {} or { name = … }"
    if hint is float:
        return "" if isinstance(value, int | float) and not isinstance(value, bool) else WORDS[float]
    if hint in WORDS:
        return "" if type(value) is hint else WORDS[hint]
    return ""
