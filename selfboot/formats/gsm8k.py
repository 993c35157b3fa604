"""The GSM8K format (§3.8): chat, step by step, the answer behind ``####`` on the last line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfboot.formats.base import Chat, Message, wording
from selfboot.records import AnswerTask

if TYPE_CHECKING:
    from selfboot.grading.reading import Style


@dataclass(frozen=True)
class Gsm8kFormat:
    name: str = "gsm8k"
    style: Style = "gsm8k"
    strict: bool = False
    stop: tuple[str, ...] = ()

    def messages(self, problem: str) -> list[Message]:
        user = wording("gsm8k", "user", problem=problem.strip())
        return [{"role": "system", "content": wording("gsm8k", "system")}, {"role": "user", "content": user}]

    def prompt(self, task: AnswerTask, chat: Chat) -> str:
        return chat(self.messages(task.problem))


FORMAT = Gsm8kFormat()
