"""Chat as evalplus 0.3.1 reads it: the same prompt as ``chat``, but its sanitizer finds the program in the reply.

The reading behind most published scores, beside our strict and our tolerant one: of the longest stretch of lines that
is Python it keeps imports, and the asked function with the definitions that it reaches. It needs the package evalplus.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfboot.errors import UnavailableError
from selfboot.formats.base import Chat
from selfboot.formats.chat import ChatFormat
from selfboot.records import CodeTask

REMEDY = "pip install evalplus==0.3.1 (the extra `evalplus`)"


@dataclass(frozen=True)
class EvalplusFormat:
    name: str = "evalplus"
    stop: tuple[str, ...] = ()

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        return ChatFormat().prompt(task, chat)

    def program(self, task: CodeTask, completion: str) -> str:
        """UnavailableError without evalplus."""
        try:
            from evalplus.sanitize import sanitize
        except ImportError as error:
            raise UnavailableError(f"the format evalplus needs the package evalplus ({error}); {REMEDY}") from None
        return str(sanitize(completion, task.entry_point))


FORMAT = EvalplusFormat()
