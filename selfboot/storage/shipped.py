"""Files that come with selfboot (weights, tokenizers, tasks, pairs) are what was shipped, or an error.

Their hashes lie in the SHA256SUMS of their folder: lines of "sha256  name", as ``sha256sum`` writes them. Hashing is
remembered by a file's size and time of change.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from selfboot.errors import DataError
from selfboot.paths import DATA, FIXTURES, TASKS, remedy
from selfboot.storage.files import known_sha256

SUMS = "SHA256SUMS"
FOLDERS = (FIXTURES / "organism", *(TASKS / name for name in ("minieval", "minilib", "minimath")), DATA / "pairs")
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
POINTER = b"version https://git-lfs.github.com/spec/"


def check_shipped(path: Path) -> None:
    """DataError where ``path`` is one of ours and not what was shipped. Files that are not ours, or not there, pass."""
    path = path.resolve()
    home = next((folder for folder in FOLDERS if path.is_relative_to(folder)), None)
    if home is None or not path.is_file():
        return
    expected = sums(home).get(str(path.relative_to(home)))
    if expected is not None and known_sha256(path) != expected:
        check_pointer(path)
        raise DataError(
            f"{path}: not the file that was shipped ({home / SUMS} has its sha256, {expected[:16]}…); {remedy()}, "
            "or write the new hash there if the change is wanted"
        )


def check_pointer(path: Path) -> None:
    """DataError where the file is git-lfs's note of a file, not the file itself."""
    with path.open("rb") as file:
        if file.read(len(POINTER)) == POINTER:
            raise DataError(f"{path}: a git-lfs pointer, not the file itself; run `git lfs pull`")


def damaged() -> list[str]:
    """What of all that came with selfboot is missing or changed, one sentence each."""
    return [text for home in FOLDERS for text in _damaged(home)]


def _damaged(home: Path) -> Iterator[str]:
    try:
        names = sums(home)
    except DataError as error:
        yield str(error)
        return
    for path in (home / name for name in names):
        try:
            check_shipped(path)
            if not path.is_file():
                yield f"{path}: missing; {remedy()}"
        except (DataError, OSError) as error:
            yield str(error)


def sums(home: Path) -> dict[str, str]:
    """sha256 by name of a folder's files. DataError where there is no such list, or it cannot be read."""
    path = home / SUMS
    if not path.is_file():
        raise DataError(f"{path}: missing; {remedy()}")
    return _sums(path, path.stat().st_mtime_ns)


@functools.lru_cache
def _sums(path: Path, mtime_ns: int) -> dict[str, str]:
    found = [LINE.fullmatch(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    if not found or None in found:
        raise DataError(f"{path}: a line is no 'sha256  name'; {remedy()}")
    return {match[2]: match[1] for match in found if match}
