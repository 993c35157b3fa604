"""The chat format (§2.1): system turn, the task, a request to complete it; the first fenced block is the program.

Deviation from the paper: the reply ends at the template's end-of-turn token (the sampler's matter); the paper lets a
model write past it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selfboot.formats.base import Chat, wording
from selfboot.records import CodeTask

_PYTHON = re.compile(r"```python[ \t]*\n(.*?)```", re.DOTALL)
_ANY = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)


def fenced(text: str) -> str:
    """The first closed ```python block, else the first closed block of any kind, else the whole text."""
    found = _PYTHON.search(text) or _ANY.search(text)
    return found.group(1) if found else text


@dataclass(frozen=True)
class ChatFormat:
    name: str = "chat"
    stop: tuple[str, ...] = ()

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        user = wording("code", "user", prompt=task.prompt.rstrip())
        return chat([{"role": "system", "content": wording("code", "system")}, {"role": "user", "content": user}])

    def program(self, task: CodeTask, completion: str) -> str:
        code = fenced(completion)
        return code if "def " in code else task.prompt + code


FORMAT = ChatFormat()
