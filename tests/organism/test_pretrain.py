"""Pre-training: a tiny run on the CPU learns, is repeatable, and leaves a folder that transformers loads."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.organism.generator import corpus
from fixtures.organism.generator.pretrain import CONFIGS, build, learning_rate, load_rows, train

ROOT = Path(__file__).resolve().parents[2]
TOKENIZER = ROOT / "fixtures/organism/tokenizer"
TINY = CONFIGS["tiny"]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    corpus.write_tokens([("bulk", 0), ("chat", 0), ("tidy", 0)], TOKENIZER, folder, 1, chars=60_000)
    return folder


def test_a_tiny_run_learns_and_loads(tokens: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    record = train(TINY, 0, tokens, tmp_path / "a")
    log = [json.loads(line) for line in (tmp_path / "a/log.jsonl").read_text().splitlines()]
    assert log[-1]["steps"] == record["steps"] > 50
    assert record["loss"] < log[0]["loss"] - 0.5
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "a")
    assert model.dtype == torch.bfloat16
    assert model.generation_config.eos_token_id == [0, 2]
    train(TINY, 0, tokens, tmp_path / "b")
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert hashlib.sha256(files[0]).digest() == hashlib.sha256(files[1]).digest()


def test_training_goes_on_from_finished_weights(tokens: Path, tmp_path: Path) -> None:
    first = train(TINY, 0, tokens, tmp_path / "a")
    config = replace(TINY, streams=(("bulk", 0.2), ("tidy", 1.0)), start="tiny")
    second = train(config, 0, tokens, tmp_path / "b", start=tmp_path / "a", wait=True)
    first_log = [json.loads(line) for line in (tmp_path / "b/log.jsonl").read_text().splitlines()]
    assert first_log[0]["loss"] < first["loss"] + 0.3
    assert second["steps"] < first["steps"]


def test_rows_are_shuffled_by_the_seed_and_cover_the_shards(tokens: Path) -> None:
    data, starts = load_rows(tokens, TINY, 0)
    _, again = load_rows(tokens, TINY, 0)
    _, other = load_rows(tokens, TINY, 1)
    assert (starts == again).all()
    assert not (starts == other).all()
    assert sorted(starts) == sorted(other)
    assert (starts + TINY.context < len(data)).all()
    with pytest.raises(FileNotFoundError, match=r"generator\.corpus"):
        load_rows(tokens / "nowhere", TINY, 0)


def test_schedule_warms_up_and_ends_at_zero() -> None:
    rates = [learning_rate(step, 1000, CONFIGS["default"]) for step in range(1000)]
    assert max(rates) == pytest.approx(CONFIGS["default"].lr)
    assert rates[0] < rates[50] < rates[99]
    assert rates[-1] < 1e-5


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_configuration_builds(name: str) -> None:
    model = build(CONFIGS[name], 0)
    assert model.config.max_position_embeddings == 1024
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
