r"""Grading of final answers: GSM8K and MiniMath numbers, MATH LaTeX, AIME integers.

    with AnswerGrader() as grader:
        outcomes = grader.grade([(completion, gold), …], style="gsm8k")

Two readings are always recorded. ``strict``: the answer stands where the format wants it. ``lenient``: else where
people look for it. ``passed`` is the lenient one, as in the paper for numbers; its MATH protocol counts ``strict``.

gsm8k, minimath  strict: the number right behind ``####``. Lenient: else a number in that line, the last \boxed number,
                 the last number. Equal within 0.01.
math             strict: the last balanced \boxed{…}. Lenient: else what follows the last "answer is". Equal exactly.
aime             strict: the last \boxed integer, 0 to 999. Lenient: else the last integer of the last five lines.

MATH answers go up a ladder: the same normal form (normal.py, which decides nearly all), then math-verify in a killable
process. A gold answer is read like a completion's, so a GSM8K solution ending in ``#### 18`` may be given as gold.

Not covered: proofs, units that must be converted (1 m and 100 cm differ), several answers in prose.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
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
from selfboot.grading.normal import Form, normal_form, same
from selfboot.records import Outcome, Status

Style = Literal["gsm8k", "math", "aime", "minimath"]
STYLES: tuple[Style, ...] = ("gsm8k", "math", "aime", "minimath")
TOLERANCE = Fraction(1, 100)
MAX_SYMBOLIC = 500  # characters of either side that the symbolic checker is asked about
CPU_LIMIT_S = 0.8
_BRACES = re.compile(r"\\+(?:boxed|fbox|framebox)\s*\{|\\.|[{}]", re.DOTALL)
_BARE_BOX = re.compile(r"\\boxed\s+([^\s${}\\]+)")
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w).])[-−–]\s?)?(?:[$€£]\s?(?P<minus>-)?)?"
    r"(?:(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?P<part>\.[0-9]+)?|(?P<only>\.[0-9]+))"
    r"(?:\s?/\s?(?P<below>[0-9]+)(?![0-9./]))?"
)
_MARKED = re.compile(r"####[ \t]*([^\n]*)")
_MARKUP = re.compile(r"[*_\\$€£({\s]*")
_SAID = re.compile(r"answer(?:\s+is|\s*:|\s*=)\s*:?\s*(?=([^\n]+))", re.IGNORECASE)
_INTEGER = re.compile(r"(?<![\w.,])[0-9]{1,20}(?!\w|[.,][0-9])")
_MAX_DIGITS = 300


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


@dataclass(frozen=True)
class Reading:
    """The answer texts found in a completion; ``None`` where a reading finds none."""

    strict: str | None
    lenient: str | None


# ---------------------------------------------------------------- finding the answer


def last_boxed(text: str) -> str | None:
    r"""The content of the last balanced \boxed{…} (the outer one of nested ones), in one pass; \boxed 5 counts too."""
    starts: list[int] = []
    found: tuple[int, str] | None = None
    for token in _BRACES.finditer(text):
        if token[0] == "{":
            starts.append(-1)
        elif token[0] == "}":
            start = starts.pop() if starts else -1
            if start >= 0:
                found = (token.end(), text[start : token.start()])
        elif token[0].endswith("{") and len(token[0]) > 2:
            starts.append(token.end())
    for bare in _BARE_BOX.finditer(text):
        if found is None or bare.end() > found[0]:
            found = (bare.end(), bare[1].rstrip(".,"))
    return found[1].strip() if found else None


def numbers(text: str) -> list[tuple[Fraction, str]]:
    """Every number in a text with its spelling: 1,234  $5.50  -3  3/4. A minus behind a digit or bracket subtracts."""
    return [(value, m[0].strip()) for m in _NUMBER.finditer(text) if (value := _value(m)) is not None]


def _value(match: re.Match[str]) -> Fraction | None:
    if len(match[0]) > _MAX_DIGITS:
        return None
    whole = (match["whole"] or "0").replace(",", "")
    value = Fraction(whole + (match["part"] or match["only"] or ""))
    below = int(match["below"] or 1)
    if below == 0:
        return None
    return (-value if match["sign"] or match["minus"] else value) / below


def marked_number(text: str) -> str | None:
    """The number right behind the first ``####`` that has one (a model that runs on writes more of them)."""
    for line in _MARKED.finditer(text):
        start = _MARKUP.match(line[1])
        found = _NUMBER.match(line[1], start.end() if start else 0) or _NUMBER.match(line[1])
        if found and _value(found) is not None:
            return found[0].strip()
    return None


def _number_reading(text: str) -> Reading:
    strict = marked_number(text)
    if strict is not None:
        return Reading(strict, strict)
    for line in _MARKED.finditer(text):
        if found := numbers(line[1]):
            return Reading(None, found[0][1])
    box = last_boxed(text)
    if box is not None and normal_form(box).value.rational is not None and normal_form(box).kind == "sum":
        return Reading(None, box)
    found = numbers(text[-20_000:])
    return Reading(None, found[-1][1] if found else None)


def _math_reading(text: str) -> Reading:
    box = last_boxed(text)
    if box is not None:
        return Reading(box, box)
    said = _SAID.findall(text[-20_000:])
    if not said:
        return Reading(None, None)
    inline = re.match(r"\s*\$([^$]+)\$", said[-1])
    sentence = re.split(r"\.(?:\s|$)", said[-1])[0]
    return Reading(None, (inline[1] if inline else sentence).strip() or None)


def _aime_reading(text: str) -> Reading:
    box = last_boxed(text)
    if box is not None and _aime_integer(box) is not None:
        return Reading(box, box)
    found = _INTEGER.findall("\n".join(text[-20_000:].splitlines()[-5:]))
    return Reading(None, found[-1] if found and _aime_integer(found[-1]) is not None else None)


def _aime_integer(text: str) -> int | None:
    form = normal_form(text)
    value = form.value.rational if form.kind == "sum" else None
    return int(value) if value is not None and value.denominator == 1 and 0 <= value <= 999 else None


_READERS = {"gsm8k": _number_reading, "minimath": _number_reading, "math": _math_reading, "aime": _aime_reading}


def read_answer(text: str, style: Style) -> Reading:
    """Where each reading of ``style`` finds the answer in a completion. Linear in the text, whatever the text."""
    if style not in _READERS:
        raise DataError(f"answer style {style!r}: choose one of {', '.join(STYLES)}")
    return _READERS[style](text)


def answer_form(answer: str, style: Style) -> Form:
    """The normal form of an extracted answer, as ``style`` understands it; its ``key`` is the vote key."""
    if style in ("gsm8k", "minimath"):
        found = numbers(answer)
        if len(found) == 1 and "\\" not in answer:
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
        verdicts = self._ask_all(sorted({question.pair for _, question in graded if question}))
        return [
            _settled(outcome, question, verdicts[question.pair]) if question else outcome
            for outcome, question in graded
        ]

    def equal(self, answer: str, gold: str) -> bool:
        """Whether two MATH answers (already extracted) are the same."""
        verdict = same(normal_form(answer), normal_form(gold))
        return self._ask_all([(answer, gold)])[answer, gold].equal if verdict is None else verdict

    def _ask_all(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], _Verdict]:
        short = [pair for pair in pairs if max(map(len, pair)) <= MAX_SYMBOLIC]
        verdicts = {pair: _Verdict(False, "too long") for pair in pairs}
        if short:
            with ThreadPoolExecutor(self.workers) as pool:
                verdicts |= dict(zip(short, pool.map(self._ask, short), strict=True))
        return verdicts

    def _ask(self, pair: tuple[str, str]) -> _Verdict:
        checker = self._take()
        try:
            return checker.ask(*pair)
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
    """An (answer, gold) pair that the forms left open, and whether the strict reading found this answer too."""

    pair: tuple[str, str]
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
    return outcome, _Question((reading.lenient, read_answer(gold, style).strict or gold), strict)


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
                raise UnavailableError(f"symbolic checker: {hello.get('why')}; install math-verify[antlr4_13_2]")
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
