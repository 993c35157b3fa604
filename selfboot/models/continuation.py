"""Token ids and text of a continuation: what stands behind other text, not at the beginning of one.

Many tokenizers (SentencePiece's: Llama 2, Mistral, Gemma, Phi) put a space before the first word of a text when they
encode it and drop the first space when they decode it. A completion is no beginning: decoded as one, "    return x"
loses a space, which is an IndentationError; encoded as one, a training target gains a space. So both are done behind an
anchor, a piece of text that is cut off again. For byte-level tokenizers (Qwen, Llama 3, OLMo) nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from selfboot.errors import DataError

ANCHORS = ("\n", "a", "\n\n;", ")")  # one that no token spans together with the target's beginning is enough


class Continuation:
    """Encodes and decodes text behind other text, with a model's ``tokenizer``."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._anchor = self._plain_ids("a")[-1:]
        self._skip = len(self._plain_text(self._anchor))

    def text(self, ids: Sequence[int]) -> str:
        """The text of drawn tokens, special ones left out, spaces untouched."""
        return self._plain_text([*self._anchor, *ids])[self._skip :]

    def ids(self, text: str) -> list[int]:
        """Token ids of ``text`` behind other text. DataError where the tokenizer has no way to write it there."""
        found = self._plain_ids(text)
        if not self._adds_space or not text:
            return found
        for anchor in ANCHORS:
            before, whole = self._plain_ids(anchor), self._plain_ids(anchor + text)
            if whole[: len(before)] == before and self.text(whole[len(before) :]) == self.text(found).removeprefix(" "):
                return whole[len(before) :]
        raise DataError(f"the tokenizer cannot write {text[:40]!r} behind other text; use another model's tokenizer")

    @cached_property
    def _adds_space(self) -> bool:
        return self.text(self._plain_ids("x")) == " x"

    def _plain_ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _plain_text(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
