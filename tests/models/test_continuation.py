"""Text and token ids behind other text: no space is lost or gained, whatever the tokenizer does at a beginning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from selfboot.models.continuation import Continuation
from selfboot.sampling.base import complete
from selfboot.sampling.stops import Watch
from tests.shared_files import tokenizer_folder
from tests.tiny_models import save_sentencepiece, save_tokenizer

TEXTS = st.text(alphabet=" \nabx=return\té(", max_size=20)
REAL = ("qwen2.5-base", "qwen3-base", "llama-3.2-base", "llama-3.2-instruct")


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sentencepiece")
    save_sentencepiece(folder)
    return AutoTokenizer.from_pretrained(str(folder))


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("bytes")
    save_tokenizer(folder)
    return AutoTokenizer.from_pretrained(str(folder))


def drawn(tokenizer: Any, prompt: str, text: str) -> list[int]:
    """What a model draws that continues ``prompt`` by ``text``."""
    before = tokenizer.encode(prompt, add_special_tokens=False)
    whole: list[int] = tokenizer.encode(prompt + text, add_special_tokens=False)
    assert whole[: len(before)] == before
    return whole[len(before) :]


def test_the_tiny_tokenizer_is_like_sentencepiece(spaced: Any) -> None:
    assert spaced.decode(spaced.encode("x", add_special_tokens=False)) == "x"
    assert spaced.decode(drawn(spaced, "def f(x):\n", "    return x")) == "   return x", "one space is lost"
    assert spaced.decode(spaced.encode("né", add_special_tokens=False)) == "né"


def test_a_drawn_body_keeps_its_first_space(spaced: Any) -> None:
    ids = drawn(spaced, "def f(x):\n", "    return x")
    assert Continuation(spaced).text(ids) == "    return x"
    stops = ("\nclass ",)
    ids = drawn(spaced, "def f(x):\n", "    return x\nclass A:")
    assert complete(ids, (), stops, Continuation(spaced).text).text == "    return x"
    watch, tail, seen = Watch(spaced, stops), "", False
    for token in ids:
        tail, now = watch.step(tail, token)
        seen = seen or now
    assert seen


@given(TEXTS)
def test_encoding_behind_other_text_gives_the_very_text(spaced: Any, bytewise: Any, text: str) -> None:
    for tokenizer in (spaced, bytewise):
        continuation = Continuation(tokenizer)
        assert continuation.text(continuation.ids(text)) == text
    assert Continuation(bytewise).ids(text) == bytewise.encode(text, add_special_tokens=False)


@given(TEXTS)
def test_encoding_is_what_a_model_draws(spaced: Any, text: str) -> None:
    assert Continuation(spaced).ids(text) == drawn(spaced, "def f(x):\n", text)


@given(st.lists(st.integers(0, 259), max_size=8))
def test_byte_level_text_is_the_tokenizers_own(bytewise: Any, ids: list[int]) -> None:
    own = bytewise.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert Continuation(bytewise).text(ids) == own


@pytest.mark.parametrize("name", REAL)
def test_real_byte_level_tokenizers_are_not_changed(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder(name)))
    continuation = Continuation(tokenizer)
    for text in ("    return x\n", "```python\ndef f(x):\n    return x\n```", " a", "\n\n", "é ✓ 😀", "", "\t"):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert continuation.ids(text) == ids
        assert continuation.text(ids) == text
