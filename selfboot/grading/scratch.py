"""Scratch folders of the graders: emptied between samples, and none left after any end of a grader.

A folder belongs to the process that holds its lock; the kernel lets go of the lock however that process ends. So every
start finds the folders of those that were killed, and removes them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import tempfile
import time
from pathlib import Path

PREFIX = "selfboot-grade-"
UNFINISHED = "selfboot-making-"  # has no lock yet
MOST_ARGUMENTS = 500  # of one command
MOST_DEPTH = 100  # of folders in folders
UNFINISHED_S = 60.0  # after that its maker was killed


class Scratch:
    """A folder of this process. Making one also removes those whose processes are gone."""

    def __init__(self) -> None:
        sweep()
        made = Path(tempfile.mkdtemp(prefix=UNFINISHED))
        self.lock = os.open(made, os.O_RDONLY)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.path = made.rename(made.with_name(made.name.replace(UNFINISHED, PREFIX, 1)))

    def remove(self) -> None:
        remove(self.path)
        os.close(self.lock)


def empty(folder: Path) -> None:
    """Remove what is in ``folder`` and give it back its mode. Raises ``OSError`` where something stays."""
    folder.chmod(0o700)
    entries = [os.fsencode(entry) for entry in folder.iterdir()]
    for start in range(0, len(entries), MOST_ARGUMENTS):
        some = entries[start : start + MOST_ARGUMENTS]
        run("chmod", b"-R", b"u+rwx", b"--", *[entry for entry in some if stat.S_ISDIR(os.lstat(entry).st_mode)])
        run("rm", b"-rf", b"--", *some)
    if any(folder.iterdir()):
        raise OSError(f"{folder}: something in it cannot be removed")


def run(command: str, *arguments: bytes) -> None:
    """The system's own tools: they manage any depth of folders, which Python's do not."""
    subprocess.run([command, *arguments], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def remove(folder: Path) -> None:
    """Remove ``folder`` and all in it; one that another process removes meanwhile is no fault."""
    with contextlib.suppress(OSError):
        empty(folder)
        folder.rmdir()


def sweep() -> None:
    """Remove the folders of graders that were killed. Those of other users, and those in use, stay."""
    for folder in Path(tempfile.gettempdir()).glob("selfboot-*"):
        if folder.name.startswith((PREFIX, UNFINISHED)) and abandoned(folder):
            remove(folder)


def abandoned(folder: Path) -> bool:
    try:
        if folder.name.startswith(UNFINISHED) and time.time() - folder.stat().st_mtime < UNFINISHED_S:
            return False
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(lock).st_uid == os.geteuid()
    except OSError:
        return False
    finally:
        os.close(lock)


def size(folder: Path, most_entries: int) -> tuple[int, int]:
    """Bytes and entries of a tree; stops counting at ``most_entries``.

    A folder that is too deep or cannot be read counts as ``most_entries``.
    """
    total, entries, waiting = 0, 0, [(str(folder), 0)]
    while waiting and entries < most_entries:
        path, depth = waiting.pop()
        try:
            with os.scandir(path) as found:
                for entry in found:
                    entries += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, depth + 1))
        except FileNotFoundError:  # removed meanwhile
            continue
        except OSError:
            return total, most_entries
        if depth > MOST_DEPTH:
            return total, most_entries
    return total, entries
