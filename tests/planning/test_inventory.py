"""What claims need is said before anything is fetched, and exactly that is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

import selfboot.cli.fetch as fetch
from selfboot.benchmarks.base import load_any
from selfboot.cli.main import main
from selfboot.datasets.pinned import DATA_ENV, sources
from selfboot.errors import UnavailableError
from selfboot.paper.texts import TEXTS_ENV
from selfboot.planning import inventory
from selfboot.registry import model_entry


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with nothing of the paper's."""
    monkeypatch.setenv(DATA_ENV, str(tmp_path / "data"))
    monkeypatch.setenv(TEXTS_ENV, str(tmp_path / "texts.json"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("selfboot.models.spec._hub", _nothing)
    monkeypatch.setattr("selfboot.datasets.pinned.in_checkout", lambda: False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    monkeypatch.delenv("SELFBOOT_MBPP", raising=False)
    return monkeypatch


def _nothing(spec: object, source: str, download: bool) -> Path:
    assert not download
    raise UnavailableError(f"{source} is not here")


@pytest.mark.parametrize("name", inventory.SOURCES)
def test_a_benchmark_is_read_from_the_data_set_that_is_fetched_for_it(name: str) -> None:
    with pytest.raises(UnavailableError, match=f"^{inventory.SOURCES[name]} is not on this machine"):
        load_any(name)


def test_the_fast_path_names_all_it_needs() -> None:
    names = {one.name for one in inventory.wanted("fastpath")}
    assert names == {
        *("qwen2.5-7b", "qwen2.5-14b", "qwen3-4b", "qwen3-8b"),
        *("humaneval-plus", "math500", "aime", "mbpp"),
        *("pairs_7b_40", "pairs_14b_multi_new60", "qwen2.5-7b/control-mbpp", "paper-texts"),
    }
    every = {one.name for one in inventory.wanted("")}
    assert set(sources()) - every == {"pairs_math_13"}, "no claim trains on it"
    assert "qwen3-14b" in every, "the last models of the boundary's row too"


def test_listing_fetches_nothing_and_says_what_stands_in_the_way(
    bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare.setattr(fetch, "_get_wanted", lambda one: pytest.fail("fetched"))
    assert main(["fetch", "-m", "fullpath", "-k", "cross-llama", "--list"]) == 0
    said = capsys.readouterr().out
    assert "meta-llama/Llama-3.2-3B at 13afe5124825" in said
    assert "not to be fetched: llama-3.2-3b: gated: accept the licence at https://huggingface.co/meta-llama/" in said
    assert "to fetch: 2 of 3, 0.0 GB of weights; free: " in said, "MBPP and the texts; not what the hub refuses"


def test_too_little_disk_is_said_before_the_first_byte(
    bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare.setattr(fetch, "_get_wanted", lambda one: pytest.fail("fetched"))
    bare.setattr(inventory, "free_gb", lambda folder: 10.0)
    assert main(["fetch", "-m", "fastpath", "-k", "recipe-7b"]) != 0
    assert "10 GB are free, 15 are needed" in capsys.readouterr().err


def test_exactly_what_is_missing_is_fetched(bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    got: list[str] = []
    bare.setattr(inventory, "free_gb", lambda folder: 1000.0)
    bare.setattr(fetch, "_get_wanted", lambda one: bool(got.append(one.name)) or one.name != "pairs_7b_40")
    bare.setattr("selfboot.planning.inventory.texts.templates", dict)
    assert main(["fetch", "-m", "fastpath", "-k", "recipe-7b"]) == 1, "the pairs could not be had"
    assert got == ["qwen2.5-7b", "pairs_7b_40"]
    said = capsys.readouterr().out
    for variable in ("SELFBOOT_DATA", "SELFBOOT_PAPER_TEXTS", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        assert f"export {variable}=" in said


def test_weights_of_one_repository_are_counted_once() -> None:
    weights = [one for one in inventory.wanted("") if one.kind == "weights"]
    assert len({one.origin for one in weights}) == len(weights)
    shape = model_entry("qwen2.5-72b").shape
    assert shape is not None
    assert sum(one.gb for one in weights if "72B" in one.origin) == pytest.approx(shape.parameters * 2 / 1e9)
