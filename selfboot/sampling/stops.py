"""Stop strings, on decoded text. The cut is made after decoding, never by an engine; online we only notice.

A wrong or missing cut changes scores (the paper's appendix warns of it), so both parts are pure and tested by property.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from selfboot.errors import DataError
from selfboot.models.continuation import Continuation


def check_stops(stops: Sequence[str]) -> tuple[str, ...]:
    """``stops`` as a tuple; DataError for an empty string, which would cut everything."""
    if "" in stops:
        raise DataError(f"stop strings {list(stops)!r}: an empty one would cut every completion to nothing; remove it")
    return tuple(stops)


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """``text`` before the earliest occurrence of any stop string, and whether there was one."""
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, False)


def first_stop(ids: Sequence[int], decode: Callable[[Sequence[int]], str], stops: Sequence[str]) -> int | None:
    """The smallest k such that the text of ``ids[:k]`` holds a stop string; None when the whole text holds none.

    So many tokens count as drawn, however many more an engine drew before it noticed. Found by bisection.
    """

    def holds(k: int) -> bool:
        return cut(decode(ids[:k]), stops)[1]

    if not stops or not holds(len(ids)):
        return None
    low, high = 0, len(ids)  # holds(high) and not holds(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


class Watch:
    """Notices cheaply, token by token, that a row's text may hold a stop string; the decoded text decides.

    Keeps the last few characters of every row as the sum of its tokens' own texts. It may miss a stop with characters
    whose bytes are split between tokens; such a row only runs on to its limit, and is cut at the end all the same.
    """

    def __init__(self, tokenizer: Any, stops: Sequence[str]) -> None:
        self.stops = tuple(stops)
        self.keep = max((len(stop) for stop in stops), default=1) - 1
        self._continuation = Continuation(tokenizer)
        self._pieces: dict[int, str] = {}

    def piece(self, token: int) -> str:
        """The token's own text behind another token, special tokens empty."""
        if (known := self._pieces.get(token)) is None:
            known = self._pieces[token] = self._continuation.text([token])
        return known

    def step(self, tail: str, token: int) -> tuple[str, bool]:
        """The row's tail after one more token, and whether a stop string may now be complete."""
        text = tail + self.piece(token)
        return text[-self.keep :] if self.keep else "", any(stop in text for stop in self.stops)
