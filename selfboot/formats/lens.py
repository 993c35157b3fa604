"""Lens hints (§3.10, diversity-cued mining): the MBPP prompt, one hint how to go about it, and the start of a function.

The paper makes every completion begin with ``def solution``, while the tests call the task's own name: ``function=""``
forces the task's own name instead, so that the cause of a low yield can be told apart from the hints.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfboot.formats.base import Chat, wording
from selfboot.formats.mbpp import FORMAT as MBPP
from selfboot.records import CodeTask

LENSES = ("brute_force", "closed_form", "hash_map", "recursion")


@dataclass(frozen=True)
class LensFormat:
    lens: str
    function: str = "solution"  # empty: the task's own name
    name: str = "lens"
    stop: tuple[str, ...] = ("\nclass Test", "\nif __name__", "\n\nprint", "\n#")

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        hint = wording("lenses", self.lens)
        return wording("lenses", "prompt", task=MBPP.prompt(task, chat).rstrip(), hint=hint) + self._start(task)

    def program(self, task: CodeTask, completion: str) -> str:
        return self._start(task) + completion

    def _start(self, task: CodeTask) -> str:
        return f"def {self.function or task.entry_point}("
