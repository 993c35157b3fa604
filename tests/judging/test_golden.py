"""The mini model's greedy tokens are the recorded ones, where versions and processor are."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.judging.golden import BENCHMARKS, differing, manifest, recorded
from selfboot.lab import Lab
from selfboot.store import RunStore, digest

LENGTHS = {"minieval": 164, "minimath": 200, "minilib": 150}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_no_greedy_token_has_changed(name: str, tmp_path: Path) -> None:
    if (ours := manifest()) != (kept := recorded()["manifest"]):
        pytest.skip(f"golden tokens were drawn with {kept}, here is {ours}")
    with Lab(RunStore(tmp_path)) as lab:
        assert differing(lab, name) == []


def test_digests_are_those_of_the_tokens() -> None:
    kept = recorded()
    assert kept["digests"] == {name: digest(found)[:16] for name, found in kept["tokens"].items()}
    assert {name: len(found) for name, found in kept["tokens"].items()} == LENGTHS
