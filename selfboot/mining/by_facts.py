"""What the miners that follow a script's facts share: its request, its reading, its verdict, its way to draw.

The facts (data/protocols_paper.toml) name texts, formats and lengths. A format of ours in the place of the script's,
and ``parse = "natural"``, make of the same run the careful arm: our reading, our grader, replies that end with a turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from selfboot.formats import answer_format, code_format
from selfboot.formats.base import AnswerFormat, CodeFormat
from selfboot.formats.natural import Refusal, read_problem, read_word_problem
from selfboot.formats.paper import is_paper
from selfboot.formats.paper.forms import messages
from selfboot.formats.paper.problems import parse_code_problem, parse_math_problem
from selfboot.formats.paper.reading import is_right
from selfboot.formats.problems import Problem
from selfboot.formats.word_problems import WordProblem
from selfboot.grading.scripts import Sandbox, ScriptGrader
from selfboot.mining.base import AnswerJudge, MiningContext
from selfboot.paper.protocols import MiningFacts, forms
from selfboot.paper.texts import say
from selfboot.records import Sampling

if TYPE_CHECKING:
    from selfboot.grading.reading import Style

NATURAL = "natural"  # our reading of invented problems
P = TypeVar("P", Problem, WordProblem)


@dataclass(frozen=True)
class Verdict:
    """Whether the paper's reading finds the gold answer, and what it finds."""

    strict: bool
    extracted: str | None

    @property
    def lenient(self) -> bool:
        return self.strict


@dataclass(frozen=True)
class RuleJudge:
    """Judges answers by a rule of the paper (formats/paper/reading.py), whatever style is asked for."""

    rule: str

    def grade(self, items: Sequence[tuple[str, str]], style: Style) -> list[Verdict]:
        found = [is_right(text, gold, self.rule) for text, gold in items]
        return [Verdict(right, extracted) for extracted, right in found]


def judging(ctx: MiningContext, facts: MiningFacts) -> MiningContext:
    """The context with the script's verdict on programs and answers; with a format of ours as it is."""
    if not is_paper(facts.format):
        return ctx
    reading = forms()[facts.format].reading
    grader = ScriptGrader(cast(Sandbox, ctx.grader), facts.timeout_s or 8.0, facts.error == "first")
    return replace(ctx, grader=grader, answers=cast(AnswerJudge, RuleJudge(reading)))


def drawn(facts: MiningFacts, tokens: int, temperature: float = 0.0, n: int = 1) -> Sampling:
    """How the script draws; its stop strings come from the format."""
    end = "text" if is_paper(facts.format) else "turn"
    top_k = facts.top_k if temperature else 0
    return Sampling(tokens, temperature, facts.top_p, n, top_k=top_k, end=end)  # type: ignore[arg-type]


def code_form(facts: MiningFacts) -> CodeFormat:
    return code_format(facts.format)


def answer_form(facts: MiningFacts) -> AnswerFormat:
    return answer_format(facts.format)


def ask(ctx: MiningContext, facts: MiningFacts, text: str, **values: str) -> str:
    """A request for a problem or a version of one, under the system turn of the script's attempts."""
    own = facts.format if is_paper(facts.format) else facts.request_format
    return ctx.chat(messages(forms()[own].system, say(text, **values)))


def read_code(text: str, facts: MiningFacts) -> Problem | Refusal:
    """The problem in a completion, by the script's rule or by ours; a script's rule does not say why it reads none."""
    if facts.parse == NATURAL:
        return read_problem(text)
    return parse_code_problem(text, facts.parse) or _refused(read_problem(text))


def read_words(text: str, facts: MiningFacts) -> WordProblem | Refusal:
    """The word problem in a completion, likewise."""
    if facts.parse == NATURAL:
        return read_word_problem(text)
    return parse_math_problem(text) or _refused(read_word_problem(text))


def _refused(ours: Problem | WordProblem | Refusal) -> Refusal:
    return ours if isinstance(ours, Refusal) else Refusal("not in the script's form")


def sorted_out(found: Sequence[P | Refusal]) -> tuple[list[P], list[str]]:
    """The problems, and why the others are none."""
    problems = [one for one in found if not isinstance(one, Refusal)]
    return problems, [one.why for one in found if isinstance(one, Refusal)]
