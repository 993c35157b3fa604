"""Calibration files: seeds from several machines add up; no figure outlives the settings it was measured by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfboot.calibrate as calibrating
import selfboot.calibration as known
from selfboot.calibrate import FIRST_SEED, How, calibrate
from selfboot.claims import registry
from selfboot.cli_calibrate import compared
from selfboot.errors import SelfbootError
from selfboot.progress import Silent
from selfboot.protocols.base import Run

CLAIM, MODEL = "recipe-7b", "organism-0"
SETTINGS = registry()[CLAIM].scales["mini"]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Calibrations go to a folder of their own; no model runs. Gives the seeds that were run, in order."""
    seeds: list[int] = []

    def run_protocol(lab: Any, settings: Any, seed: int) -> Run:
        if seed in seeds_that_fail:
            raise RuntimeError("out of memory")
        seeds.append(seed)
        return Run({}, {"base": 25.0, "trained": float(seed % 100)}, frozenset({"base"}), {})

    monkeypatch.setattr(known, "DATA", tmp_path)
    monkeypatch.setattr(calibrating, "run_protocol", run_protocol)
    monkeypatch.setattr(calibrating, "calibrated_claims", lambda model: {CLAIM: SETTINGS})
    monkeypatch.setattr(calibrating, "flips", lambda how, model: 0)
    known.calibration.cache_clear()
    seeds_that_fail.clear()
    yield seeds
    known.calibration.cache_clear()


seeds_that_fail: set[int] = set()


def run(tmp_path: Path, seeds: int, again: bool = False) -> dict[str, Any]:
    (path,) = calibrate([MODEL], seeds, How(tmp_path / "store"), [], Silent(), "selfboot calibrate", again)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_more_seeds_are_added_to_those_at_hand(tmp_path: Path, measured: list[int]) -> None:
    run(tmp_path, 2)
    table = run(tmp_path, 5)
    assert measured == [FIRST_SEED + i for i in range(5)]
    assert table["measures"][f"{CLAIM}/trained"] == {str(FIRST_SEED + i): float(i) for i in range(5)}
    assert table["measures"][f"{CLAIM}/base"] == {"0": 25.0}
    assert [call["seeds"] for call in table["provenance"]] == [{CLAIM: [1000, 1001]}, {CLAIM: [1002, 1003, 1004]}]


def test_nothing_to_do_leaves_the_file_as_it_is(tmp_path: Path, measured: list[int]) -> None:
    assert run(tmp_path, 3) == run(tmp_path, 3)
    assert len(measured) == 3


def test_again_measures_what_is_known(tmp_path: Path, measured: list[int]) -> None:
    run(tmp_path, 2)
    run(tmp_path, 2, again=True)
    assert measured == [FIRST_SEED, FIRST_SEED + 1] * 2


def test_changed_settings_drop_the_figures(
    tmp_path: Path, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, 2)
    fewer = replace(SETTINGS, count=10)
    assert "other settings" in str(known.lacking(CLAIM, fewer))
    monkeypatch.setattr(calibrating, "calibrated_claims", lambda model: {CLAIM: fewer})
    table = run(tmp_path, 1)
    assert list(table["measures"][f"{CLAIM}/trained"]) == [str(FIRST_SEED)]


def test_a_failing_seed_costs_the_others_nothing(tmp_path: Path, measured: list[int]) -> None:
    seeds_that_fail.add(FIRST_SEED + 1)
    with pytest.raises(SelfbootError, match="out of memory"):
        run(tmp_path, 3)
    seeds_that_fail.clear()
    run(tmp_path, 3)
    assert measured == [FIRST_SEED, FIRST_SEED + 2, FIRST_SEED + 1]


def test_what_a_fingerprint_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    other = (
        replace(SETTINGS, count=39),
        replace(SETTINGS, benchmark="minieval:100"),
        replace(SETTINGS, recipe="mini-rank32"),
        replace(SETTINGS, pairs="self-mined-100"),
        replace(SETTINGS, protocol="synergy", options={"n": 4}),
    )
    marks = {known.fingerprint(settings) for settings in (SETTINGS, *other)}
    assert len(marks) == 6
    same = replace(SETTINGS, seeds=(1,), shows="down", finding="said otherwise", minutes=3.0)
    assert known.fingerprint(same) == known.fingerprint(SETTINGS)


def test_figures_by_device_and_their_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {str(1000 + i): 50.0 + i % 5 for i in range(15)} | {"1015": 52.0, "1016": 90.0}
    calls = [
        {"device": "CPU", "code": "", "seeds": {CLAIM: [1015, 1016]}},
        {"device": "GPU", "code": "", "seeds": {CLAIM: list(range(1000, 1015))}},
    ]
    table = {"measures": {f"{CLAIM}/trained": values}, "settings": {}, "provenance": calls}
    monkeypatch.setattr(known, "DATA", tmp_path)
    known.path_of(MODEL).parent.mkdir()
    known.path_of(MODEL).write_text(json.dumps(table), encoding="utf-8")
    known.calibration.cache_clear()
    by_device = known.calibration(MODEL).by_device(f"{CLAIM}/trained")
    assert list(by_device) == ["GPU", "CPU"]
    assert by_device["CPU"] == [52.0, 90.0]
    rows = [line.split("|")[2:] for line in compared(MODEL)[2:]]
    assert [(row[0].strip(), row[3].strip(), row[5].strip()) for row in rows] == [
        ("GPU", "15", ""),
        ("CPU", "2", "OUT"),
    ]
    known.calibration.cache_clear()
