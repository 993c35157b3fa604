"""Wrong systems that really run: all but those named with a reason are noticed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from selfboot.judging.wrong_systems import (
    FAULTS,
    SURVIVES,
    HalfThePairs,
    StopStringsIgnored,
    WrongContent,
    recorded,
    run,
)
from selfboot.lab import Lab
from selfboot.records import Sampling
from selfboot.store import RunStore

FULL = bool(os.environ.get("SELFBOOT_FULL"))


def test_every_fault_is_recorded_and_those_that_survive_have_a_reason() -> None:
    found = recorded()
    assert set(found) == set(FAULTS)
    assert {name for name, one in found.items() if one.verdict != "drifted"} == set(SURVIVES)


def test_what_survives_changes_little() -> None:
    assert all(recorded()[name].change < 10 for name in SURVIVES)


def test_pairs_of_wrong_content_keep_all_but_the_fixed_programs(tmp_path: Path) -> None:
    with Lab(RunStore(tmp_path)) as right, WrongContent(RunStore(tmp_path)) as wrong:
        before, after = (lab.pairs("organism-0", "self-mined") for lab in (right, wrong))
    assert [pair.broken for pair in before] == [pair.broken for pair in after]
    assert sorted(pair.fixed for pair in before) == sorted(pair.fixed for pair in after)
    assert all(one.fixed != other.fixed for one, other in zip(before, after, strict=True))


def test_half_the_pairs_are_the_first_ones(tmp_path: Path) -> None:
    with Lab(RunStore(tmp_path)) as right, HalfThePairs(RunStore(tmp_path)) as wrong:
        assert wrong.pairs("organism-0", "self-mined") == right.pairs("organism-0", "self-mined")[:20]


def test_ignored_stop_strings_reach_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(Lab, "sample", lambda self, model, prompts, sampling, *rest: seen.append(sampling))
    with StopStringsIgnored(RunStore(tmp_path)) as wrong:
        wrong.sample("organism-0", ["x"], Sampling(stop=("\n\n",)))
    assert seen == [Sampling()]


@pytest.mark.slow
@pytest.mark.skipif(not FULL, reason="SELFBOOT_FULL=1 runs every wrong system, some five minutes of one core")
@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_system_drifts(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = tmp_path_factory.getbasetemp() / "wrong-systems"
    found = run(name, store)
    assert (found.verdict == "drifted") == (name not in SURVIVES), found.reason
