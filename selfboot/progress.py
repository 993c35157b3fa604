"""Progress of long work: who works reports through a ``Progress``; who shows it (pytest, the CLI) decides how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


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
