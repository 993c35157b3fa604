"""Any code format with solved tasks before the question: what the form alone is worth, without any training.

The shots come from outside the benchmark. A format that asks through the chat template gets them as earlier turns; one
that asks by plain text gets them as text in front. Reading, stop strings and the question stay those of the format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfboot.formats.base import Chat, CodeFormat, Message
from selfboot.records import CodeTask


@dataclass(frozen=True)
class FewShot:
    """``inner`` with ``shots`` (tasks with header, docstring and canonical solution) before each question."""

    inner: CodeFormat
    shots: tuple[CodeTask, ...]

    @property
    def name(self) -> str:
        return f"{self.inner.name}, {len(self.shots)} shots"

    @property
    def stop(self) -> tuple[str, ...]:
        return self.inner.stop

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        """The shots, then the question."""
        asked = _messages(self.inner, task)
        if not asked:
            return "\n\n".join([*map(solved, self.shots), self.inner.prompt(task, chat)])
        system = [turn for turn in asked if turn["role"] == "system"]
        earlier = [turn for shot in self.shots for turn in self._turns(shot)]
        return chat([*system, *earlier, *asked[len(system) :]])

    def program(self, task: CodeTask, completion: str) -> str:
        """As ``inner`` reads it."""
        return self.inner.program(task, completion)

    def _turns(self, shot: CodeTask) -> list[Message]:
        question = [turn for turn in _messages(self.inner, shot) if turn["role"] != "system"]
        return [*question, {"role": "assistant", "content": f"```python\n{solved(shot)}```"}]


def solved(shot: CodeTask) -> str:
    """A task with its solution, ended by a newline."""
    return (shot.prompt + shot.canonical).rstrip() + "\n"


def _messages(form: CodeFormat, task: CodeTask) -> list[Message]:
    """The conversation that a format asks by; none where it asks by plain text."""
    said: list[Message] = []

    def listen(messages: Sequence[Message]) -> str:
        said.extend(messages)
        return ""

    form.prompt(task, listen)
    return said
