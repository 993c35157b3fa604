"""The paper's own formats: its scripts' messages out of the fetched texts, and its readings of what came back.

``data/protocols_paper.toml`` says which texts and which reading each format has; here they are put together. Every
format's name begins with ``paper-``.
"""

from selfboot.formats.paper.forms import PaperAnswerFormat, PaperCodeFormat, is_paper, paper_answers, paper_code

__all__ = ["PaperAnswerFormat", "PaperCodeFormat", "is_paper", "paper_answers", "paper_code"]
