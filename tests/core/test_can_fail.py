"""The suite must be able to fail: on random weights every positive claim comes out "not reproduced"."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfboot.paths import ROOT
from selfboot.results import Result, load


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Result], str]:
    """A lift and a fall on random weights, in a process and a store of its own; one seed is enough to fail."""
    store: Path = tmp_path_factory.mktemp("store")
    words = ["claims", "-k", "(forty_self_mined and mini-7) or stop_strings", "--scale", "mini", "--weights", "random"]
    words += ["--store", str(store), "-p", "no:xdist", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        check=False,
    )
    return load(store / "results"), done.stdout


@pytest.mark.slow
def test_every_positive_claim_fails_on_random_weights(rehearsal: tuple[list[Result], str]) -> None:
    results, output = rehearsal
    verdicts = {result.claim: result.verdict for result in results}
    assert set(verdicts) == {"recipe-7b", "stop-strings"}, output[-3000:]
    assert set(verdicts.values()) == {"not reproduced"}, verdicts


@pytest.mark.slow
def test_a_rehearsal_is_marked_as_one(rehearsal: tuple[list[Result], str]) -> None:
    results, output = rehearsal
    assert {result.weights for result in results} == {"random"}
    assert "no reproduction" in output
