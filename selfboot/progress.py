"""Progress of long work: who works reports through a ``Progress``; who shows it (pytest, the CLI) decides how."""

from __future__ import annotations

import codecs
import json
import os
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

# What the libraries say to each other of what will change (pytest.ini has the same): nothing that a user can mend.
SILENCED = (
    (".past_key_values. is deprecated", FutureWarning),
    (".is_gradient_checkpointing. is deprecated", FutureWarning),
    (".torch.jit.script", DeprecationWarning),
)


def silence_warnings() -> None:
    """Keep such words off the terminal of a command line, in this process, and say every other warning in one line."""
    for message, category in SILENCED:
        warnings.filterwarnings("ignore", message, category)
    warnings.formatwarning = lambda message, *_, **__: f"selfboot: {message}\n"


# What we print beyond ASCII, for terminals that know no more.
PLAIN = str.maketrans({
    "━": "#", "╌": "-", "●": "*", "○": "o", "→": "->", "…": "...", "–": "-", "−": "-", "×": "x", "·": ".", "±": "+-",
    "≤": "<=", "≥": ">=", "“": '"', "”": '"', "’": "'", "§": "section ", "│": "|", "─": "-",
})  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end].translate(PLAIN)
    return found.encode("ascii", "replace").decode(), error.end


codecs.register_error("selfboot", _plain)


def tolerate(*streams: Any) -> None:
    """Let streams write what their encoding lacks in ASCII, instead of failing."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="selfboot")


class Progress(Protocol):
    """Told what is being done and how far it is."""

    def update(self, what: str, done: int, total: int) -> None: ...


class Silent:
    """Shows nothing."""

    def update(self, what: str, done: int, total: int) -> None:
        pass


def counter(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    """A callback that is given how many are done so far."""
    return lambda done: progress.update(what, done, total)


class ProgressFolder:
    """Writes this process's state to ``folder/<pid>.json``, at most three times a second; ``watch_folder`` shows it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / f"{os.getpid()}.json"
        self.last = 0.0

    def update(self, what: str, done: int, total: int) -> None:
        if done < total and time.monotonic() - self.last < 0.3:
            return
        self.last = time.monotonic()
        with suppress(OSError):  # only shown: where the disk is full, the store says so
            self.file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.file.with_suffix(".tmp")
            temporary.write_text(json.dumps([what, done, total]))
            temporary.replace(self.file)


def watch_folder(folder: Path, out: IO[str], stop: threading.Event, every: float = 5.0) -> None:
    """Every few seconds a line with a bar for each process that reported since; ends when ``stop`` is set."""
    shown: dict[Path, str] = {}
    started = time.time()
    while not stop.wait(every):
        for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            line = _line(file, started)
            if line and shown.get(file) != line:
                shown[file] = line
                out.write(f"\n  {line}")
                out.flush()


def _line(file: Path, since: float) -> str | None:
    try:
        if file.stat().st_mtime < since:
            file.unlink()
            return None
        what, done, total = json.loads(file.read_text())
    except (OSError, ValueError):
        return None  # just being replaced, or its process ended
    if done >= total:
        return None
    full = int(24 * done / total)
    return f"{'━' * full}{'╌' * (24 - full)} {done:>4}/{total:<4} {what}"
