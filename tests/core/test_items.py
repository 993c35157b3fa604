"""Solved problems on disk: what is written is read back; the released schema is read; what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.errors import DataError
from selfboot.pairs import pairs_sha256, pairs_text, read_items, read_pairs, write_pairs
from selfboot.records import Item, Pair, Solution

text = st.text(st.characters(exclude_categories=["Cs"]))
full = text.filter(lambda t: bool(t.strip()))
solutions = st.builds(Solution, text, full, text, text, st.sampled_from(["plain", "repair", "trace"]), text)
pairs = st.builds(Pair, text, st.lists(text, min_size=1).map(tuple), text, text, full)
GOOD = {"problem": "1 + 1?", "solution": "#### 2", "answer": 2.0}


@given(st.lists(solutions | pairs, min_size=1, max_size=4))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, some: list[Item]) -> None:
    path = tmp_path_factory.mktemp("items") / "p.jsonl"
    write_pairs(path, some)
    assert read_items(path) == some
    assert pairs_sha256(read_items(path)) == pairs_sha256(some)


@given(solutions, solutions)
def test_hash_tells_what_training_sees_apart(one: Solution, other: Solution) -> None:
    assert (pairs_sha256([one]) == pairs_sha256([other])) == (one == other)


@pytest.mark.parametrize(("answer", "read"), [(2.0, "2"), (2.5, "2.5"), (3, "3"), ("1/2", "1/2")])
def test_released_schema_is_read(tmp_path: Path, answer: Any, read: str) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({**GOOD, "answer": answer}))
    assert read_items(tmp_path / "p.jsonl") == [Solution("1 + 1?", "#### 2", read)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": 1}, r":1: field 'problem' must be text, not int"),
        ({"solution": " "}, r":1: field 'solution' is empty"),
        ({"answer": True}, r":1: field 'answer' must be text or a number, not bool"),
        ({"answer": None}, r":1: field 'answer' must be text or a number"),
        ({"wrong": 1}, r":1: field 'wrong' must be text"),
        ({"target": "tarce"}, r":1: field 'target' is 'tarce'; known: plain, repair, trace"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(DataError, match=message):
        read_items(tmp_path / "p.jsonl")


def test_missing_field_and_mixed_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({"problem": "?", "solution": "!"}))
    with pytest.raises(DataError, match="'answer' is missing; a solved problem has"):
        read_items(tmp_path / "p.jsonl")
    (tmp_path / "p.jsonl").write_text(pairs_text([Solution("?", "!", "1")]))
    with pytest.raises(DataError, match="item 1 is a solved problem"):
        read_pairs(tmp_path / "p.jsonl")
