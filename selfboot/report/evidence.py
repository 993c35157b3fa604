"""What verdicts rest on, read back from the run store: scores with every attempt, and manifests of adapters and pairs.

Nothing is run and nothing is graded here. What is not there any more (a store that was cleaned up, an artifact of an
older version) is said in ``notes``, never made up.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from selfboot.analysis.failures import PASSED, UNKNOWN, classify, classify_answer, tally
from selfboot.benchmarks.base import load_answers, load_benchmark
from selfboot.errors import SelfbootError
from selfboot.records import AnswerTask, CodeTask, Outcome, Status
from selfboot.storage.manifest import NAME as MANIFEST
from selfboot.storage.manifest import Damaged, parse_manifest
from selfboot.store import Artifact

SCORES = ("score", "answer-score")
Judged = tuple[CodeTask | AnswerTask, str]  # a task and what judges it, as text


@dataclass(frozen=True)
class Attempt:
    """One completion, the program that was graded (code only), its outcome and its class (failures.py)."""

    completion: str
    program: str
    status: str
    detail: str
    kind: str
    finish: str = ""


@dataclass(frozen=True)
class Task:
    """A task as asked: ``prompt`` is the rendered one where the store has it, ``tests`` what judged the answer."""

    id: str
    prompt: str
    tests: str


@dataclass(frozen=True)
class Scored:
    """A score artifact with all that it consists of: ``attempts[task][sample]``."""

    id: str
    benchmark: str
    model: str
    tasks: tuple[Task, ...]
    attempts: tuple[tuple[Attempt, ...], ...]
    manifests: tuple[dict[str, Any], ...] = ()  # the score's own and its samples'

    @property
    def n(self) -> int:
        return len(self.attempts)

    @property
    def draws(self) -> int:
        """Completions a task."""
        return max((len(row) for row in self.attempts), default=0)

    @cached_property
    def flags(self) -> list[bool]:
        """Per task: did the first completion pass?"""
        return [row[0].status == "passed" for row in self.attempts]

    @property
    def solved(self) -> int:
        return sum(self.flags)

    @cached_property
    def passes(self) -> list[int]:
        """Per task: how many completions pass."""
        return [sum(a.status == "passed" for a in row) for row in self.attempts]

    @cached_property
    def kinds(self) -> list[str]:
        """Per task: the class of the first completion."""
        return [row[0].kind for row in self.attempts]

    @property
    def ended(self) -> int:
        """Tasks whose first completion ended by itself, or at a stop string, before the length limit."""
        return sum(row[0].finish in ("eos", "stop") for row in self.attempts)

    @cached_property
    def tally(self) -> dict[str, int]:
        """Classes of the first completions."""
        return tally(self.kinds)


@dataclass
class Shelf:
    """Reads artifacts under a store's root, each once. ``notes``: what could not be read, for the reader of the report.

    Artifacts are found by kind and id; what is damaged is not shown. ``strange``: benchmarks that are not as they were.
    """

    root: Path
    notes: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    _manifests: dict[tuple[str, str], dict[str, Any] | None] = field(default_factory=dict)
    _scores: dict[str, Scored | None] = field(default_factory=dict)
    _benchmarks: dict[tuple[str, str], list[Judged]] = field(default_factory=dict)

    def manifest(self, kind: str, id: str) -> dict[str, Any] | None:
        """An artifact's manifest, or None (with a note) when it is not there."""
        if (kind, id) not in self._manifests:
            try:
                text = (self.root / kind / id / MANIFEST).read_bytes()
                self._manifests[kind, id] = parse_manifest(text, kind, id)
            except OSError:
                self._manifests[kind, id] = None
                self.notes.append(f"{kind} {id} is no longer in the store; run the claim again to see it here")
            except Damaged as error:
                self._manifests[kind, id] = None
                self.notes.append(f"{kind} {id} is damaged: {error}; run the claim again to see it here")
        return self._manifests[kind, id]

    def manifests(self) -> list[dict[str, Any]]:
        """All manifests that were read."""
        return [manifest for manifest in self._manifests.values() if manifest]

    def score(self, kind: str, id: str) -> Scored | None:
        """A score with its attempts, or None (with a note) when it cannot be read."""
        if id not in self._scores:
            manifest = self.manifest(kind, id)
            try:
                self._scores[id] = self._score(kind, id, manifest) if manifest else None
            except (SelfbootError, ValueError, KeyError, TypeError, IndexError) as error:
                self._scores[id] = None
                self.notes.append(f"{kind} {id} cannot be shown ({type(error).__name__}: {error}); run the claim again")
        return self._scores[id]

    def _score(self, kind: str, id: str, manifest: dict[str, Any]) -> Scored:
        provenance = manifest["provenance"]
        outcomes = self._rows(kind, id, "outcomes.jsonl")
        samples_id = provenance.get("samples", "")
        samples = self.manifest("samples", samples_id) if samples_id else None
        completions = self._rows("samples", samples_id, "completions.jsonl") if samples else None
        prompts = self._rows("samples", samples_id, "prompts.jsonl", missing_ok=True) if samples else []
        programs = self._rows(kind, id, "programs.jsonl", missing_ok=True)
        if not samples:
            self.notes.append(f"{kind} {id}: the completions are not in the store; only outcomes are shown")
        wanted = provenance["benchmark"], manifest["key"]["benchmark"]
        known = self._benchmarks[wanted] = self._benchmarks.get(wanted) or self._tasks(*wanted, len(outcomes))
        tasks, attempts = [], []
        for place, row in enumerate(outcomes):
            task, tests = known[place] if place < len(known) else (None, "")
            tasks.append(_task(place, task, tests, prompts[place] if place < len(prompts) else ""))
            texts = completions[place] if completions else [{}] * len(row)
            codes = programs[place] if programs else [""] * len(row)
            attempts.append(tuple(_attempt(task, *each) for each in zip(row, texts, codes, strict=True)))
        model = (samples or {}).get("provenance", {}).get("model", "")
        manifests = (manifest, samples) if samples else (manifest,)
        return Scored(id, provenance["benchmark"], model, tuple(tasks), tuple(attempts), manifests)

    def _rows(self, kind: str, id: str, name: str, missing_ok: bool = False) -> list[Any]:
        manifest = self.manifest(kind, id) or {"files": {}}
        if missing_ok and name not in manifest["files"]:
            return []
        text = Artifact(kind, id, self.root / kind / id, manifest, True).text(name)
        return [json.loads(line) for line in text.split("\n") if line]

    def _tasks(self, name: str, sha256: str, n: int) -> list[Judged]:
        """The benchmark's tasks (all, or the first ``n``), each with what judges it, if it still is the one scored."""
        for wanted in (name, f"{name}:{n}"):
            with suppress(SelfbootError):
                code = load_benchmark(wanted)
                if code.sha256 == sha256:
                    return [(task, code.tests(task)) for task in code.tasks]
            with suppress(SelfbootError):
                answers = load_answers(wanted)
                if answers.sha256 == sha256:
                    return [(task, f"answer: {task.answer}") for task in answers.tasks]
        self.strange += [name] if name not in self.strange else []
        return []

    @property
    def told(self) -> list[str]:
        """The notes, and one line for all strange benchmarks."""
        missing = "not what was scored, or not at hand; the tasks' tests and the classes of failures are missing"
        return [*self.notes, *([f"benchmarks {', '.join(self.strange)}: {missing}"] if self.strange else [])]


def _task(place: int, task: CodeTask | AnswerTask | None, tests: str, prompt: str) -> Task:
    if task is None:
        return Task(f"task {place}", prompt, "")
    return Task(task.task_id, prompt or (task.prompt if isinstance(task, CodeTask) else task.problem), tests)


def _attempt(
    task: CodeTask | AnswerTask | None, outcome: dict[str, Any], completion: dict[str, Any], program: str
) -> Attempt:
    text, finish = completion.get("text", ""), completion.get("finish", "")
    status = str(outcome.get("status") or ("passed" if outcome.get("passed") else "wrong"))
    detail = str(outcome.get("detail", ""))
    return Attempt(text, program, status, detail, _kind(task, outcome, text, program, status), finish)


def _kind(task: CodeTask | AnswerTask | None, outcome: dict[str, Any], text: str, program: str, status: str) -> str:
    """The class of an attempt; "unknown" where it failed and its task or its program is not at hand."""
    if isinstance(task, AnswerTask):
        return classify_answer(text, status == "passed", outcome.get("extracted"))
    if isinstance(task, CodeTask) and program:
        return classify(task, text, program, Outcome(_status(status), "", outcome.get("line")))
    return PASSED if status == "passed" else UNKNOWN


def _status(text: str) -> Status:
    known: tuple[Status, ...] = ("passed", "wrong", "error", "timeout", "memory", "blocked")
    return next((status for status in known if status == text), "error")
