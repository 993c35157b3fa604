"""Repair: a broken attempt with its error goes in, the fixed code comes out. For mining and training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from selfboot.errors import DataError
from selfboot.formats.base import Chat, Message, chat_example, commented, wording
from selfboot.records import Example, Pair

ERROR_CHARS = 120  # of the error, in the raw form (README.md)


def repair_messages(signature: str, tests: Sequence[str], broken: str, error: str) -> list[Message]:
    """The conversation that asks for a repair."""
    user = wording(
        "repair", "user", signature=signature.rstrip(), tests="\n".join(tests), broken=broken.rstrip(), error=error
    )
    return [{"role": "system", "content": wording("code", "system")}, {"role": "user", "content": user}]


def chat_repair(pair: Pair, chat: Chat, eos: str) -> Example:
    """Chat repair: the assistant's turn, end-of-turn token included, is the target."""
    messages = repair_messages(pair.signature, pair.tests, pair.broken, pair.error)
    return chat_example(messages, f"```python\n{pair.fixed.strip()}\n```", chat)


def raw_repair(pair: Pair, chat: Chat, eos: str) -> Example:
    """Raw repair: comment-style task, tests and attempt; the fixed code and the end-of-text token are the target."""
    prompt = wording(
        "raw_repair",
        "prompt",
        task=commented(pair.signature.rstrip()),
        tests=commented("\n".join(pair.tests)),
        broken=pair.broken.rstrip(),
        error=pair.error[:ERROR_CHARS],
    )
    return Example(prompt, pair.fixed.strip() + "\n" + eos)


PairFormat = Callable[[Pair, Chat, str], Example]
_PAIR_FORMATS: dict[str, PairFormat] = {"chat-repair": chat_repair, "raw-repair": raw_repair}


def pair_format(name: str) -> PairFormat:
    """The training format called ``name``."""
    if name not in _PAIR_FORMATS:
        raise DataError(f"unknown pair format {name!r}; known: {', '.join(sorted(_PAIR_FORMATS))}")
    return _PAIR_FORMATS[name]
