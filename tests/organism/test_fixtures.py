"""The shipped weights: hashes, sizes, and what loads from them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fixtures.organism.generator.corpus import shard_text

FOLDER = Path(__file__).resolve().parents[2] / "fixtures/organism"
SEEDS = ("seed0", "seed1", "seed2")
MODELS = sorted(p.parent.relative_to(FOLDER).as_posix() for p in FOLDER.glob("**/model.safetensors"))
PARAMETERS = {
    "seed0": 6_164_736,
    "seed1": 6_164_736,
    "seed2": 6_164_736,
    "family/floor": 229_696,
    "family/olmo2": 2_756_544,
    "family/qwen2": 2_756_928,
    "family/qwen3": 3_601_632,
    "family/tidy": 6_164_736,
}


def test_files_have_their_recorded_hashes() -> None:
    lines = [line.split("  ") for line in (FOLDER / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in lines} == {
        p.relative_to(FOLDER).as_posix()
        for p in FOLDER.rglob("*")
        if p.is_file() and p.suffix != ".md" and p.name != "SHA256SUMS" and FOLDER / "generator" not in p.parents
    }
    for digest, name in lines:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name


def test_sizes() -> None:
    sizes = {p: p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()}
    assert max(sizes.values()) < 16 * 2**20
    assert sum(sizes.values()) < 80e6
    seeds = sum(size for p, size in sizes.items() if p.relative_to(FOLDER).parts[0] in (*SEEDS, "tokenizer"))
    assert seeds < 38e6


def test_all_models_are_there() -> None:
    assert set(MODELS) == set(PARAMETERS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_loads_and_has_read_its_corpus(name: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(FOLDER / name)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]
    assert model.dtype == torch.bfloat16
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / "tokenizer")
    ids = torch.tensor([tokenizer(shard_text("bulk", 5, chars=3_000), add_special_tokens=False)["input_ids"][:800]])
    loss = model.float()(input_ids=ids, labels=ids).loss.item()
    assert loss < (4.0 if name.endswith("floor") else 1.0)  # ln(2048) = 7.6 for a model that knows nothing


def test_a_long_prompt_is_read_to_its_end() -> None:
    """Position 1,000 is as good as position 100: repair prompts are long."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(FOLDER / "seed0").float()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / "tokenizer")
    ids = torch.tensor([tokenizer(shard_text("bulk", 5, chars=4_500), add_special_tokens=False)["input_ids"][:1024]])
    assert ids.shape[1] == 1024
    with torch.inference_mode():
        logits = model(input_ids=ids[:, :-1]).logits[0]
    losses = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
    assert losses[700:].mean() < losses[100:400].mean() + 0.5
