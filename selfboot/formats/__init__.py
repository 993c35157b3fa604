"""How a task becomes a prompt and a completion becomes a program: one file a format (protocols.md, "Formats")."""

from selfboot.formats.base import Chat, CodeFormat, code_format

__all__ = ["Chat", "CodeFormat", "code_format"]
