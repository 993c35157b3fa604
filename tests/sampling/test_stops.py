"""Stop strings: the cut, the token it falls on, and the watch that notices it, by property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.errors import DataError
from selfboot.models import ModelSpec
from selfboot.models.load import load_tokenizer
from selfboot.sampling.base import complete
from selfboot.sampling.stops import Watch, check_stops, cut, first_stop

TEXTS = st.text(alphabet="ab\n #é", max_size=40)
STOPS = st.lists(st.text(alphabet="ab\n #é", min_size=1, max_size=4), max_size=3)


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("x = 1\nclass A", ["\nclass "], ("x = 1", True)),
        ("class A", ["class"], ("", True)),  # at the very beginning
        ("abcdef", ["cd", "bcde"], ("a", True)),  # overlapping: the earliest start counts
        ("aXbYc", ["Y", "X"], ("a", True)),  # not the first in the list
        ("abc", [], ("abc", False)),
        ("abc", ["abcd"], ("abc", False)),  # only its beginning is there
    ],
)
def test_cut(text: str, stops: list[str], expected: tuple[str, bool]) -> None:
    assert cut(text, stops) == expected


@given(TEXTS, STOPS)
def test_cut_leaves_no_stop_and_only_shortens(text: str, stops: list[str]) -> None:
    short, found = cut(text, stops)
    assert text.startswith(short)
    assert not any(stop in short for stop in stops)
    assert found == any(stop in text for stop in stops)
    assert not found or any(text.startswith(stop, len(short)) for stop in stops)


def test_an_empty_stop_string_is_refused() -> None:
    with pytest.raises(DataError, match="an empty one would cut every completion"):
        check_stops(["\n", ""])


@given(st.lists(st.sampled_from(["a", "b", "ab", "\n", "\ncl", "ass", " ", "#", "b\n#"]), max_size=30), STOPS)
def test_first_stop_is_the_token_that_completes_one(pieces: list[str], stops: list[str]) -> None:
    def decode(ids: Sequence[int]) -> str:
        return "".join(pieces[at] for at in ids)

    slow = [k for k in range(1, len(pieces) + 1) if cut(decode(range(k)), stops)[1]]
    assert first_stop(range(len(pieces)), decode, stops) == (slow[0] if slow else None)


@pytest.fixture(scope="module")
def tokenizer(tiny_spec: Callable[[], ModelSpec]) -> Any:
    return load_tokenizer(tiny_spec())


@pytest.mark.parametrize("stop", ["\nclass ", "\nif __name__", "\n#", "```", "é", " = 1"])
@pytest.mark.parametrize(
    "text", ["x = 1\nclass Stack:", "café\n# é\nif __name__ == 1", "a\n\n```python\nb```", "no", ""]
)
def test_watch_misses_no_stop_in_real_tokens(tokenizer: Any, text: str, stop: str) -> None:
    watch, tail, noticed = Watch(tokenizer, [stop]), "", None
    ids = tokenizer.encode(text, add_special_tokens=False)
    for k, token in enumerate(ids, 1):
        tail, now = watch.step(tail, token)
        noticed = k if now and noticed is None else noticed
    expected = first_stop(ids, tokenizer.decode, [stop])
    if stop.isascii():
        assert noticed == expected
    else:  # a character split over tokens may go unnoticed, but nothing is seen that is not there
        assert noticed in (None, expected)


def test_watch_keeps_a_short_tail_and_skips_special_tokens(tokenizer: Any) -> None:
    watch, tail = Watch(tokenizer, ["\nclass "]), ""
    for token in tokenizer.encode("self.items = []\nclass<|im_end|> Stack", add_special_tokens=False):
        tail, now = watch.step(tail, token)
        assert len(tail) <= 6
        if now:
            return
    pytest.fail("the stop string spans a special token, which is not part of the text")


def test_completion_is_the_same_however_far_the_engine_ran(tokenizer: Any) -> None:
    ids = tokenizer.encode("x = 1\nclass A:\n    pass\n", add_special_tokens=False)
    whole = complete(ids, (0,), ("\nclass ",), tokenizer.decode)
    assert (whole.text, whole.finish) == ("x = 1", "stop")
    assert complete(ids[: whole.tokens], (0,), ("\nclass ",), tokenizer.decode) == whole
    assert complete([*ids[:4], 0, *ids], (0,), ("\nclass ",), tokenizer.decode) == complete(
        [*ids[:4], 0], (0,), ("\nclass ",), tokenizer.decode
    )


def test_completion_counts_the_stop_token_and_leaves_it_out_of_the_text(tokenizer: Any) -> None:
    ids = tokenizer.encode("return 2", add_special_tokens=False)
    ended = complete([*ids, 2], (0, 2), (), tokenizer.decode)
    assert (ended.text, ended.finish, ended.tokens) == ("return 2", "eos", len(ids) + 1)
    assert complete(ids, (0, 2), (), tokenizer.decode).finish == "length"
    assert complete([2], (0, 2), (), tokenizer.decode).text == ""
