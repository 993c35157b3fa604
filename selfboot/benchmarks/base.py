"""A benchmark is a name, its tasks and the hash of both; ``load_benchmark`` and ``load_answers`` find it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from selfboot.errors import DataError
from selfboot.records import AnswerTask, CodeTask
from selfboot.storage.shipped import check_shipped
from selfboot.store import digest

T = TypeVar("T")
PART_SYNTAX = ":N for the first N tasks, or ::N for every N-th (::N:K from the one with number K on, 0 is the first)"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark of programming tasks. ``tests(task)`` is the source that judges a program for it.

    ``format`` is the code format it is usually put in. ``unittest``: the tests are unittest cases that need the
    program's real objects (``CodeGrader.grade_unittests``). ``tokens``: how long a completion may get, unless said.
    """

    name: str
    tasks: tuple[CodeTask, ...]
    plus: bool = False  # judge with the extra hidden tests as well
    format: str = "chat"
    tokens: int = 400
    unittest: bool = False
    slow: bool = False  # right programs may need longer than the grader's default: time-outs by the canonical solutions
    asked: str = ""  # the name it was loaded by, with the part of it
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", digest([self.name, self.plus, self.tasks]))

    def tests(self, task: CodeTask) -> str:
        """The test program: statements that call the task's function by name."""
        return "\n".join(task.tests + (task.plus_tests if self.plus else ()))


@dataclass(frozen=True)
class AnswerBenchmark:
    """A benchmark of problems with one final answer. ``format`` is the answer format it is usually put in, ``tokens``
    how long a completion may get, unless said."""

    name: str
    tasks: tuple[AnswerTask, ...]
    format: str = "gsm8k"
    tokens: int = 400
    asked: str = ""  # the name it was loaded by, with the part of it
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", digest([self.name, self.tasks]))


_LOADERS = {
    "minieval": "selfboot.benchmarks.minieval",
    "minieval-dev": "selfboot.benchmarks.minieval",
    "minieval-plus": "selfboot.benchmarks.minieval",
    "minilib": "selfboot.benchmarks.minilib",
    "miniseeds": "selfboot.benchmarks.miniseeds",
    "miniseeds-functions": "selfboot.benchmarks.miniseeds",
    "humaneval": "selfboot.benchmarks.humaneval",
    "humaneval-plus": "selfboot.benchmarks.humaneval_plus",
    "bigcodebench-hard": "selfboot.benchmarks.bigcodebench",
    "gsm8k": "selfboot.benchmarks.gsm8k",
    "gsm8k-train": "selfboot.benchmarks.gsm8k",
    "math500": "selfboot.benchmarks.math500",
    "math-train": "selfboot.benchmarks.math500",
    "aime": "selfboot.benchmarks.aime",
    "mbpp": "selfboot.benchmarks.mbpp",
    "mbpp-train": "selfboot.benchmarks.mbpp",
    "mbpp-train-functions": "selfboot.benchmarks.mbpp",
    "mbpp-full-train": "selfboot.benchmarks.paper_seeds",
    "math-train-shuffled": "selfboot.benchmarks.paper_seeds",
    "minimath": "selfboot.benchmarks.minimath",
    "minimath-hard": "selfboot.benchmarks.minimath",
    "minimath-dev": "selfboot.benchmarks.minimath",
    "minimath-train": "selfboot.benchmarks.minimath",
}


def load_benchmark(name: str) -> Benchmark:
    """The code benchmark called ``name``; ``name:200`` is its first 200 tasks, ``name::4`` every fourth
    one, ``name::4:1`` every fourth one from the second on.

    Raises DataError for an unknown name or damaged data, UnavailableError where a data set is not on this machine.
    """
    found = load_any(name)
    if not isinstance(found, Benchmark):
        raise DataError(f"benchmark {name!r} asks for answers, not for programs; evaluate it with `evaluate_answers`")
    return found


def load_answers(name: str) -> AnswerBenchmark:
    """The answer benchmark called ``name``; names and errors as for ``load_benchmark``."""
    found = load_any(name)
    if not isinstance(found, AnswerBenchmark):
        raise DataError(f"benchmark {name!r} asks for programs, not for answers; evaluate it with `evaluate`")
    return found


def load_any(name: str) -> Benchmark | AnswerBenchmark:
    """The benchmark called ``name``, of either kind; names and errors as for ``load_benchmark``."""
    whole, part = check_name(name)
    loader: Callable[[str], Benchmark | AnswerBenchmark] = importlib.import_module(_LOADERS[whole]).load
    found = loader(whole)
    some: Any = found.tasks[part]
    if not some:
        raise DataError(f"benchmark {name!r}: no task is left, {whole} has {len(found.tasks)}; ask for a larger part")
    return replace(found, tasks=some, asked=name)


def check_name(name: str, where: str = "") -> tuple[str, slice]:
    """A benchmark's own name and the part that is asked for; DataError, with ``where`` it stands, if there is none."""
    whole, part = split_name(name)
    if whole not in _LOADERS:
        place = f"{where}: " if where else ""
        raise DataError(f"{place}unknown benchmark {name!r}; known: {', '.join(sorted(_LOADERS))}")
    return whole, part


def split_name(name: str) -> tuple[str, slice]:
    """A benchmark's own name and the part of it that is asked for; DataError where that is no number."""
    whole, *numbers = name.split(":")
    if len(numbers) > 3 or any(n and not (n.isascii() and n.isdigit()) for n in numbers):
        raise DataError(f"benchmark {name!r}: after the name goes {PART_SYNTAX}")
    stop, step, start = (int(n) if n else None for n in [*numbers, "", "", ""][:3])
    if 0 in (stop, step):
        raise DataError(f"benchmark {name!r}: after the name goes {PART_SYNTAX}")
    return whole, slice(start, stop, step)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file; DataError with file and line for anything else, and where a file of ours is not
    the one that was shipped."""
    check_shipped(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines: JSON text may hold U+0085
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path (a fresh checkout has all of data/)") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error}); fetch or export the file again") from None
    return [_object(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def read_rows(path: Path, task: Callable[[dict[str, Any]], T]) -> tuple[T, ...]:
    """``task`` of every row of a JSON Lines file; DataError with file and line where a row lacks a field."""
    tasks = []
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            tasks.append(task(row))
        except KeyError as error:
            raise DataError(
                f"{path}:{number}: field {error} is missing; restore the file from the repository"
            ) from None
    return tuple(tasks)


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}:{number}: not JSON ({error}); the file is cut or damaged, restore it") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}:{number}: expected an object, found {type(value).__name__}")
    return value
