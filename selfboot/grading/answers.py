r"""Grading of final answers: GSM8K and MiniMath numbers, MATH LaTeX, AIME integers.

    with AnswerGrader() as grader:
        outcomes = grader.grade([(completion, gold), …], style="gsm8k")

Two readings are always recorded (reading.py): ``strict``, the answer stands where the format wants it, and ``lenient``,
else where people look for it. ``passed`` is the lenient one, as in the paper for numbers; its MATH protocol counts
``strict``. Numbers are equal within 0.01, MATH answers exactly.

MATH answers go up a ladder: the same normal form (normal.py, which decides nearly all), then sympy in a killable
process, which is asked about what exact algebra does not cover. A gold answer is read like a completion's, so a GSM8K
solution ending in ``#### 18`` may be given as gold. ANSWERS.md says what each rung decides, and what is not covered.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal

from selfboot.errors import DataError, GradingError, UnavailableError
from selfboot.grading.form import Form, same
from selfboot.grading.normal import normal_form
from selfboot.grading.reading import Style, aime_integer, numbers, read_answer
from selfboot.records import Outcome, Status

TOLERANCE = Fraction(1, 100)
MAX_SYMBOLIC = 500  # characters of either side that the symbolic checker is asked about
MAX_QUESTIONS = 12  # about the parts of one pair of answers
CPU_LIMIT_S = 0.8


@dataclass(frozen=True)
class AnswerOutcome:
    """The verdict on one completion. ``extracted`` and ``key`` are of the lenient reading; ``None``: no answer found.

    ``method``: what decided; ``refused``: the symbolic checker was stopped or not asked, which counts as wrong.
    """

    passed: bool
    strict: bool
    lenient: bool
    extracted: str | None
    key: str | None
    method: Literal["none", "exact", "symbolic", "refused"] = "exact"
    status: Status = "wrong"
    detail: str = ""

    @property
    def outcome(self) -> Outcome:
        """The same as the record that code graders return."""
        return Outcome(self.status, self.detail)


def answer_form(answer: str, style: Style) -> Form:
    """The normal form of an extracted answer, as ``style`` understands it; its ``key`` is the vote key."""
    if style == "aime" and (integer := aime_integer(answer)) is not None:
        return normal_form(str(integer))
    if style in ("gsm8k", "minimath"):
        found = numbers(answer)
        if len(found) == 1 and ("\\" not in answer or found[0][1] == answer):
            return normal_form(str(found[0][0]))
    return normal_form(answer)


def gold_form(gold: str, style: Style) -> Form:
    r"""The form of a gold answer: bare, behind ``####``, or in \boxed{}."""
    reading = read_answer(gold, style)
    return answer_form(reading.strict if reading.strict is not None else gold, style)


# ---------------------------------------------------------------- grading


class AnswerGrader:
    """Grades completions; a context manager, as the symbolic checker runs in processes of its own.

    ``workers``: processes that check symbolically (default: cores, at most 4). The first starts with the first MATH
    answers, the others when they are needed. ``cpu_s``: CPU seconds after which a question is refused. Thread-safe.
    """

    def __init__(self, workers: int | None = None, cpu_s: float = CPU_LIMIT_S) -> None:
        self.workers = workers or min(4, os.cpu_count() or 1)
        self.cpu_s = cpu_s
        self._idle: queue.LifoQueue[_Checker] = queue.LifoQueue()
        self._checkers: list[_Checker] = []
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], bool] = {}  # what the checkers said

    def __enter__(self) -> AnswerGrader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the checker processes; the grader starts new ones when it is used again."""
        with self._lock:
            for checker in self._checkers:
                checker.close()
            self._checkers, self._idle = [], queue.LifoQueue()

    def grade(self, items: Sequence[tuple[str, str]], style: Style) -> list[AnswerOutcome]:
        """One outcome for each (completion text, gold answer), in order. Equal questions are asked once."""
        graded = [_grade_exactly(text, gold, style) for text, gold in items]
        verdicts = self._settle_all(list({question.pair: None for _, question in graded if question}))
        return [
            _settled(outcome, question, verdicts[question.pair]) if question else outcome
            for outcome, question in graded
        ]

    def equal(self, answer: str, gold: str) -> bool:
        """Whether two MATH answers (already extracted) are the same."""
        pair = normal_form(answer), normal_form(gold)
        verdict = same(*pair)
        return self._settle_all([pair])[pair].equal if verdict is None else verdict

    def _settle_all(self, pairs: Sequence[tuple[Form, Form]]) -> dict[tuple[Form, Form], _Verdict]:
        with ThreadPoolExecutor(self.workers) as pool:
            return dict(zip(pairs, pool.map(self._settle, pairs), strict=True))

    def _settle(self, pair: tuple[Form, Form]) -> _Verdict:
        """The verdict on two forms, parts of which the symbolic checker is asked about, until it refuses one."""
        checker, left = self._take(), MAX_QUESTIONS

        def ask(answer: str, gold: str) -> bool:
            nonlocal left
            left -= 1
            question = (min(answer, gold), max(answer, gold))  # one order, so that no verdict depends on it
            if question not in self._known:
                if left < 0 or max(map(len, question)) > MAX_SYMBOLIC:
                    raise _Refused("too long")
                verdict = checker.ask(*question)
                if verdict.status in ("timeout", "memory"):
                    raise _Refused(verdict.status)
                self._known[question] = verdict.equal
            return self._known[question]

        try:
            return _Verdict(bool(same(*pair, ask)), "ok")
        except _Refused as refused:
            return _Verdict(False, str(refused))
        finally:
            self._idle.put(checker)

    def _take(self) -> _Checker:
        with self._lock:
            if self._idle.empty() and len(self._checkers) < self.workers:
                self._checkers.append(_Checker(self.cpu_s))
                return self._checkers[-1]
            idle = self._idle
        return idle.get()


@dataclass(frozen=True)
class _Question:
    """An (answer, gold) pair that exact algebra left open, and whether the strict reading found this answer too."""

    pair: tuple[Form, Form]
    strict: bool


def _grade_exactly(text: str, gold: str, style: Style) -> tuple[AnswerOutcome, _Question | None]:
    """The outcome as far as forms decide it, and what is left to the symbolic checker."""
    reading, wanted = read_answer(text, style), gold_form(gold, style)
    if reading.lenient is None:
        return AnswerOutcome(False, False, False, None, None, "none", "wrong", "no answer found"), None
    form = answer_form(reading.lenient, style)
    equal = same(form, wanted) if style == "math" else _close(form, wanted)
    strict, passed = reading.strict is not None, bool(equal)
    outcome = AnswerOutcome(passed, passed and strict, passed, reading.lenient, form.key, status="passed")
    if not passed:
        outcome = replace(outcome, status="wrong", detail=f"{form.key[:80]} instead of {wanted.key[:80]}")
    if equal is not None:
        return outcome, None
    return outcome, _Question((form, wanted), strict)


def _close(form: Form, wanted: Form) -> bool:
    a, b = form.value.rational, wanted.value.rational
    if b is None or wanted.kind != "sum":
        raise DataError(f"gold answer {wanted.key!r} is not a number: is the style right, or the data set damaged?")
    return form.kind == "sum" and a is not None and abs(a - b) < TOLERANCE


def _settled(outcome: AnswerOutcome, question: _Question, verdict: _Verdict) -> AnswerOutcome:
    if verdict.equal:
        right = replace(outcome, passed=True, strict=question.strict, lenient=True)
        return replace(right, method="symbolic", status="passed", detail="")
    if verdict.status == "ok":
        return replace(outcome, method="symbolic")
    statuses: dict[str, Status] = {"timeout": "timeout", "memory": "memory"}
    detail = f"refused ({verdict.status}): {outcome.detail}"
    return replace(outcome, method="refused", status=statuses.get(verdict.status, "wrong"), detail=detail)


class _Refused(Exception):
    """The symbolic checker was stopped, or is not asked."""


@dataclass(frozen=True)
class _Verdict:
    equal: bool
    status: str


class _Checker:
    """One process of answer_worker.py; asked by one thread at a time."""

    def __init__(self, cpu_s: float) -> None:
        script = Path(__file__).with_name("answer_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(script), str(cpu_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._ready = False

    def ask(self, answer: str, gold: str) -> _Verdict:
        if not self._ready:
            hello = self._receive()
            if not hello.get("ready"):
                why = f"{hello.get('why')}; install latex2sympy2_extended[antlr4_13_2]"
                raise UnavailableError(f"symbolic checker: {why}")
            self._ready = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"gold": gold, "answer": answer}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._gone() from error
        reply = self._receive()
        return _Verdict(bool(reply["equal"]), str(reply["status"]))

    def _receive(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        reply: dict[str, object] = json.loads(line)
        return reply

    def _gone(self) -> GradingError:
        code = self._process.poll()
        return GradingError(f"the symbolic checker's process {self._process.pid} ended (exit code {code}); grade again")

    def close(self) -> None:
        """Close its input, which ends it; kill it if it does not."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
