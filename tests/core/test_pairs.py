"""Pair files: what is written is read back; what is wrong is named with file, line and field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.errors import DataError
from selfboot.pairs import pairs_sha256, pairs_text, read_pairs, write_pairs
from selfboot.records import Pair

text = st.text(st.characters(exclude_categories=["Cs"]))
pairs = st.builds(Pair, text, st.lists(text, min_size=1).map(tuple), text, text, text.filter(lambda t: t.strip()))
GOOD = {"signature": "def f():", "tests": ["assert f()"], "broken": "", "error": "E", "fixed": "x"}


@given(st.lists(pairs, min_size=1, max_size=4))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, some: list[Pair]) -> None:
    path = tmp_path_factory.mktemp("pairs") / "p.jsonl"
    write_pairs(path, some)
    assert read_pairs(path) == some
    assert pairs_sha256(read_pairs(path)) == pairs_sha256(some)


def test_text_is_one_line_a_pair() -> None:
    assert pairs_text([Pair("a\nb", ("t",), "", "", "c\n")] * 3).count("\n") == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no pairs"),
        ("{", r":1: not JSON"),
        (json.dumps(GOOD) + "\n[1]", r":2: expected an object"),
        (json.dumps({**GOOD, "tests": "assert f()"}), r":1: field 'tests' must be a list"),
        (json.dumps({**GOOD, "tests": []}), r":1: field 'tests' must be a list"),
        (json.dumps({**GOOD, "broken": None}), r":1: field 'broken' must be text, not NoneType"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "fixed"}), r":1: field 'fixed' is missing"),
        (json.dumps({**GOOD, "fixed": "  "}), r":1: field 'fixed' is empty"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_pairs(path)


def test_missing_and_binary_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_pairs(tmp_path / "none.jsonl")
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_pairs(tmp_path / "b.jsonl")
