"""Raw completion with TOLERANT extraction: the same prompt and stop strings as ``raw``, but what runs on is forgiven.

A base model often goes on after the body with asserts of its own making; where one of them is wrong, a right function
fails. This reading keeps the function (formats/tolerant.py): it shows what the model can do, not where it stops. A
first line that has lost some of its indentation gets it back, as some tokenizers and tools drop leading spaces.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfboot.formats.base import Chat
from selfboot.formats.raw import RawFormat
from selfboot.formats.tolerant import aligned, readable
from selfboot.records import CodeTask


@dataclass(frozen=True)
class RawTolerantFormat:
    name: str = "raw-tolerant"
    stop: tuple[str, ...] = RawFormat.stop

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        return RawFormat().prompt(task, chat)

    def program(self, task: CodeTask, completion: str) -> str:
        strict = RawFormat().program(task, completion)
        second = task.prompt + aligned(task.prompt, completion)
        return readable(strict, task.entry_point) or readable(second, task.entry_point) or strict


FORMAT = RawTolerantFormat()
