r"""Vote keys for self-consistency (§3.4): the normal form of each completion's answer.

1/2, 0.5 and \frac{1}{2} vote together; the vote itself is analysis/vote.py. Keys come from exact forms alone: answers
outside exact algebra vote by their text, without asking the symbolic checker.
"""

from __future__ import annotations

from collections.abc import Sequence

from selfboot.grading.answers import answer_form
from selfboot.grading.reading import Style, read_answer


def vote_key(completion: str, style: Style, *, strict: bool = False) -> str | None:
    """The vote of one completion; ``None`` when the (``strict`` or lenient) reading finds no answer."""
    reading = read_answer(completion, style)
    answer = reading.strict if strict else reading.lenient
    return None if answer is None else answer_form(answer, style).key


def vote_keys(completions: Sequence[str], style: Style, *, strict: bool = False) -> list[str | None]:
    """The votes of all completions on one problem, in draw order."""
    return [vote_key(completion, style, strict=strict) for completion in completions]
