"""How a task becomes a prompt and a completion becomes a program: one file a format (protocols.md, "Formats")."""

from selfboot.formats.base import AnswerFormat, Chat, CodeFormat, answer_format, code_format

__all__ = ["AnswerFormat", "Chat", "CodeFormat", "answer_format", "code_format"]
