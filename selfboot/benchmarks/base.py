"""A benchmark is a name, its tasks and the hash of both; ``load_benchmark`` finds it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfboot.errors import DataError
from selfboot.records import CodeTask
from selfboot.store import digest


@dataclass(frozen=True)
class Benchmark:
    """A benchmark of programming tasks. ``tests(task)`` is the source that judges a program for it."""

    name: str
    tasks: tuple[CodeTask, ...]
    plus: bool = False  # judge with the extra hidden tests as well
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", digest([self.name, self.plus, self.tasks]))

    def tests(self, task: CodeTask) -> str:
        """The test program: statements that call the task's function by name."""
        return "\n".join(task.tests + (task.plus_tests if self.plus else ()))


_LOADERS = {
    "minieval": "selfboot.benchmarks.minieval",
    "minieval-dev": "selfboot.benchmarks.minieval",
    "minieval-plus": "selfboot.benchmarks.minieval",
    "humaneval": "selfboot.benchmarks.humaneval",
}


def load_benchmark(name: str) -> Benchmark:
    """The benchmark called ``name``. Raises DataError for an unknown name or damaged data."""
    if name not in _LOADERS:
        raise DataError(f"unknown benchmark {name!r}; known: {', '.join(sorted(_LOADERS))}")
    loader: Callable[[str], Benchmark] = importlib.import_module(_LOADERS[name]).load
    return loader(name)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file; DataError with file and line for anything else."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines: JSON text may hold U+0085
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path (a fresh checkout has all of data/)") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error}); fetch or export the file again") from None
    return [_object(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}:{number}: not JSON ({error}); the file is cut or damaged, restore it") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}:{number}: expected an object, found {type(value).__name__}")
    return value
