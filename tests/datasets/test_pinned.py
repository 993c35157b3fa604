"""Data sources: read strictly, checked when read, named with the remedy when they are not there."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import selfboot.datasets.fetch as fetching
import selfboot.datasets.pinned as data
from selfboot.datasets.pinned import DATA_ENV, Source, check_rows, check_text, read_source, rows_sha256, source, sources
from selfboot.errors import DataError, UnavailableError
from selfboot.paths import ROOT
from tests.shared_files import real

SMALL = Source("small", "small.jsonl", 2, "MIT", "here", use=("a", "b"), hub="x/y", revision="0" * 40)
ROWS = [{"a": "1", "b": [2], "c": None}, {"a": "é", "b": [], "c": 1.5}]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DATA_ENV, str(tmp_path))
    monkeypatch.setattr(data, "sources", lambda: {"small": SMALL})
    return tmp_path


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "small.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_every_source_is_pinned_and_says_what_was_checked() -> None:
    assert len(sources()) == 12
    for one in sources().values():
        commit = one.revision if one.hub else one.url.split("/")[5]
        assert re.fullmatch("[0-9a-f]{40}", commit), one.name
        assert all((one.rows, one.checked, one.licence)), one.name
        assert one.sha256 or one.file_sha256 or "no hash yet" in one.checked, one.name
    assert len({one.path for one in sources().values()}) == len(sources())


def test_rows_are_reduced_to_what_is_used(folder: Path) -> None:
    write(folder, ROWS)
    assert read_source("small") == [{"a": "1", "b": [2]}, {"a": "é", "b": []}]


def test_a_missing_file_comes_with_the_remedy(folder: Path) -> None:
    with pytest.raises(UnavailableError, match=r"fetch --only small.*SELFBOOT_DATA"):
        read_source("small")
    with pytest.raises(DataError, match="unknown data set 'nothing'"):
        source("nothing")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ROWS[:1], "1 rows, small has 2"),
        ([{"a": "1"}, {"a": "2"}], "field 'b' is missing"),
        ([1, 2], "expected a list of objects"),
    ],
)
def test_wrong_rows_are_an_error(rows: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        check_rows(SMALL, rows, "there")


def test_a_changed_or_moved_row_is_an_error() -> None:
    kept = check_rows(SMALL, ROWS, "there")
    pinned = replace(SMALL, sha256=rows_sha256(kept))
    assert check_rows(pinned, ROWS, "there") == kept
    for other in (ROWS[::-1], [ROWS[0], {**ROWS[1], "a": "e"}]):
        with pytest.raises(DataError, match="the rows hash to"):
            check_rows(pinned, other, "there")
    ordered = replace(SMALL, order="a", sha256=rows_sha256(kept))
    assert check_rows(ordered, ROWS[::-1], "there") == kept, "sorted rows have no order to lose"


def test_the_number_of_characters_is_enforced() -> None:
    with pytest.raises(DataError, match="7 characters, small has 9"):
        check_text(replace(SMALL, characters=9), "1234567", "there")


def test_the_hash_of_the_file_is_enforced() -> None:
    right = hashlib.sha256(b"text").hexdigest()
    check_text(replace(SMALL, file_sha256=right), "text", "there")
    with pytest.raises(DataError, match=r"there: sha256 .*: another text; fetch it again"):
        check_text(replace(SMALL, file_sha256=right), "Text", "there")


def test_the_released_pairs_are_as_pinned() -> None:
    for one in (one for one in sources().values() if one.group == "released"):
        assert len(read_source(one.name, real(f"released/{one.file}"))) == one.rows


@given(st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.lists(st.integers())}), min_size=1, max_size=4))
def test_the_hash_survives_a_file_and_sees_any_change(rows: list[dict[str, Any]]) -> None:
    assert rows_sha256(json.loads(json.dumps(rows))) == rows_sha256(rows)
    assert rows_sha256([*rows, rows[0]]) != rows_sha256(rows)


class Hub:
    """Stands in for the package ``datasets``."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows, self.asked = rows, []

    def load_dataset(self, *where: str, **settings: str) -> list[dict[str, Any]]:
        self.asked.append((*where, settings))
        return self.rows


def test_fetching_from_the_hub_pins_checks_and_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(ROWS)
    monkeypatch.setitem(__import__("sys").modules, "datasets", hub)
    assert fetching.fetch(SMALL) == rows_sha256(read_source("small"))
    assert hub.asked == [("x/y", "default", {"split": "test", "revision": "0" * 40})]
    hub.rows = ROWS[:1]
    before = (folder / "small.jsonl").read_bytes()
    with pytest.raises(DataError, match="1 rows"):
        fetching.fetch(SMALL)
    assert (folder / "small.jsonl").read_bytes() == before, "what does not fit is not kept"


def test_configurations_and_splits_are_joined(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(ROWS[:1])
    monkeypatch.setitem(__import__("sys").modules, "datasets", hub)
    fetching.fetch(replace(SMALL, configs=("one", "two")))
    assert [asked[1] for asked in hub.asked] == ["one", "two"]


def test_without_a_network_the_error_says_what_to_copy_where(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(__import__("sys").modules, "datasets", Hub(ROWS))
    monkeypatch.setattr(Hub, "load_dataset", lambda *_, **__: 1 / 0)
    with pytest.raises(UnavailableError, match=r"HF_HUB_OFFLINE is set.*copy small\.jsonl to"):
        fetching.fetch(SMALL)


def test_a_released_file_is_fetched_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through pooch, from a server on this machine."""
    import functools
    import http.server
    import threading

    pytest.importorskip("pooch")
    monkeypatch.setenv(DATA_ENV, str(tmp_path / "data"))
    (tmp_path / "web").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "web" / "small.jsonl").write_text(text)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/small.jsonl"
        found = replace(SMALL, hub="", url=address, characters=len(text))
        fetching.fetch(found)
        assert found.path.read_text() == text
        with pytest.raises(UnavailableError, match="cannot be had"):
            fetching.fetch(replace(found, url=address + "x"))
        server.shutdown()


def test_list_shows_the_state_of_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from argparse import ArgumentParser

    import selfboot.cli.fetch as cli

    parser = ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    words = parser.parse_args(["fetch", "--list", "--only", "small"])
    assert words.run(words) == 0
    assert "missing" in capsys.readouterr().out
    write(folder, ROWS)
    assert words.run(words) == 0
    assert " here " in capsys.readouterr().out
    write(folder, ROWS[:1])
    assert words.run(words) == 0
    assert "damaged" in capsys.readouterr().out


def test_models_are_looked_up_by_their_registry_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from argparse import ArgumentParser

    import selfboot.cli.fetch as cli
    import selfboot.registry
    from tests.tiny_models import save_model

    entry = selfboot.registry.ModelEntry("tiny", str(save_model(tmp_path / "tiny")))
    gone = selfboot.registry.ModelEntry("gone", "nobody/nothing")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(cli, "model_entry", lambda name: {"tiny": entry, "gone": gone}[name])
    parser = ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    for names, code, said in ((["tiny"], 0, "tiny: here"), (["tiny", "gone"], 1, "hf download nobody/nothing")):
        words = parser.parse_args(["fetch", "--list", "--models", *names])
        assert words.run(words) == code
        assert said in "".join(capsys.readouterr())


def real_folder() -> Path | None:
    """Where the real files lie: SELFBOOT_DATASETS, else ../shared/datasets beside the checkout."""
    found = Path(os.environ.get("SELFBOOT_DATASETS") or ROOT.parent / "shared" / "datasets")
    return found if found.is_dir() else None


@pytest.mark.skipif(real_folder() is None, reason="no folder of real files: set SELFBOOT_DATASETS")
@pytest.mark.parametrize("name", ["gsm8k-test", "gsm8k-train", "math500", "mbpp"])
def test_the_real_files_are_the_pinned_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ENV, str(real_folder()))
    assert len(read_source(name)) == source(name).rows
    assert source(name).sha256
