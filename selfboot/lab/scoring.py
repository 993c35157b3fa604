"""How the Lab grades what was drawn, and keeps it: programs by running their tests, answers by reading them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfboot import keys
from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.errors import DataError
from selfboot.formats import AnswerFormat, CodeFormat
from selfboot.formats.few_shot import FewShot
from selfboot.formats.paper import PaperAnswerFormat, PaperCodeFormat
from selfboot.formats.paper.reread import RereadAnswers, RereadCode
from selfboot.grading.scripts import grade_scripts, script_tests
from selfboot.keys import code_hash
from selfboot.lab.made import AnswerScore, Samples, Score
from selfboot.lab.provenance import machine, read_rows, versions, write_rows
from selfboot.progress import Progress, counter
from selfboot.records import CodeJob, Outcome
from selfboot.store import Artifact, Builder, RunStore, digest

if TYPE_CHECKING:
    from selfboot.grading.answers import AnswerGrader, AnswerOutcome
    from selfboot.grading.code import CodeGrader
    from selfboot.grading.pool import Limit


class Scoring:
    """A store, and graders that start when first needed.

    ``isolation`` is the grader's level ("auto": the strongest that the machine has), and no score of a weaker level is
    read in its place; ``graders`` are its processes. ``weights`` is noted in every score.
    """

    def __init__(self, store: RunStore, weights: str, isolation: str, graders: int | None, progress: Progress) -> None:
        self.store, self.weights, self.progress = store, weights, progress
        self.isolation, self.graders = isolation, graders
        self._grader: CodeGrader | None = None
        self._answers: AnswerGrader | None = None
        self._measured: dict[str, list[Limit]] = {}  # time limits by the hash of the benchmark

    @property
    def grader(self) -> CodeGrader:
        """The code grader, started when first needed."""
        if self._grader is None:
            from selfboot.grading.code import CodeGrader

            self._grader = CodeGrader(workers=self.graders, isolation=self.isolation)
            self._grader.__enter__()
        return self._grader

    @property
    def answers(self) -> AnswerGrader:
        """The answer grader, started when first needed."""
        if self._answers is None:
            from selfboot.grading.answers import AnswerGrader

            self._answers = AnswerGrader(workers=self.graders)
            self._answers.__enter__()
        return self._answers

    def end_graders(self) -> None:
        """End the graders' workers."""
        for grader in (self._grader, self._answers):
            if grader is not None:
                grader.__exit__(None, None, None)
        self._grader = self._answers = None

    def _graded(self, kind: str, key: Mapping[str, Any], build: Builder) -> Artifact:
        """An artifact that programs were graded for. The level asked for is part of its key, since what "auto" gets is
        known only once a grader has started. One that was asked for otherwise does as well if its manifest says that
        it got that level or a stricter one; for "auto": one that isolates."""
        from selfboot.grading.kernel import LEVELS

        known = ("auto", *LEVELS)
        if self.isolation not in known:
            raise DataError(f"isolation {self.isolation!r}: expected one of {', '.join(known)}")
        least = _strictness("kernel" if self.isolation == "auto" else self.isolation)
        for asked in dict.fromkeys((self.isolation, *known)):
            found = self.store.find(kind, {**key, "isolation": asked})
            if found is not None and (asked == self.isolation or _strictness(_level(found)) >= least):
                return found
        return self.store.get(kind, {**key, "isolation": self.isolation}, build)

    def _grade(
        self,
        bench: Benchmark,
        samples: Samples,
        programs: Sequence[Sequence[str]],
        timeout_s: float = 0.0,
        script: bool = False,
    ) -> Score:
        """``script``: by the paper's verdict, a process that ends with code 0."""
        key: dict[str, Any] = {
            "benchmark": bench.sha256,
            "programs": digest(programs),
            "code": code_hash(*keys.GRADING),
        }
        if script or timeout_s:
            key |= {"script": script and code_hash(*keys.SCRIPT_VERDICT), "timeout_s": timeout_s}

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            from selfboot.grading.code import limited
            from selfboot.grading.pool import Limit

            given = Limit(timeout_s, timeout_s) if timeout_s else None
            tests = script_tests if script and not bench.unittest else bench.tests  # a unittest stands by itself
            jobs = [
                limited(CodeJob(program, task.entry_point, tests(task)), given or limit)
                for task, row, limit in zip(bench.tasks, programs, self._limits(bench), strict=True)
                for program in row
            ]
            by_exit: list[int] = []
            if script:
                found = grade_scripts(self.grader, jobs, says_ok=bench.unittest)
                outcomes = iter([one.outcome for one in found])
                by_exit = [at for at, one in enumerate(found) if one.by_exit]
            else:
                grade = self.grader.grade_unittests if bench.unittest else self.grader.grade
                outcomes = iter(grade(jobs, counter(self.progress, f"grading {bench.name}", len(jobs))))
            write_rows(out / "outcomes.jsonl", [[asdict(next(outcomes)) for _ in row] for row in programs])
            write_rows(out / "programs.jsonl", programs)  # for the report: what exactly was graded
            return {
                "benchmark": bench.asked or bench.name,
                "weights": self.weights,
                "samples": samples.artifact.id,
                "grader": self.grader.manifest,
                "by_exit": by_exit,  # programs that count only because they end themselves before the tests
                "machine": machine(),
            }

        artifact = self._graded("score", key, build)
        rows = read_rows(artifact.text("outcomes.jsonl"))
        outcomes = tuple(tuple(Outcome(**o) for o in row) for row in rows)
        return Score(artifact, samples, tuple(task.task_id for task in bench.tasks), outcomes)

    def _limits(self, bench: Benchmark) -> Sequence[Limit | None]:
        """Time limits by task: by the canonical solutions where right programs may take long, else the grader's own."""
        if not bench.slow:
            return [None] * len(bench.tasks)
        if bench.sha256 not in self._measured:
            tasks = bench.tasks
            canonical = [CodeJob(t.prompt + t.canonical, t.entry_point, bench.tests(t)) for t in tasks]
            self._measured[bench.sha256] = self.grader.calibrate(canonical, slow=True)
        return self._measured[bench.sha256]

    def _grade_answers(self, bench: AnswerBenchmark, samples: Samples, form: AnswerFormat) -> AnswerScore:
        texts = [[c.text for c in row] for row in samples.completions]
        key = {
            "benchmark": bench.sha256,
            "texts": digest(texts),
            "style": form.style,
            "versions": versions("latex2sympy2_extended", "sympy"),
            "code": code_hash(*keys.ANSWERS),
        }

        def build(out: Path, work: Path) -> Mapping[str, Any]:
            pairs = [(text, task.answer) for task, row in zip(bench.tasks, texts, strict=True) for text in row]
            outcomes = iter(self.answers.grade(pairs, form.style))
            write_rows(out / "outcomes.jsonl", [[asdict(next(outcomes)) for _ in row] for row in texts])
            marks = {"benchmark": bench.asked or bench.name, "weights": self.weights, "style": form.style}
            return {**marks, "samples": samples.artifact.id, "machine": machine()}

        from selfboot.grading.answers import AnswerOutcome

        artifact = self.store.get("answer-score", key, build)
        rows = read_rows(artifact.text("outcomes.jsonl"))
        found = [[AnswerOutcome(**o) for o in row] for row in rows]
        outcomes = tuple(
            tuple(replace(o, passed=_right(form, o, text, task.answer)) for o, text in zip(row, said, strict=True))
            for task, row, said in zip(bench.tasks, found, texts, strict=True)
        )
        return AnswerScore(artifact, samples, tuple(task.task_id for task in bench.tasks), outcomes)


def by_script(form: CodeFormat) -> bool:
    """Is a program judged by the paper's verdict? Where the format reads as the paper does, with shots or without."""
    return by_script(form.inner) if isinstance(form, FewShot) else isinstance(form, PaperCodeFormat | RereadCode)


def _right(form: AnswerFormat, outcome: AnswerOutcome, text: str, gold: str) -> bool:
    """Does an answer count? By the paper's rule where the format has one, else by our grader's reading."""
    if isinstance(form, PaperAnswerFormat | RereadAnswers):
        return form.right(text, gold)
    return outcome.strict if form.strict else outcome.lenient


class OnDemand:
    """A grader that starts when it is first used: a miner of code needs no answer grader, and the other way round."""

    def __init__(self, start: Callable[[], Any]) -> None:
        self.start = start

    def grade(self, *args: Any) -> Any:
        return self.start().grade(*args)

    def grade_unittests(self, *args: Any) -> Any:
        return self.start().grade_unittests(*args)


def _level(artifact: Artifact) -> str:
    """How strictly an artifact's programs were graded: what its grader got; where none was started (a miner of answers,
    or of code that was graded before a kill), what was asked for."""
    return str(artifact.manifest["provenance"]["grader"].get("isolation") or artifact.manifest["key"]["isolation"])


def _strictness(level: str) -> int:
    """The order of isolation levels; one that promises nothing ("auto", "none") comes first."""
    from selfboot.grading.kernel import LEVELS

    return list(LEVELS).index(level) if level in LEVELS else -1
