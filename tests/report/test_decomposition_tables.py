"""The recorded decomposition: what it was measured with is still so, its tables add up, and the README shows them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from selfboot.analysis.failures import CLASSES, PASSED
from selfboot.benchmarks.base import load_benchmark
from selfboot.cli.main import main
from selfboot.decomposition import decompose, files
from selfboot.decomposition.decompose import RAW_TOLERANT, Arm, Recorded, arms_of, fingerprint, path_of, read, recorded
from selfboot.errors import DataError
from selfboot.lab import Lab
from selfboot.report.decomposition import README, README_MODEL, tables, updated
from selfboot.store import RunStore


@pytest.fixture(scope="module")
def found() -> Recorded:
    return read(path_of(README_MODEL))


def test_the_readme_shows_what_is_recorded() -> None:
    text = README.read_text(encoding="utf-8")
    assert updated(text) == text, "stale: `selfboot decompose --update-readme`"
    with pytest.raises(DataError, match="markers"):
        updated("no markers")


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.model)
def test_pairs_recipe_and_settings_are_those_measured(one: Recorded) -> None:
    assert fingerprint(one.model) == one.settings, f"measured with other settings: `selfboot decompose {one.model}`"
    assert list(one.arms) == arms_of(one.model)
    assert len(one.base.classes) == len(load_benchmark(one.benchmark).tasks)


def test_recipe_sweep_and_controls_are_there_with_the_published_seeds(found: Recorded) -> None:
    counts = {arm.count for arm in found.arms if arm.pairs == "self-mined"}
    assert counts == {3, 5, 10, 21, 40}
    assert {arm.pairs for arm in found.arms} == {"self-mined", "control-house", "control-own", "form-only"}
    assert all(list(seeds) == [7, 13, 42] for seeds in found.arms.values())


def test_classes_agree_with_the_readings(found: Recorded) -> None:
    """What tolerant extraction forgives failed on form, whatever it looked like."""
    for reading in (found.base, *(seed for seeds in found.arms.values() for seed in seeds.values())):
        for name, forgiven in zip(reading.classes, reading.tolerant, strict=True):
            assert name in CLASSES
            assert name not in ("wrong value", "exception", "time-out") or not forgiven
        assert sum(reading.tally.values()) == len(reading.tolerant)
    assert sum(found.raw[RAW_TOLERANT]) > sum(found.base.flags)


def test_every_column_adds_up(found: Recorded) -> None:
    n = len(found.base.classes)
    for arm in found.arms:
        assert sum(found.failures(arm).values()) == pytest.approx(n)
        assert sum(found.moves(arm).values()) == pytest.approx(n)
        taken = found.decomposition(arm)
        assert taken.lift == pytest.approx(found.failures(arm)[PASSED] - sum(found.base.flags))


def test_arms_are_those_of_the_claims_each_once() -> None:
    names = [arm.name for arm in arms_of("organism-0") if arm.claims]
    assert names[:5] == [f"self-mined {count}" for count in (3, 5, 10, 21, 40)]
    assert next(arm for arm in arms_of("organism-0") if arm.count == 40).claims == ("recipe-7b", "pair-count-sweep")


def test_damage_is_said(tmp_path: Path) -> None:
    path = tmp_path / "organism-0.json"
    with pytest.raises(DataError, match="selfboot decompose organism-0"):
        read(path)
    path.write_text(json.dumps({"model": "organism-0"}))
    with pytest.raises(DataError, match="damaged"):
        read(path)


def test_tables_say_no_share_where_nothing_was_gained(found: Recorded) -> None:
    arm = Arm("self-mined", 1)
    none = replace(found, arms={arm: {7: found.base}})
    assert f"| `self-mined` | 1 | {sum(found.base.flags)} | +0.0 | – | – | – | 0 |" in tables(none)


def test_the_command_shows_and_refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["decompose", "--show"]) == 0
    assert "The untrained model solves 25 of 164 in chat" in capsys.readouterr().out
    store = ["--store", str(tmp_path)]
    assert main(["decompose", "--seeds", "7", "7", *store]) == 2
    assert main(["decompose", "--weights", "random", *store]) == 2
    error = capsys.readouterr().err
    assert "name each seed once" in error
    assert "--out" in error


def test_one_small_arm_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pairs, six tasks: trained, read in every way, written, read back; asked again, nothing is made anew."""
    small = {claim: replace(s, benchmark="minieval:6") for claim, s in decompose.settings_of("organism-0").items()}
    monkeypatch.setattr(decompose, "settings_of", lambda model: small)
    monkeypatch.setattr(decompose, "arms_of", lambda model: [Arm("self-mined", 3, ("pair-count-sweep",))])
    with Lab(RunStore(tmp_path / "store"), graders=1) as lab:
        content = decompose.measure(lab, "organism-0", (7,), "a test")
    with Lab(RunStore(tmp_path / "store"), graders=1) as lab:
        again = decompose.measure(lab, "organism-0", (7,), "a test")
        assert again == content
        assert lab._grader is None, "nothing was graded again"
    files.write(content, tmp_path / "out" / "organism-0.json")
    found = read(tmp_path / "out" / "organism-0.json")
    (taken,) = (found.decomposition(arm) for arm in found.arms)
    assert (taken.n, taken.base, len(taken.trained)) == (6, sum(found.base.flags), 1)
    assert not found.outdated
    assert "| `self-mined` | 3 |" in tables(found)
