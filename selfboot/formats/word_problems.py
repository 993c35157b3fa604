"""Word problems that a model invents (§2.3): the requests, and reading a problem out of what it wrote.

A problem is text, an arithmetic expression and the answer, on lines that begin with PROBLEM, EXPRESSION and ANSWER. It
counts only when the expression evaluates to the answer (``agree=False``: whatever the answer line says, which a model
that has to write its steps gets wrong on just the hard problems); the exact value becomes the gold answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from selfboot.formats.arithmetic import evaluate
from selfboot.formats.base import Chat, wording
from selfboot.records import AnswerTask

TOLERANCE = Fraction(1, 100)  # see README.md
MIN_CHARS, MAX_CHARS = 10, 1000
_DOCUMENT = re.compile(
    r"^PROBLEM:(?P<text>(?:(?!^(?:PROBLEM|EXPRESSION|ANSWER):).)+)"
    r"^EXPRESSION:[ \t]*(?P<expression>[^\n]+)\n"
    r"ANSWER:[ \t]*(?P<answer>[^\n]+)",
    re.DOTALL | re.MULTILINE,
)
_NUMBER = re.compile(r"[-+]?\$?(?P<digits>\d{1,3}(?:,\d{3})+|\d+)(?P<rest>\.\d+)?\.?", re.ASCII)


@dataclass(frozen=True)
class WordProblem:
    """A problem that a model invented; ``answer`` is the value of ``expression``, as text."""

    text: str
    expression: str
    answer: str

    def task(self, task_id: str) -> AnswerTask:
        """As a task that can be put to a model in any answer format."""
        return AnswerTask(task_id, self.text, self.answer)


def word_problem_prompt(chat: Chat, request: str = "user", problem: WordProblem | None = None) -> str:
    """The request for a new problem, or for a ``"harder"`` or ``"easier"`` version of a given one."""
    fields = {"problem": problem.text, "expression": problem.expression, "answer": problem.answer} if problem else {}
    user = wording("word_problems", request, **fields)
    return chat([{"role": "system", "content": wording("word_problems", "system")}, {"role": "user", "content": user}])


def parse_word_problem(text: str, agree: bool = True) -> WordProblem | None:
    """The first problem in a completion; None when it is ill-formed or (``agree``) expression and answer differ."""
    found = _DOCUMENT.search(text)
    if found is None or not MIN_CHARS <= len(found["text"].strip()) <= MAX_CHARS:
        return None
    expression, claimed = found["expression"].strip(), _number(found["answer"].strip())
    try:
        value = evaluate(expression)
    except ValueError:
        return None
    if claimed is None or (agree and abs(value - claimed) > TOLERANCE):
        return None
    return WordProblem(found["text"].strip(), expression, decimal(value))


def decimal(value: Fraction) -> str:
    """An exact value as people write it: 14, 2.5, 3.3333."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.4f}".rstrip("0").rstrip(".")


def _number(text: str) -> Fraction | None:
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > 40:
        return None
    sign = -1 if text.startswith("-") else 1
    return sign * Fraction(found["digits"].replace(",", "") + (found["rest"] or ""))
