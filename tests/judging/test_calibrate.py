"""Calibration files: seeds from several machines add up; no figure outlives the settings it was measured by."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfboot.judging.calibrate as calibrating
import selfboot.judging.calibration as known
import selfboot.pairs as pairs_module
from selfboot.cli.calibrate import against, compared
from selfboot.errors import DataError, SelfbootError
from selfboot.judging.calibrate import FIRST_SEED, How, calibrate
from selfboot.paths import ROOT
from selfboot.progress import Silent
from selfboot.protocols.base import Arm, Run
from selfboot.registry import registry
from selfboot.store import file_sha256

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
        arms = {"base": Arm("base"), "trained": Arm("trained", seed=seed)}
        return Run({"base": 25.0, "trained": float(seed % 100)}, arms, {})

    monkeypatch.setattr(known, "MEASURED", tmp_path)
    monkeypatch.setattr(calibrating, "run_protocol", run_protocol)
    monkeypatch.setattr(calibrating, "calibrated_claims", lambda model: {CLAIM: SETTINGS})
    monkeypatch.setattr(calibrating, "flips", lambda how, model: 0)
    known.calibration.cache_clear()
    seeds_that_fail.clear()
    yield seeds
    known.calibration.cache_clear()


seeds_that_fail: set[int] = set()


def run(tmp_path: Path, seeds: int, remeasure: calibrating.Remeasure = "") -> dict[str, Any]:
    (path,) = calibrate([MODEL], seeds, How(tmp_path / "store"), [], Silent(), "selfboot calibrate", remeasure)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_more_seeds_are_added_to_those_at_hand(tmp_path: Path, measured: list[int]) -> None:
    run(tmp_path, 2)
    table = run(tmp_path, 5)
    assert measured == [FIRST_SEED + i for i in range(5)]
    trained = {"arm": {"role": "trained"}, "seeds": [FIRST_SEED + i for i in range(5)], "values": [0, 1, 2, 3, 4]}
    assert table["measures"][CLAIM] == {"base": {"arm": {"role": "base"}, "values": [25.0]}, "trained": trained}
    assert [call["seeds"] for call in table["provenance"]] == [{CLAIM: [1000, 1001]}, {CLAIM: [1002, 1003, 1004]}]


def test_nothing_to_do_leaves_the_file_as_it_is(tmp_path: Path, measured: list[int]) -> None:
    assert run(tmp_path, 3) == run(tmp_path, 3)
    assert len(measured) == 3


def test_all_anew_measures_what_is_known(tmp_path: Path, measured: list[int]) -> None:
    run(tmp_path, 2)
    table = run(tmp_path, 2, "all")
    assert measured == [FIRST_SEED, FIRST_SEED + 1] * 2
    assert [call["seeds"] for call in table["provenance"]] == [{CLAIM: [1000, 1001]}]


def test_only_what_other_code_measured_is_measured_anew(
    tmp_path: Path, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(calibrating, "code_hash", lambda *modules: "older")
        run(tmp_path, 2)
    run(tmp_path, 3)
    assert known.calibration(MODEL).outdated == {"older"}
    measured.clear()
    table = run(tmp_path, 4, "outdated")
    assert measured == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 3]
    assert [call["seeds"] for call in table["provenance"]] == [{CLAIM: [1002]}, {CLAIM: [1000, 1001, 1003]}]
    assert known.calibration(MODEL).outdated == set()


def test_a_seed_keeps_its_figure_until_it_has_a_new_one(tmp_path: Path, measured: list[int]) -> None:
    before = run(tmp_path, 3)
    seeds_that_fail.add(FIRST_SEED + 1)
    with pytest.raises(SelfbootError):
        run(tmp_path, 3, "all")
    table = json.loads(known.path_of(MODEL).read_text(encoding="utf-8"))
    assert table["measures"] == before["measures"]
    assert [call["seeds"] for call in table["provenance"]] == [{CLAIM: [1001]}, {CLAIM: [1000, 1002]}]


def test_processes_share_out_the_gpus(tmp_path: Path) -> None:
    """Four processes on two GPUs that the caller may use: two each. Nothing here needs a GPU."""
    script = (
        "import os, sys, time\nfrom pathlib import Path\nimport selfboot.judging.calibrate as c\n"
        "def unit(unit, how):\n"
        "    (how.store / str(os.getpid())).touch()\n"
        "    while len(list(how.store.iterdir())) < 4: time.sleep(0.05)\n"  # so that none does two
        "    return unit, os.environ['CUDA_VISIBLE_DEVICES']\n"
        "c.gpu.device_count = lambda: 4\nc._unit = unit\n"
        "if __name__ == '__main__':\n"
        "    units = [('claim', 'model', seed) for seed in range(4)]\n"
        "    how = c.How(Path(sys.argv[1]), 'cuda', jobs=4)\n"
        "    print(*sorted(seen for _, seen in c._all(units, how)))\n"
    )
    (path := tmp_path / "shares.py").write_text(script)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "1,3"}
    (folder := tmp_path / "began").mkdir()
    done = subprocess.run([sys.executable, path, folder], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "1 1 3 3\n", done.stderr[-2000:]


def test_changed_settings_drop_the_figures(
    tmp_path: Path, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, 2)
    fewer = replace(SETTINGS, count=10)
    assert "other settings" in str(known.lacking(CLAIM, fewer))
    monkeypatch.setattr(calibrating, "calibrated_claims", lambda model: {CLAIM: fewer})
    table = run(tmp_path, 1)
    assert table["measures"][CLAIM]["trained"]["seeds"] == [FIRST_SEED]


@pytest.fixture
def own_pairs(tmp_path: Path, measured: list[int], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The claim's pairs and their provenance, copied to where they may be damaged, and calibrated with."""
    shipped, folder = pairs_module.pairs_path(MODEL, SETTINGS.pairs), tmp_path / "pairs" / MODEL
    folder.mkdir(parents=True)
    for path in (shipped, shipped.with_suffix(".provenance.json")):
        shutil.copy(path, folder / path.name)
    monkeypatch.setattr(pairs_module, "DATA", tmp_path)
    run(tmp_path, 15)
    assert known.lacking(CLAIM, SETTINGS) is None
    return folder / shipped.name


def test_missing_pairs_are_an_error_not_other_settings(own_pairs: Path) -> None:
    own_pairs.unlink()
    with pytest.raises(DataError, match=rf"{own_pairs}: no such file; restore it"):
        known.lacking(CLAIM, SETTINGS)


@pytest.mark.parametrize("keep", [lambda text: text[:-40], lambda text: text[: text.rindex("\n", 0, -1) + 1]])
def test_cut_pairs_are_an_error_that_names_the_file(own_pairs: Path, keep: Callable[[str], str]) -> None:
    """In the middle of a line, and between two: then the provenance knows."""
    own_pairs.write_text(keep(own_pairs.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DataError, match=rf"{own_pairs}.*restore"):
        known.lacking(CLAIM, SETTINGS)


def test_pairs_that_were_mined_anew_are_other_settings(own_pairs: Path) -> None:
    own_pairs.write_text(own_pairs.read_text(encoding="utf-8") * 2, encoding="utf-8")
    beside = own_pairs.with_suffix(".provenance.json")
    beside.write_text(json.dumps({"files": {"pairs.jsonl": file_sha256(own_pairs)}}))
    assert "other settings" in str(known.lacking(CLAIM, SETTINGS))


def test_a_case_without_its_pairs_fails(tmp_path: Path) -> None:
    """A session of its own, whose claim's pairs are not there: one line, and no green skip."""
    plugin = (
        "from pathlib import Path\nimport selfboot.pairs as pairs\nreal = pairs.pairs_path\n"
        "def pairs_path(model, name):\n    return Path('gone') / f'{name}.jsonl'\n"
        "import selfboot.judging.calibration as calibration\n"
        "pairs.pairs_path = calibration.pairs_path = pairs_path\n"
    )
    (tmp_path / "without_pairs.py").write_text(plugin)
    command = [sys.executable, "-m", "pytest", "claims", "-p", "without_pairs", "-k", f"{CLAIM} and not full"]
    command += ["--scale", "mini", "-n", "0", "-q", "--store", str(tmp_path / "store"), "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout[-2000:]
    assert "DataError" in done.stdout
    assert f"{SETTINGS.pairs}.jsonl: no such file; restore it" in done.stdout
    assert "other settings" not in done.stdout


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
        replace(SETTINGS, protocol="recipe_with_sampling", options={"n": 4}),
    )
    marks = {known.fingerprint(settings) for settings in (SETTINGS, *other)}
    assert len(marks) == 6
    same = replace(SETTINGS, seeds=(1,), finding="said otherwise", minutes=3.0)
    assert known.fingerprint(same) == known.fingerprint(SETTINGS)
    monkeypatch.setattr(known, "_tasks", lambda benchmark: f"other tasks of {benchmark}")
    assert known.fingerprint(SETTINGS) not in marks


def test_figures_by_device_and_their_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {1000 + i: 50.0 + i % 5 for i in range(15)} | {1015: 52.0, 1016: 90.0}
    calls = [
        {"device": "CPU", "code": "", "seeds": {CLAIM: [1015, 1016]}},
        {"device": "GPU", "code": "", "seeds": {CLAIM: list(range(1000, 1015))}},
    ]
    trained = known.Measure(Arm("trained"), tuple(values), tuple(values.values()))
    monkeypatch.setattr(known, "MEASURED", tmp_path)
    known.write(known.path_of(MODEL), known.Calibration(MODEL, {CLAIM: {"trained": trained}}, {}, calls))
    known.calibration.cache_clear()
    by_device = known.calibration(MODEL).by_device(CLAIM, "trained")
    assert list(by_device) == ["GPU", "CPU"]
    assert by_device["CPU"] == {1015: 52.0, 1016: 90.0}
    rows = [line.split("|")[2:] for line in compared(MODEL)[2:]]
    assert [(row[0].strip(), row[3].strip(), row[5].strip()) for row in rows] == [
        ("GPU", "15", ""),
        ("CPU", "2", "OUT"),
    ]
    known.calibration.cache_clear()


def test_another_file_seed_by_seed(tmp_path: Path, measured: list[int]) -> None:
    run(tmp_path, 3)
    theirs = json.loads(known.path_of(MODEL).read_text(encoding="utf-8"))
    theirs["measures"][CLAIM]["trained"] |= {"seeds": [1000, 1001, 1002, 1007], "values": [0.0, 4.0, -2.0, 9.0]}
    theirs["provenance"][0] |= {"device": "a GPU", "seeds": {CLAIM: [1000, 1001, 1002, 1007]}}
    (path := tmp_path / "theirs.json").write_text(json.dumps(theirs))
    assert against(MODEL, path)[2:] == [f"| {CLAIM} | a GPU | 3 | 1 | +0.33 | 4 |"]
    with pytest.raises(DataError, match=r"nowhere\.json"):
        against(MODEL, tmp_path / "nowhere.json")
