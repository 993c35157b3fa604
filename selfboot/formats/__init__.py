"""How a task becomes a prompt and a completion becomes a program: one file a format (README.md).

The paper's own formats (``paper-…``) are data: data/protocols_paper.toml and the fetched texts.
"""

from selfboot.formats import base
from selfboot.formats.base import AnswerFormat, Chat, CodeFormat
from selfboot.formats.paper import is_paper, paper_answers, paper_code
from selfboot.formats.paper.reread import is_reread, reread_answers, reread_code

__all__ = ["AnswerFormat", "Chat", "CodeFormat", "answer_format", "code_format"]


def code_format(name: str, stop: tuple[str, ...] | None = None) -> CodeFormat:
    """The code format called ``name``, ours or the paper's; ``stop`` replaces its stop strings."""
    if is_paper(name):
        return paper_code(name, stop)
    return reread_code(name, stop) if is_reread(name) else base.code_format(name, stop)


def answer_format(name: str) -> AnswerFormat:
    """The answer format called ``name``, ours or the paper's."""
    if is_paper(name):
        return paper_answers(name)
    return reread_answers(name) if is_reread(name) else base.answer_format(name)
