"""Our prompts, read as the paper's scripts read: the ``paper`` arm of a model that knows no prompts but ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfboot.errors import DataError
from selfboot.formats import base
from selfboot.formats.base import AnswerFormat, Chat, CodeFormat, Message
from selfboot.formats.paper.reading import PROGRAMS, is_right
from selfboot.records import AnswerTask, CodeTask

if TYPE_CHECKING:
    from selfboot.grading.reading import Style

SUFFIX = "-as-paper"
CODE = {"chat": "chat", "raw": "raw", "mbpp": "bare", "bcb": "solution"}  # our format: the paper's reading
ANSWER = {"gsm8k": "gsm8k", "math": "math", "aime": "aime"}


def as_paper(name: str) -> str:
    """The name of our format ``name``, read as the paper does. DataError where the paper has no reading for it."""
    if name not in CODE and name not in ANSWER:
        raise DataError(
            f"format {name!r}: the paper's scripts have no reading for it; known: {', '.join(CODE | ANSWER)}"
        )
    return name + SUFFIX


@dataclass(frozen=True)
class RereadCode:
    """A code format of ours whose programs are those of a reading of the paper."""

    inner: CodeFormat
    reading: str

    @property
    def name(self) -> str:
        return f"{self.inner.name}, read as the paper"

    @property
    def stop(self) -> tuple[str, ...]:
        return self.inner.stop

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        """As our format asks."""
        return self.inner.prompt(task, chat)

    def program(self, task: CodeTask, completion: str) -> str:
        """What a script would write to its file before the tests."""
        return PROGRAMS[self.reading](task.prompt, completion)


@dataclass(frozen=True)
class RereadAnswers:
    """An answer format of ours whose answers are judged by a rule of the paper."""

    inner: AnswerFormat
    rule: str

    @property
    def name(self) -> str:
        return f"{self.inner.name}, read as the paper"

    @property
    def style(self) -> Style:
        return self.inner.style

    @property
    def strict(self) -> bool:
        return self.inner.strict

    @property
    def stop(self) -> tuple[str, ...]:
        return self.inner.stop

    def messages(self, problem: str) -> list[Message]:
        """As our format asks."""
        return self.inner.messages(problem)

    def prompt(self, task: AnswerTask, chat: Chat) -> str:
        """As our format asks."""
        return self.inner.prompt(task, chat)

    def right(self, completion: str, gold: str) -> bool:
        """Whether the paper's rule finds the gold answer."""
        return is_right(completion, gold, self.rule)[1]


def is_reread(name: str) -> bool:
    """Whether a format's name is one of ours, read as the paper does."""
    return name.endswith(SUFFIX)


def reread_code(name: str, stop: tuple[str, ...] | None = None) -> RereadCode:
    """Our code format, read as the paper does, by its name (``chat-as-paper``)."""
    own = name.removesuffix(SUFFIX)
    return RereadCode(base.code_format(own, stop), CODE[own])


def reread_answers(name: str) -> RereadAnswers:
    """Our answer format, read as the paper does, by its name (``gsm8k-as-paper``)."""
    own = name.removesuffix(SUFFIX)
    return RereadAnswers(base.answer_format(own), ANSWER[own])
