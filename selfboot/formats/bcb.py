"""The BigCodeBench format (§3.10): chat, the data set's own instruct prompt; the first fenced block is the program."""

from __future__ import annotations

from dataclasses import dataclass

from selfboot.formats.base import Chat
from selfboot.formats.chat import fenced
from selfboot.records import CodeTask


@dataclass(frozen=True)
class BcbFormat:
    name: str = "bcb"
    stop: tuple[str, ...] = ()

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        return chat([{"role": "user", "content": task.prompt.strip()}])

    def program(self, task: CodeTask, completion: str) -> str:
        return fenced(completion)


FORMAT = BcbFormat()
