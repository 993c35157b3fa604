r"""The AIME format (§3.3): as for MATH, and the problem says that its answer is an integer from 0 to 999.

Unlike there, an answer outside of \boxed{} counts too: the last integer of the last five lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfboot.formats.base import Chat, Message, wording
from selfboot.records import AnswerTask

if TYPE_CHECKING:
    from selfboot.grading.reading import Style

RANGE = "The answer is an integer from 0 to 999."


@dataclass(frozen=True)
class AimeFormat:
    name: str = "aime"
    style: Style = "aime"
    strict: bool = False
    stop: tuple[str, ...] = ()

    def messages(self, problem: str) -> list[Message]:
        return [{"role": "user", "content": wording("math", "user", problem=f"{problem.strip()}\n\n{RANGE}")}]

    def prompt(self, task: AnswerTask, chat: Chat) -> str:
        return chat(self.messages(task.problem))


FORMAT = AimeFormat()
