r"""The MATH format (§3.3, §3.10): chat, one user turn, the answer in ``\boxed{}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfboot.formats.base import Chat, Message, wording
from selfboot.records import AnswerTask

if TYPE_CHECKING:
    from selfboot.grading.reading import Style


@dataclass(frozen=True)
class MathFormat:
    name: str = "math"
    style: Style = "math"
    strict: bool = True
    stop: tuple[str, ...] = ()

    def messages(self, problem: str) -> list[Message]:
        return [{"role": "user", "content": wording("math", "user", problem=problem.strip())}]

    def prompt(self, task: AnswerTask, chat: Chat) -> str:
        return chat(self.messages(task.problem))


FORMAT = MathFormat()
