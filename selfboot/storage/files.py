"""Files that are whole or not there: hashes, atomic writing, and half-done work under a seal.

A sealed file is a line with a sha256, and then what was written. The hash is taken over the file's own name and its
folder's too, so that neither a flipped byte, nor a cut, nor a file of another piece of work passes for the right one.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from threading import get_ident
from typing import Any

from selfboot.errors import StoreError


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, dataclasses as dicts. Floats keep their shortest exact form."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        raise TypeError(f"a path has no place in a key: {value} (hash the content instead)")
    raise TypeError(f"cannot be part of a key: {value!r} ({type(value).__name__})")


def digest(value: Any) -> str:
    """sha256 (hex) of ``canonical_json(value)``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """The same, remembered by path, size and time of change."""
    stat = path.stat()
    return _known_sha256(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _known_sha256(path: str, size: int, mtime_ns: int) -> str:
    """Big files' (weights of many GB) are remembered across processes, in the user's cache folder."""
    if size < 64 << 20:
        return file_sha256(Path(path))
    from platformdirs import user_cache_path

    note = user_cache_path("selfboot") / "sha256" / digest([path, size, mtime_ns])
    if known := read_sealed(note):
        return known.decode()
    value = file_sha256(Path(path))
    with suppress(OSError, StoreError):  # only a short cut: without a writable folder it is hashed again next time
        note.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(note, value.encode())
    return value


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a whole file or nothing: temporary sibling, flush to disk, rename."""
    write_together({path: data})


def write_together(contents: Mapping[Path, str | bytes]) -> None:
    """Write several files that belong together: all are on the disk before the first takes its place."""
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.tmp") for path in contents}
    path = next(iter(contents))
    try:
        for path, data in contents.items():
            _write(temporary[path], data.encode() if isinstance(data, str) else data)
        for path, written in temporary.items():
            written.replace(path)
    except OSError as error:
        raise explain(error, path) from error
    finally:
        for left in temporary.values():
            with suppress(OSError):  # there is none, or no folder
                left.unlink()


def _write(path: Path, payload: bytes) -> None:
    with path.open("wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())


def copy_folder(source: Path, out: Path, last: str) -> None:
    """A copy of a folder's files at ``out``, where others may lie: whole, or as it was before. ``last``: the file
    that says that the others are there. StoreError when it cannot be written."""
    half = out.with_name(f".{out.name}.{os.getpid()}.half")
    try:
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(source, half)
        if out.exists():
            replace_files(half, out, last)
        else:
            half.rename(out)
    except OSError as error:  # shutil's own gathers those of several files
        raise explain(error, out) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def replace_files(new: Path, old: Path, last: str) -> None:
    """Put the files of ``new`` in the place of the old ones, one by one, ``last`` at the end: whoever reads meanwhile
    finds a whole file under every name."""
    names = [file.relative_to(new) for file in sorted(new.rglob("*")) if file.is_file()]
    for name in sorted(names, key=lambda name: str(name) == last):
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (new / name).replace(old / name)


def explain(error: OSError, path: Path) -> StoreError:
    """An operating-system error on the store, or on an output, as one sentence with its remedy."""
    number = error.errno or next((n for n in (errno.ENOSPC, errno.EDQUOT) if os.strerror(n) in str(error)), 0)
    remedy = {
        errno.ENOSPC: "the disk is full: free some space or name another place with --store or --out; finished work "
        "is kept",
        errno.EDQUOT: "the disk quota is used up: free some space or name another place with --store or --out",
        errno.EROFS: "the file system is read-only: name a writable place with --store (or SELFBOOT_STORE) or --out",
        errno.EACCES: "no permission to write there: name a writable place with --store (or SELFBOOT_STORE) or --out",
        errno.ENOTDIR: "a file stands where a folder is needed: name another place with --store or --out",
        errno.EEXIST: "a file stands where a folder is needed: name another place with --store or --out",
    }.get(number, "check the disk, or name another place with --store or --out")
    return StoreError(f"{path}: {os.strerror(number) if number else error}; {remedy}")


# Half-done work


def write_sealed(path: Path, payload: bytes) -> None:
    """Keep a piece of half-done work, whole or not at all, under a seal that says whose it is."""
    write_atomic(path, _seal(path, payload) + b"\n" + payload)


def read_sealed(path: Path) -> bytes | None:
    """What ``write_sealed`` left at ``path``; None where nothing is, or where it is damaged: then it is set aside,
    with a warning, and whoever asked does the work again. StoreError when the disk cannot be read."""
    try:
        seal, _, payload = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        seal = payload = b""
    except OSError as error:
        raise explain(error, path) from error
    if seal == _seal(path, payload):
        return payload
    set_aside(path, path.with_name(f"{path.name}.damaged-{time.time_ns()}"), "half-done work")
    return None


def _seal(path: Path, payload: bytes) -> bytes:
    whose = f"{path.parent.name}/{path.name}\n".encode()
    return hashlib.sha256(whose + payload).hexdigest().encode()


def set_aside(path: Path, target: Path, what: str, why: str = "it does not hash to its own sha256") -> None:
    """Move what is damaged out of the way, loudly. StoreError when that cannot be done."""
    warnings.warn(f"store: {what} {path} is damaged: {why}; moved to {target}, made anew", stacklevel=4)
    try:
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    except FileNotFoundError:
        pass  # it has just been deleted
    except OSError as error:
        raise explain(error, path) from error
