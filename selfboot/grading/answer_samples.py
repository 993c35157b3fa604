"""Grading a file of worked answers: of GSM8K, MATH-500, AIME and MiniMath.

    graded = grade_answer_samples(Path("answers.jsonl"), "gsm8k")
    graded.pass_at_k[1], graded.outcomes["gsm8k/0"]

A sample is ``{"task_id": "gsm8k/0", "completion": "… #### 18"}``; ids count from 0 in the data set's order (AIME: its
own), and the number alone will do. The score counts the reading that the benchmark's format counts (formats/).
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from selfboot.analysis.pass_at_k import mean_pass_at_k
from selfboot.benchmarks.base import AnswerBenchmark, load_answers
from selfboot.errors import DataError
from selfboot.formats import answer_format
from selfboot.grading.answers import AnswerGrader, AnswerOutcome
from selfboot.grading.sample_file import grades_path, read_samples, refuse_gaps, samples_sha256
from selfboot.grading.tasks import read_rows
from selfboot.store import write_atomic

LOADERS = {
    "gsm8k": "selfboot.benchmarks.gsm8k",
    "math500": "selfboot.benchmarks.math500",
    "aime": "selfboot.benchmarks.aime",
}
ANSWER_BENCHMARKS = (*LOADERS, "minimath")


@dataclass(frozen=True)
class GradedAnswers:
    """Outcomes of every sample, by task and in the file's order; ``passed`` is the reading that counts."""

    benchmark: str
    format: str
    outcomes: dict[str, tuple[AnswerOutcome, ...]]
    pass_at_k: dict[int, float]
    path: Path


def grade_answer_samples(
    samples: Path,
    benchmark: str,
    data: Path | None = None,
    k: Sequence[int] = (1,),
    workers: int | None = None,
    allow_missing: bool = False,
    out: Path | None = None,
    format: str = "",
) -> GradedAnswers:
    """Grade a file of answers; every outcome, both readings of it, goes to ``out`` (default ``SAMPLES.grades.json``).

    ``data``: the benchmark's own file; ``format``: an answer format's name (default: the benchmark's). Raises
    ``DataError`` (as grade_samples) and ``UnavailableError`` (data, symbolic checker).
    """
    path, bench = grades_path(samples, out), _benchmark(benchmark, data)
    form = answer_format(format or bench.format)
    golds = {task.task_id: task.answer for task in bench.tasks}
    found = read_samples(samples, golds)
    refuse_gaps(samples, golds, found, k, allow_missing)
    pairs = [(one.text, golds[task_id]) for task_id, row in found.items() for one in row]
    with AnswerGrader(workers=workers) as grader:
        given = iter(grader.grade(pairs, form.style))
    rows = {task_id: [next(given) for _ in row] for task_id, row in found.items()}
    outcomes = {
        task_id: tuple(replace(one, passed=one.strict if form.strict else one.lenient) for one in row)
        for task_id, row in rows.items()
    }
    counts = [(len(row), sum(one.passed for one in row)) for row in outcomes.values()]
    graded = GradedAnswers(benchmark, form.name, outcomes, {each: mean_pass_at_k(counts, each) for each in k}, path)
    write_atomic(path, _table(graded, samples))
    return graded


def _benchmark(name: str, data: Path | None) -> AnswerBenchmark:
    if data is None:
        return load_answers(name)
    if name not in LOADERS:
        raise DataError(f"--data {data}: {name} comes with the suite; leave --data out")
    try:
        found: AnswerBenchmark = importlib.import_module(LOADERS[name]).load(name, list(read_rows(data)))
    except KeyError as error:
        raise DataError(f"{data}: a task lacks {error}; is it the file of {name}?") from None
    return found


def _table(graded: GradedAnswers, samples: Path) -> str:
    table = {
        "benchmark": graded.benchmark,
        "format": graded.format,
        "samples": samples.name,
        "samples_sha256": samples_sha256(samples),
        "pass@k": {str(k): value for k, value in graded.pass_at_k.items()},
        "tasks": {task_id: [asdict(one) for one in row] for task_id, row in graded.outcomes.items()},
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"
