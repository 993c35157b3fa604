"""Raw completion: header and docstring alone, no template; the program is the prompt and what follows (§2)."""

from __future__ import annotations

from dataclasses import dataclass

from selfboot.formats.base import Chat
from selfboot.records import CodeTask


@dataclass(frozen=True)
class RawFormat:
    name: str = "raw"
    stop: tuple[str, ...] = ("\nclass ", "\nif __name__", "\nprint(", "\n#")

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        return task.prompt

    def program(self, task: CodeTask, completion: str) -> str:
        return task.prompt + completion


FORMAT = RawFormat()
