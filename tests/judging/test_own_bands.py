"""Bands of any one model, which its user calibrates with `selfboot calibrate --scale small`: they hold at the same part
and tokens, and never for another model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

import claims.cases as cases_module
import selfboot.judging.calibrate as calibrating
from claims.cases import Case
from selfboot.cli.main import main
from selfboot.errors import DataError
from selfboot.judging.results import Result
from selfboot.lab import Drawn, Lab
from selfboot.protocols.any_model import Part, placed
from selfboot.protocols.base import Arm, Run
from selfboot.registry import registry
from selfboot.store import RunStore
from tests.core.test_any_model import CHATML, with_template
from tests.tiny_models import save_model

CLAIM, PART, TOKENS, SEEDS, N = "tts-4b-he", "1/32", 4, 15, 41
FILE = f"model-1of32-{TOKENS}tokens.json"
Play = Callable[[Callable[[int], int]], None]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(folder: Path, context: int = 2048) -> Path:
    return with_template(save_model(folder / "model", max_position_embeddings=context), CHATML)


def calibrated(model: Path, store: Path, seeds: int, *claims: str) -> dict[str, Any]:
    words = ["calibrate", str(model), "--scale", "small", "--part", PART, "--tokens", str(TOKENS)]
    assert main([*words, "--seeds", str(seeds), "--store", str(store), "--only", *claims]) == 0
    return dict(json.loads((store / "bands" / FILE).read_text()))


def judged(model: Path, store: Path, part: str = PART, claim: str = CLAIM) -> Result:
    chosen, entry = Part.read(part), registry()[claim]
    case = Case(entry, "small", placed(entry.scales["small"], str(model), chosen), part=chosen, tokens=TOKENS)
    with Lab(RunStore(store), graders=1, tokens=TOKENS) as lab, suppress(pytest.skip.Exception, pytest.fail.Exception):
        case.check(lab)
    return case.results[0]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """A model that solves 12 of 41 tasks greedily, and as many by sampling as a function of the seed says."""

    def set_to(best: Callable[[int], int]) -> None:
        def run_protocol(lab: Any, settings: Any, seed: int) -> Run:
            solved = {"greedy": 12, "best-of-8": best(seed)}
            outcomes = {name: [at < count for at in range(N)] for name, count in solved.items()}
            arms = {"greedy": Arm("base"), "best-of-8": Arm("base", greedy=False, draws=8, judged="any", seed=seed)}
            drawn = {name: Drawn("m", "e", "", f"{name} {seed}") for name in arms}
            return Run({name: float(count) for name, count in solved.items()}, arms, outcomes, drawn=drawn)

        for module in (calibrating, cases_module):
            monkeypatch.setattr(module, "run_protocol", run_protocol)

    return set_to


def usual(seed: int) -> int:
    return 24 + seed % 3


@pytest.mark.parametrize(
    ("best", "part", "verdict"),
    [
        (usual, PART, "as calibrated"),
        (lambda seed: 13, PART, "drifted"),
        (usual, "2/32", "measured"),  # no band of another part
    ],
)
def test_a_later_run_is_held_against_the_bands(
    best: Callable[[int], int], part: str, verdict: str, play: Play, tmp_path: Path
) -> None:
    model = tiny(tmp_path)
    play(usual)
    table = calibrated(model, tmp_path / "store", SEEDS, CLAIM)
    assert table["measures"][CLAIM]["best-of-8"]["seeds"] == list(range(1000, 1000 + SEEDS))
    play(best)
    found = judged(model, tmp_path / "store", part)
    assert found.verdict == verdict
    assert found.agreement == ("no effect" if verdict == "drifted" else "same direction")


def test_bands_are_of_one_model(play: Play, tmp_path: Path) -> None:
    """Another one of that name is refused in one line, not judged by them."""
    play(usual)
    calibrated(tiny(tmp_path / "a"), tmp_path / "store", SEEDS, CLAIM)
    other = tiny(tmp_path / "b", context=1024)
    with pytest.raises(DataError, match=f"{FILE}: {CLAIM} was calibrated with another model or other settings"):
        judged(other, tmp_path / "store")


def test_too_few_seeds_are_no_band(tmp_path: Path) -> None:
    """A real run of two seeds: judged as without them, also a claim that has no seed."""
    model = tiny(tmp_path)
    table = calibrated(model, tmp_path / "store", 2, "stop-strings", CLAIM)
    assert len(table["measures"][CLAIM]["best-of-8"]["values"]) == 2
    for claim in (CLAIM, "stop-strings"):
        assert all(part.asked.criterion != "band" for part in judged(model, tmp_path / "store", claim=claim).parts)


def test_a_claim_without_enough_pairs_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFBOOT_DATA", "/no-such-folder")
    table = calibrated(tiny(tmp_path), tmp_path / "store", 1, "recipe-7b", "stop-strings")
    assert list(table["measures"]) == ["stop-strings"]
    said = capsys.readouterr().err
    assert "recipe-7b is left out: not enough pairs: 0 of 10 (0 from 64 invented problems" in said
    assert "synergy" not in said


def test_the_options_of_any_one_model_need_its_scale(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "organism-0", "--part", "1/4"]) == 2
    assert "--part is for any one model: add --scale small" in capsys.readouterr().err
