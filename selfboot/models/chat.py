"""A conversation as a model's chat template writes it: its own, or one of data/templates/ that was named for it.

A template that refuses a system turn, or drops it without a word, gets the system text at the head of the first user
turn. A template that prints today's date prints ``TODAY``: the same prompt every day. A base model without a template
has no chat: one is named for it (the registry's ``chat_template``, the command line's --chat-template), or a raw format
is used.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from selfboot.errors import DataError
from selfboot.paths import DATA

TODAY = datetime(2024, 7, 26)  # the date that Llama 3.2's own template has where it knows none
FOLDER = DATA / "templates"
_CLOCK = re.compile(r"""strftime_now\(\s*(?P<quote>['"])(?P<format>.*?)(?P=quote)\s*\)""")
Message = dict[str, str]
Chat = Callable[[Sequence[Message]], str]


def template_text(name: str) -> str:
    """The template called ``name`` in data/templates/, or the file of that path. DataError where there is none."""
    path = Path(name) if name.endswith(".jinja") else FOLDER / f"{name}.jinja"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.jinja")))
        raise DataError(f"chat template {name!r}: no such file; name a .jinja file, or one of data/templates: {known}")
    return path.read_text(encoding="utf-8")


def chat_of(name: str, tokenizer: Any, template: str = "") -> Chat:
    """How model ``name`` is talked to; ``template`` names what is used in place of its tokenizer's own.

    The function raises DataError where there is no template, or the template cannot write the conversation.
    """

    @functools.cache
    def source() -> str:
        if not (template or tokenizer.chat_template):
            raise DataError(
                f"model {name!r}: its tokenizer has no chat template; use a raw format, name a template with "
                "--chat-template (plain, or that of its chat-tuned sibling), or put the sibling's into the model's "
                "folder as chat_template.jinja"
            )
        return dated(template_text(template) if template else tokenizer.get_chat_template())

    def written(messages: Sequence[Message]) -> str:
        return str(
            tokenizer.apply_chat_template(
                list(messages),
                tokenize=False,
                add_generation_prompt=messages[-1]["role"] != "assistant",
                chat_template=source(),
                date_string=TODAY.strftime("%d %b %Y"),
            )
        )

    @functools.cache
    def takes_system() -> bool:
        try:
            return "S-Y-S" in written([{"role": "system", "content": "S-Y-S"}, {"role": "user", "content": "x"}])
        except TemplateError:
            return False

    def render(messages: Sequence[Message]) -> str:
        try:
            return written(messages if takes_system() else folded(messages))
        except (TemplateError, ValueError, TypeError) as error:
            roles = "/".join(message["role"] for message in messages)
            raise DataError(
                f"model {name!r}: its chat template cannot write the turns {roles} ({error}); name another with "
                "--chat-template, or use a raw format"
            ) from error

    return render


def dated(template: str) -> str:
    """A template whose calls of the clock are the day that they are always asked on."""
    return _CLOCK.sub(lambda call: json.dumps(TODAY.strftime(call["format"])), template)


def folded(messages: Sequence[Message]) -> list[Message]:
    """The conversation without system turns: their text stands before the next turn's, a blank line between."""
    found: list[Message] = []
    held = ""
    for message in messages:
        if message["role"] == "system":
            held += message["content"].rstrip() + "\n\n"
        else:
            found.append({**message, "content": held + message["content"]})
            held = ""
    return found
