"""The bootstrap miner on a scripted model and a plain interpreter: what becomes a pair."""

from __future__ import annotations

from pathlib import Path

from scripted import ScriptedModel, mine, records_of

from selfboot.mining.base import derive
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.records import Pair


def test_pairs_join_a_failing_and_a_passing_attempt(tmp_path: Path) -> None:
    miner = BootstrapMiner(steps=3, problems=8)
    pairs = miner.items(records_of(miner, ScriptedModel(), tmp_path))
    assert pairs
    for pair in pairs:
        assert isinstance(pair, Pair)
        assert "- 1" in pair.broken
        assert "- 1" not in pair.fixed
        assert pair.error == "AssertionError"


def test_repair_is_tried_only_when_all_attempts_fail(tmp_path: Path) -> None:
    miner = BootstrapMiner(steps=4, problems=16, attempts=2)
    records = records_of(miner, ScriptedModel(right=0.3), tmp_path)
    repaired = [(r, int(i)) for r in records for i in r["repaired"]]
    assert repaired
    assert all(status != "passed" for r, i in repaired for _, status, _ in r["attempts"][i])
    assert {p.meta["source"] for p in miner.items(records)} == {"attempt", "repair"}


def test_repairs_can_be_left_out(tmp_path: Path) -> None:
    miner = BootstrapMiner(steps=4, attempts=2, repairs=False)
    records = records_of(miner, ScriptedModel(right=0.3), tmp_path)
    assert all(r["repaired"] == {} for r in records)
    assert {p.meta["source"] for p in miner.items(records)} == {"attempt"}


def test_model_that_never_fails_or_never_solves_gives_no_pairs(tmp_path: Path) -> None:
    assert mine(BootstrapMiner(steps=2), ScriptedModel(right=1.0), tmp_path / "a") == ""
    assert mine(BootstrapMiner(steps=2), ScriptedModel(right=0.0), tmp_path / "b") == ""


def test_shuffled_tests_give_no_pairs(tmp_path: Path) -> None:
    assert mine(BootstrapMiner(steps=4, shuffle_tests=True), ScriptedModel(), tmp_path) == ""


def test_target_ends_the_run_and_caps_the_pairs(tmp_path: Path) -> None:
    miner = BootstrapMiner(target=5)
    records = records_of(miner, ScriptedModel(), tmp_path)
    assert len(miner.items(records)) == 5
    assert len(records) < miner.steps


def test_derived_seeds_depend_on_every_part() -> None:
    seeds = {derive(1), derive(2), derive(1, "a"), derive(1, "a", 0), derive(1, "a", 1), derive(1, "a0")}
    assert len(seeds) == 6
    assert all(0 <= s < 2**63 for s in seeds)
