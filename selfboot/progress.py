"""Progress of long work: who works reports through a ``Progress``; who shows it (pytest, the CLI) decides how."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

PLAN = "plan.json"
PRIOR = 60.0  # seconds of work that are taken to go as planned
QUIET_S = 300.0  # between two plain lines
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
    """Writes this process's state to ``folder/<pid>.json``, at most three times a second; a ``Board`` shows it.

    ``case``: the claim's case that the work is for.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / f"{os.getpid()}.json"
        self.case, self.last = "", 0.0

    def begin(self, case: str) -> None:
        """From now on the work is for ``case``; "" for none."""
        self.case = case
        self._write([case, "", 0, 0] if case else None)

    def update(self, what: str, done: int, total: int) -> None:
        if done < total and time.monotonic() - self.last < 0.3:
            return
        self.last = time.monotonic()
        self._write([self.case, what, done, total])

    def plan(self, cases: Mapping[str, float]) -> None:
        """What this session will do: the expected seconds of every case. All its processes say the same."""
        self._write(dict(cases), self.file.with_name(PLAN))

    def _write(self, state: Any, file: Path | None = None) -> None:
        file = file or self.file
        with suppress(OSError):  # only shown: where the disk is full, the store says so
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f"{os.getpid()}-{threading.get_ident()}.tmp")  # one thread draws, another grades
            temporary.write_text(json.dumps(state))
            temporary.replace(file)


class Board:
    """How far a session is, in words: how many of its cases are done, how long the rest will take, what runs.

    ``folder``: where its processes (``workers`` at once) write their states and the plan.
    """

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self.folder, self.workers = folder, workers
        self.finished: dict[str, float] = {}  # seconds that each case took
        self._plan: dict[str, float] = {}

    @property
    def plan(self) -> dict[str, float]:
        """Expected seconds by case; empty until a process has said them."""
        if not self._plan:
            self._plan = self._read(self.folder / PLAN) or {}
        return self._plan

    def left_s(self) -> float:
        """Seconds until all is done: the plan's, corrected by what the finished cases took. The first minute counts as
        planned, so that a quick first case does not promise too much."""
        took, expected = sum(self.finished.values()), sum(self.plan.get(case, 0.0) for case in self.finished)
        waiting = [seconds for case, seconds in self.plan.items() if case not in self.finished]
        rest = max(sum(waiting) / self.workers, max(waiting, default=0.0))
        return rest * (took + PRIOR) / (expected + PRIOR)

    def line(self) -> str:
        """Everything in one line; "" before there is a plan."""
        return " | ".join([self.head(), *self._running()]) if self.plan else ""

    def head(self) -> str:
        """How many are done, and the time left."""
        ended = sum(case in self.finished for case in self.plan)
        done = f"{ended} of {len(self.plan)} claims done"
        return done if ended == len(self.plan) else f"{done}, about {duration(self.left_s())} left"

    def _running(self) -> Iterator[str]:
        """What each process does."""
        files = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []
        for state in [self._read(file) for file in files if file.name != PLAN]:
            if state and state[0] not in self.finished:
                case, what, done, total = state
                yield f"{case}: {what} {done}/{total}" if total else str(case)

    def _read(self, file: Path) -> Any:
        """A state; None where it is just being replaced, or nobody has written it."""
        try:
            return json.loads(file.read_text())
        except (OSError, ValueError):
            return None


def duration(seconds: float) -> str:
    """A time that is only known roughly."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Display:
    """Shows a Board: in a terminal as one line that is rewritten, elsewhere as a plain line every few minutes.

    ``out``: the terminal, or a file. ``say`` writes a line that stays; it must be called by one thread alone.
    """

    def __init__(self, board: Board, out: IO[str], say: Callable[[str], None]) -> None:
        self.board, self.out, self._say = board, out, say
        self.live = out.isatty()
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def say(self, text: str) -> None:
        """A line that stays, above the one that is rewritten."""
        with self.lock:
            self._erase()
            self._say(text)

    def close(self) -> None:
        """End, and leave nothing behind."""
        self.stop.set()
        if self.thread.is_alive():
            self.thread.join(5)
        with self.lock:
            self._erase()

    def _run(self) -> None:
        while not self.stop.wait(1.0 if self.live else QUIET_S):
            with self.lock:
                self._show(self.board.line())

    def _show(self, line: str) -> None:
        if not line or self.stop.is_set():
            return
        if self.live:
            self.out.write(f"\r\x1b[2K{line[: shutil.get_terminal_size().columns - 1]}")
        else:
            self.out.write(f"\n{line}\n")
        self.out.flush()

    def _erase(self) -> None:
        if self.live:
            self.out.write("\r\x1b[2K")
            self.out.flush()
