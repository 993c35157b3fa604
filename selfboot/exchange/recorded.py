"""Completions that someone else recorded, graded by our graders and kept in the run store as our own are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, load_any, split_name
from selfboot.errors import DataError
from selfboot.formats import answer_format, code_format
from selfboot.grading.sample_file import Row, Sample, by_task, is_artifact, sample_rows
from selfboot.grading.samples import program
from selfboot.grading.tasks import load_tasks
from selfboot.judging.results import REPLAYED
from selfboot.lab import AnswerScore, Lab, Samples, Score, by_script, write_rows
from selfboot.records import Completion
from selfboot.store import digest

TOLERANT = {"": "raw-tolerant", "raw": "raw-tolerant"}  # else chat-tolerant, which reads any text


@dataclass(frozen=True)
class Source:
    """Where completions come from: a ``path`` that `selfboot grade` reads too, or ``rows`` of an export of ours.

    ``own``: this suite drew them, so they are read as the claim reads, unless another format is asked for.
    """

    name: str
    path: Path | None = None
    rows: tuple[Row, ...] = ()

    @property
    def own(self) -> bool:
        return self.path is None or is_artifact(self.path)

    def samples(self, bench: Benchmark | AnswerBenchmark) -> dict[str, list[Sample]]:
        """The completions of every task. DataError where a task has none."""
        ids = [task.task_id for task in bench.tasks]
        known = ids if self.own else [task.task_id for task in load_any(_whole(bench)).tasks]
        rows = self.rows if self.path is None else sample_rows(self.path, known)
        found = by_task(rows, known)
        if missing := [task_id for task_id in ids if task_id not in found]:
            raise DataError(
                f"{self.name}: {len(missing)} of the {len(ids)} tasks of {bench.asked} have no sample, the first being"
                f" {missing[0]!r}; a verdict needs every task: add the missing ones"
            )
        return {task_id: found[task_id] for task_id in ids}


def _whole(bench: Benchmark | AnswerBenchmark) -> str:
    return split_name(bench.asked or bench.name)[0]


class RecordingLab(Lab):
    """A Lab that grades what it did not draw."""

    def __enter__(self) -> RecordingLab:
        return self

    def score(
        self,
        benchmark: str,
        source: Source,
        format: str = "",
        *,
        draws: int = 0,
        timeout_s: float = 0.0,
    ) -> Score | AnswerScore:
        """The score of recorded completions on a benchmark, read in ``format`` ("": as continuations of the prompt, of
        answers as the benchmark's own). ``draws``: so many a task are taken (0: all). DataError for too few."""
        bench = load_any(benchmark)
        found = {task_id: _some(source, task_id, row, draws) for task_id, row in source.samples(bench).items()}
        samples = self._recorded([[one.text for one in row] for row in found.values()], source)
        if isinstance(bench, AnswerBenchmark):
            return self._grade_answers(bench, samples, answer_format(format or bench.format))
        script = bool(format) and by_script(code_format(format))
        return self._grade(bench, samples, _programs(bench, found, source, format), timeout_s, script)

    def _recorded(self, texts: Sequence[Sequence[str]], source: Source) -> Samples:
        """The completions as an artifact: what is not known of them is left empty."""
        rows = [[Completion(text, 0, "", _hash(text)) for text in row] for row in texts]

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            write_rows(out / "completions.jsonl", [[vars(one) for one in row] for row in rows])
            return {"recorded": Path(source.name).name, "weights": REPLAYED}

        return Samples(self.store.get("samples", {"recorded": digest(texts)}, build), tuple(map(tuple, rows)))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _some(source: Source, task_id: str, row: Sequence[Sample], draws: int) -> Sequence[Sample]:
    if len(row) < draws:
        raise DataError(f"{source.name}: {task_id} has {len(row)} completions, the arm takes {draws}; add the others")
    return row[: draws or None]


def _programs(bench: Benchmark, found: Mapping[str, Sequence[Sample]], source: Source, format: str) -> list[list[str]]:
    """What is graded: of our own completions as the Lab reads them, of others' as `selfboot grade` does."""
    if source.own:
        form = code_format(format or bench.format)
        return [[form.program(task, one.text) for one in found[task.task_id]] for task in bench.tasks]
    tasks = load_tasks(_whole(bench))
    return [[program(tasks[task_id], one, format) for one in row] for task_id, row in found.items()]


def tolerant(format: str) -> str:
    """The format that forgives the form of what ``format`` reads."""
    return TOLERANT.get(format, "chat-tolerant")
