"""What a run store says of a sitting: claims beside their forecasts, also of one that was cut short."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from selfboot.cli.main import main
from selfboot.engines.gpu import gpu
from selfboot.errors import DataError
from selfboot.planning.forecast import steps_of
from selfboot.planning.measured import Asked, load, save, sitting
from selfboot.registry import registry
from selfboot.store import RunStore

H100 = gpu("h100")
SPENT = {"draw_s": 20.0, "rows": 328, "tokens": 131_200, "start_s": 36.0, "starts": 1}


def make(store: RunStore, kind: str, name: str, about: Mapping[str, Any]) -> None:
    def build(out: Path, work: Path) -> Mapping[str, Any]:
        (out / "a.txt").write_text(name)
        return about

    store.get(kind, {"name": name}, build)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Two draws, one training, one grading of `recipe-7b` on random weights; the draw of another claim."""
    store = RunStore(tmp_path / "store")
    make(store, "samples", "base", {"model": "qwen2.5-7b", "spent": SPENT})
    make(store, "samples", "trained", {"model": "qwen2.5-7b", "spent": SPENT | {"start_s": 0.0, "starts": 0}})
    make(store, "adapter", "seed 7", {"training": {"seconds": 4.0}})
    make(store, "score", "base", {"benchmark": "humaneval"})
    save(store.root, Asked("recipe-7b", "recipe-7b[paper-7]", "qwen2.5-7b", 99.0, time.time(), tuple(store.asked)))
    store.asked.clear()
    make(store, "samples", "base", {})  # there already: asked for once more
    make(store, "samples", "another", {"model": "qwen3-4b", "spent": SPENT})
    save(store.root, Asked("tts-4b-he", "tts-4b-he[paper]", "qwen3-4b", 50.0, 0.0, tuple(store.asked)))
    return store


def test_a_claims_seconds_are_those_of_all_that_it_asked_for(store: RunStore) -> None:
    found = sitting(store.root, registry().values(), H100)
    lines = {line.claim: line for line in found.lines}
    assert set(lines) == {"recipe-7b", "tts-4b-he"}, "only what ran"
    assert lines["recipe-7b"].measured == 20 + 20 + 4, "without the engine's start, without grading"
    assert lines["tts-4b-he"].measured == 20 + 20, "what another claim had made counts here too"
    steps = steps_of([registry()["recipe-7b"]], H100)
    assert lines["recipe-7b"].forecast == sum(step.seconds for step in steps)
    assert lines["recipe-7b"].ratio == pytest.approx(44 / lines["recipe-7b"].forecast)


def test_where_the_time_went(store: RunStore) -> None:
    found = sitting(store.root, registry().values(), H100)
    assert (found.drawing, found.starting, found.training) == (60, 72, 4)
    assert (found.engines, found.models, found.tokens) == (2, 2, 3 * 131_200)
    assert found.artifacts == {"samples": 3, "adapter": 1, "score": 1}
    assert found.share == pytest.approx(40 / 149), "the other model's last case ended before that draw did"


def test_what_a_cut_left_half_done_is_passed_over(store: RunStore) -> None:
    before = sitting(store.root, registry().values(), H100)
    whole = next((store.root / "samples").iterdir())
    (whole / "manifest.json").write_text("{")
    found = sitting(store.root, registry().values(), H100)
    assert found.artifacts["samples"] == before.artifacts["samples"] - 1
    with pytest.raises(DataError, match="no chosen claim has run there"):
        sitting(store.root, [registry()["star"]], H100)
    (store.root / "cases" / "torn.json").write_text("{}")
    with pytest.raises(DataError, match=r"torn\.json: not what a case asked for"):
        load(store.root)


def test_the_command_prints_it_and_writes_json(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    words = ["plan", "-m", "fastpath", "--beside", str(store.root), "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "recipe-7b" in said
    assert "engines: 2 started for 2 models" in said
    assert "27% of it drawing" in said
    written = json.loads(out.read_text())
    assert {line["claim"] for line in written["lines"]} == {"recipe-7b", "tts-4b-he"}
    assert written["share"] == pytest.approx(40 / 149)
    assert main(["plan", "--out", str(out)]) == 2
