"""The MBPP format (§3.9): comments with the task's text and its asserts, a blank line; then comes the program."""

from __future__ import annotations

from dataclasses import dataclass

from selfboot.formats.base import Chat, commented, wording
from selfboot.records import CodeTask


@dataclass(frozen=True)
class MbppFormat:
    name: str = "mbpp"
    stop: tuple[str, ...] = ("\nclass Test", "\nif __name__")

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        asserts = "\n".join(test for test in task.tests if test.startswith("assert"))  # the set-up imports stay out
        return wording("mbpp", "prompt", task=commented(task.prompt.strip()), tests=commented(asserts))

    def program(self, task: CodeTask, completion: str) -> str:
        return completion


FORMAT = MbppFormat()
