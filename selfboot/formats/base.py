"""What every code format and every answer format offers, and the tables of them."""

from __future__ import annotations

import functools
import importlib
import tomllib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from selfboot.errors import DataError
from selfboot.paths import DATA, require
from selfboot.records import AnswerTask, CodeTask, Example

if TYPE_CHECKING:
    from selfboot.grading.reading import Style

Message = dict[str, str]  # {"role": …, "content": …}
Chat = Callable[[Sequence[Message]], str]
"""A conversation as the model's own template writes it; ends with the assistant's opening unless the last turn is the
assistant's."""


class CodeFormat(Protocol):
    """A way to put a programming task to a model. Both methods are pure."""

    @property
    def name(self) -> str: ...

    @property
    def stop(self) -> tuple[str, ...]: ...

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        """The text to be continued."""
        ...

    def program(self, task: CodeTask, completion: str) -> str:
        """The program that the completion amounts to (what is graded)."""
        ...


class AnswerFormat(Protocol):
    """A way to put a problem with one final answer to a model. Both methods are pure."""

    @property
    def name(self) -> str: ...

    @property
    def style(self) -> Style:
        """How the answer grader reads an answer that is written in this format."""
        ...

    @property
    def strict(self) -> bool:
        """Does only an answer count that stands where the format wants it? (README.md)"""
        ...

    @property
    def stop(self) -> tuple[str, ...]: ...

    def messages(self, problem: str) -> list[Message]:
        """The conversation that asks for a solution; training examples are made from it too."""
        ...

    def prompt(self, task: AnswerTask, chat: Chat) -> str:
        """The text to be continued."""
        ...


@functools.cache
def prompts() -> dict[str, dict[str, str]]:
    """The texts of data/prompts.toml."""
    path = require(DATA / "prompts.toml", "prompt texts")
    return cast(dict[str, dict[str, str]], tomllib.loads(path.read_text(encoding="utf-8")))


def wording(section: str, name: str, **values: Any) -> str:
    """A prompt text with its fields filled in; braces inside the values stay as they are."""
    return prompts()[section][name].format(**values)


def commented(text: str) -> str:
    """Every line as a Python comment."""
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())


def chat_example(messages: Sequence[Message], reply: str, chat: Chat) -> Example:
    """Training on a reply: from its first word to the end-of-turn token, which is learned too.

    What the template itself writes before a reply is left out: Qwen3's puts an empty ``<think>`` block there, which no
    prompt of ours holds and which would be learned as the beginning of every answer.
    """
    written = turn_example(messages, reply, chat)
    before = written.target.find(reply.strip())
    return Example(written.prompt, written.target[max(before, 0) :])


def turn_example(messages: Sequence[Message], reply: str, chat: Chat) -> Example:
    """Training on the assistant's turn as the template writes all of it, as the paper's scripts do."""
    prompt, whole = chat(messages), chat([*messages, {"role": "assistant", "content": reply}])
    if not whole.startswith(prompt):
        raise DataError("chat template: the rendered answer does not continue the rendered prompt; use a raw format")
    return Example(prompt, whole[len(prompt) :])


CODE_FORMATS = {
    "bcb": "selfboot.formats.bcb",
    "chat": "selfboot.formats.chat",
    "chat-tolerant": "selfboot.formats.tolerant",
    "evalplus": "selfboot.formats.evalplus",
    "mbpp": "selfboot.formats.mbpp",
    "raw": "selfboot.formats.raw",
    "raw-tolerant": "selfboot.formats.raw_tolerant",
}
ANSWER_FORMATS = {
    "aime": "selfboot.formats.aime",
    "gsm8k": "selfboot.formats.gsm8k",
    "math": "selfboot.formats.math",
}


def code_format(name: str, stop: tuple[str, ...] | None = None) -> CodeFormat:
    """The code format called ``name``; ``stop`` replaces its stop strings (the stop-string claim needs wrong ones)."""
    if name not in CODE_FORMATS:
        raise DataError(f"unknown code format {name!r}; known: {', '.join(sorted(CODE_FORMATS))}")
    module = importlib.import_module(CODE_FORMATS[name])
    return cast(CodeFormat, module.FORMAT if stop is None else type(module.FORMAT)(stop=stop))


def answer_format(name: str) -> AnswerFormat:
    """The answer format called ``name``."""
    if name not in ANSWER_FORMATS:
        raise DataError(f"unknown answer format {name!r}; known: {', '.join(sorted(ANSWER_FORMATS))}")
    return cast(AnswerFormat, importlib.import_module(ANSWER_FORMATS[name]).FORMAT)
