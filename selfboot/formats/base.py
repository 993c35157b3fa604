"""What every code format offers, and the table of them."""

from __future__ import annotations

import functools
import importlib
import tomllib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from selfboot.errors import DataError
from selfboot.paths import DATA, require
from selfboot.records import CodeTask

Message = dict[str, str]  # {"role": …, "content": …}
Chat = Callable[[Sequence[Message]], str]
"""A conversation as the model's own template writes it; ends with the assistant's opening unless the last turn is the
assistant's."""


class CodeFormat(Protocol):
    """A way to put a programming task to a model. Both methods are pure."""

    name: str
    stop: tuple[str, ...]

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        """The text to be continued."""
        ...

    def program(self, task: CodeTask, completion: str) -> str:
        """The program that the completion amounts to (what is graded)."""
        ...


@functools.cache
def prompts() -> dict[str, dict[str, str]]:
    """The texts of data/prompts.toml."""
    path = require(DATA / "prompts.toml", "prompt texts")
    return cast(dict[str, dict[str, str]], tomllib.loads(path.read_text(encoding="utf-8")))


def wording(section: str, name: str, **values: Any) -> str:
    """A prompt text with its fields filled in; braces inside the values stay as they are."""
    return prompts()[section][name].format(**values)


_FORMATS = {"chat": "selfboot.formats.chat", "raw": "selfboot.formats.raw"}


def code_format(name: str, stop: tuple[str, ...] | None = None) -> CodeFormat:
    """The code format called ``name``; ``stop`` replaces its stop strings (the stop-string claim needs wrong ones)."""
    if name not in _FORMATS:
        raise DataError(f"unknown code format {name!r}; known: {', '.join(sorted(_FORMATS))}")
    module = importlib.import_module(_FORMATS[name])
    return cast(CodeFormat, module.FORMAT if stop is None else type(module.FORMAT)(stop=stop))
