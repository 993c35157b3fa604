"""LoRA training: the loss it minimises, its batches, its schedule, its bits, its files and its errors."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import torch.nn.functional as F
import transformers
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from selfboot.errors import DataError, StoreError
from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.training import Example, Recipe, TrainingError
from selfboot.training.lora import encode, micro_batches, plan, train_adapter, weights_digest
from tests.tiny_models import ARCHITECTURES, save_model

RECIPE = Recipe(rank=4, lr=1e-2, batch_size=2, accumulation=2)


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=200), st.integers(1, 9), st.integers(1, 3), st.integers(0, 99)
)
def test_every_example_comes_once_an_epoch(lengths: list[int], batch: int, epochs: int, seed: int) -> None:
    recipe = Recipe(batch_size=batch, accumulation=1, epochs=epochs)
    steps = plan(lengths, recipe, seed)
    assert len(steps) == recipe.steps(len(lengths))
    for epoch in range(epochs):
        own = steps[epoch * len(steps) // epochs : (epoch + 1) * len(steps) // epochs]
        assert sorted(index for step in own for index in step) == list(range(len(lengths)))
        assert all(len(step) <= batch for step in own)
    assert steps == plan(lengths, recipe, seed)


def test_batches_are_of_like_length() -> None:
    lengths = torch.randint(20, 400, (400,), generator=torch.Generator().manual_seed(0)).tolist()
    steps = plan(lengths, Recipe(batch_size=8, accumulation=1, epochs=1), 5)
    padded = sum(len(step) * max(lengths[index] for index in step) for step in steps)
    assert padded < 1.2 * sum(lengths)
    assert steps != plan(lengths, Recipe(batch_size=8, accumulation=1, epochs=1), 6)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(1, 900))
def test_micro_batches_keep_all_examples_within_the_budget(lengths: list[int], most: int) -> None:
    step = sorted(range(len(lengths)), key=lambda index: lengths[index])
    batches = list(micro_batches(step, lengths, most))
    assert [index for batch in batches for index in batch] == step
    assert all(len(batch) == 1 or len(batch) * lengths[batch[-1]] <= most for batch in batches)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("steps", [1, 7, 80])
def test_the_schedule_is_transformers_own(schedule: Any, steps: int) -> None:
    recipe = Recipe(lr=3e-4, schedule=schedule, warmup=0.05)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    warm = -(-steps * 5 // 100)
    theirs = transformers.get_scheduler(name, optimizer, num_warmup_steps=warm, num_training_steps=steps)
    for step in range(steps):
        assert recipe.rate(step, steps) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9, abs=1e-15)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("loss_on", ["target", "all"])
def test_first_loss_is_the_mean_cross_entropy_of_the_targets(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, loss_on: Any
) -> None:
    """Against the model's own logits, one example at a time, without padding (the fresh adapter changes nothing)."""
    recipe = replace(RECIPE, batch_size=12, accumulation=1, dropout=0.0, epochs=1, loss_on=loss_on)
    info = train_adapter(spec, examples, recipe, 1, tmp_path / "a")
    model, tokenizer, total, count = load_model(spec), load_tokenizer(spec), 0.0, 0
    for example in examples:
        prompt = [0, *tokenizer.encode(example.prompt)]
        ids = torch.tensor([*prompt, *tokenizer.encode(example.target)])
        start = len(prompt) if loss_on == "target" else 1
        logits = model(ids[None]).logits[0, start - 1 : -1]
        total += float(F.cross_entropy(logits, ids[start:], reduction="sum"))
        count += len(ids) - start
    assert info.losses[0] == pytest.approx(total / count, rel=1e-5)
    assert info.target_tokens == count


def test_only_the_product_of_batch_size_and_accumulation_matters(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, dropout=0.0)
    whole = train_adapter(spec, examples, recipe, 1, tmp_path / "a")
    other = train_adapter(spec, examples, replace(recipe, batch_size=1, accumulation=4), 1, tmp_path / "b")
    assert other.sha256 == whole.sha256
    monkeypatch.setattr("selfboot.training.lora.micro_batches", lambda step, lengths: ([index] for index in step))
    apart = train_adapter(spec, examples, recipe, 1, tmp_path / "c")
    assert apart.losses == pytest.approx(whole.losses, rel=1e-3)


def test_same_seed_same_bits_other_seed_other_adapter(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    one, two, other = (train_adapter(spec, examples, RECIPE, s, tmp_path / str(i)) for i, s in enumerate((7, 7, 8)))
    assert (one.sha256, one.init_sha256, one.losses) == (two.sha256, two.init_sha256, two.losses)
    assert one.sha256 != other.sha256
    assert one.init_sha256 != other.init_sha256


def test_the_callers_random_state_neither_matters_nor_changes(
    spec: ModelSpec, examples: list[Example], tmp_path: Path
) -> None:
    one = train_adapter(spec, examples, RECIPE, 7, tmp_path / "a")
    torch.rand(5)
    before = torch.get_rng_state()
    assert train_adapter(spec, examples, RECIPE, 7, tmp_path / "b").sha256 == one.sha256
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_learns_and_the_adapter_loads(architecture: str, examples: list[Example], tmp_path: Path) -> None:
    spec = ModelSpec(architecture, str(save_model(tmp_path / "m", architecture)))
    info = train_adapter(spec, examples, replace(RECIPE, epochs=10), 7, tmp_path / "a")
    assert sum(info.losses[-3:]) < 0.8 * sum(info.losses[:3])
    ids = torch.tensor([load_tokenizer(spec).encode(examples[0].prompt + examples[0].target)])
    merged, apart, base = (
        load_model(spec, adapter=tmp_path / "a")(ids, labels=ids).loss,
        load_model(spec, adapter=tmp_path / "a", merge=False)(ids, labels=ids).loss,
        load_model(spec)(ids, labels=ids).loss,
    )
    assert float(merged) == pytest.approx(float(apart), rel=1e-4)
    assert float(merged) < float(base)


def test_the_folder_is_pefts_own_and_names_no_path(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    info = train_adapter(spec, examples, RECIPE, 7, tmp_path / "a")
    assert sorted(path.name for path in info.path.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
    ]
    weights = load_file(tmp_path / "a" / "adapter_model.safetensors")
    assert weights_digest(weights) == info.sha256
    assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" in weights
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"
    assert (config["r"], config["lora_alpha"], config["lora_dropout"], config["bias"]) == (4, 8, 0.05, "none")
    assert config["target_modules"] == ["k_proj", "o_proj", "q_proj", "v_proj"]
    read = peft.PeftConfig.from_pretrained(str(tmp_path / "a"))
    assert isinstance(read, peft.LoraConfig)
    assert str(tmp_path) not in (tmp_path / "a" / "training.json").read_text()
    assert json.loads((tmp_path / "a" / "training.json").read_text())["losses"] == list(info.losses)


def test_start_from_continues_the_weights(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    first = train_adapter(spec, examples, replace(RECIPE, epochs=6), 7, tmp_path / "a")
    more = train_adapter(spec, examples, RECIPE, 8, tmp_path / "b", start_from=tmp_path / "a")
    fresh = train_adapter(spec, examples, RECIPE, 8, tmp_path / "c")
    assert more.losses[0] < 0.8 * fresh.losses[0]
    a_matrix = load_file(tmp_path / "a" / "adapter_model.safetensors")
    name = next(name for name in sorted(a_matrix) if "lora_A" in name)
    assert more.init_sha256 != fresh.init_sha256
    assert first.sha256 != more.sha256
    assert a_matrix[name].shape == (4, 64)
    with pytest.raises(DataError, match="has rank 4, the recipe says 8"):
        train_adapter(spec, examples, replace(RECIPE, rank=8), 8, tmp_path / "d", start_from=tmp_path / "a")


def stop_at(step: int) -> Callable[[int, int], None]:
    def on_step(done: int, total: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return on_step


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_interrupted_and_resumed_ends_with_the_same_bits(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, step: int
) -> None:
    work = tmp_path / "work"
    whole = train_adapter(spec, examples, RECIPE, 7, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        train_adapter(spec, examples, RECIPE, 7, tmp_path / "b", "cpu", work, stop_at(step), checkpoint_every=2)
    assert not (tmp_path / "b").exists()
    again = train_adapter(spec, examples, RECIPE, 7, tmp_path / "b", "cpu", work, checkpoint_every=2)
    assert again.resumed == step // 2 * 2
    assert (again.sha256, again.losses, again.init_sha256) == (whole.sha256, whole.losses, whole.init_sha256)


@pytest.mark.parametrize(
    ("fewer", "recipe", "seed"), [(1, RECIPE, 7), (0, replace(RECIPE, lr=0.1), 7), (0, RECIPE, 8)], ids=str
)
def test_a_checkpoint_of_another_training_is_set_aside(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, fewer: int, recipe: Recipe, seed: int
) -> None:
    work = tmp_path / "work"
    train_adapter(spec, examples, RECIPE, 7, tmp_path / "a", "cpu", work, checkpoint_every=2)
    quiet = train_adapter(spec, examples[fewer:], recipe, seed, tmp_path / "b")
    with pytest.warns(UserWarning, match="belongs to another training"):
        found = train_adapter(spec, examples[fewer:], recipe, seed, tmp_path / "c", "cpu", work)
    assert (found.resumed, found.sha256) == (0, quiet.sha256)
    assert list(work.glob("checkpoint.other-*"))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_checkpoint_is_set_aside_and_the_training_done_again(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, damage: str
) -> None:
    whole = train_adapter(spec, examples, RECIPE, 7, tmp_path / "a", "cpu", tmp_path, checkpoint_every=2)
    path = tmp_path / "checkpoint"
    payload = bytearray(path.read_bytes())
    payload[-20] ^= 1
    path.write_bytes({"flip": payload, "cut": payload[:100], "empty": b""}[damage])
    with pytest.warns(UserWarning, match="half-done work .* is damaged"):
        again = train_adapter(spec, examples, RECIPE, 7, tmp_path / "b", "cpu", tmp_path, checkpoint_every=2)
    assert (again.resumed, again.sha256) == (0, whole.sha256)
    assert len(list(tmp_path.glob("checkpoint.damaged-*"))) == 1


def test_long_examples_lose_their_end_and_are_counted(spec: ModelSpec) -> None:
    tokenizer = load_tokenizer(spec)
    long, short, hopeless = Example("a b", "c d e " * 50), Example("a", "b"), Example("c d e " * 50, "f")
    found = encode(tokenizer, [long, short, hopeless], replace(RECIPE, max_length=20))
    assert [(len(example.ids), example.truncated) for example in found] == [(20, True), (3, False)]
    assert all(example.ids[0] == 0 for example in found)


@pytest.mark.parametrize(
    ("examples_", "change", "message"),
    [
        ([], {}, "none of 0 examples has a target"),
        ([Example("abc", "")], {}, "none of 1 examples has a target"),
        ([Example("a b c d e f g h", "target")], {"max_length": 4}, "within max_length=4; .* raise max_length"),
    ],
)
def test_nothing_to_learn_is_an_error(
    spec: ModelSpec, tmp_path: Path, examples_: list[Example], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        train_adapter(spec, examples_, replace(RECIPE, **change), 7, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_loss_that_is_no_number_stops_the_training(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"loss nan at step .* lower lr"):
        train_adapter(spec, examples, replace(RECIPE, lr=1e30, clip=0.0, epochs=4, warmup=0.0), 7, tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_one_clear_error(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def replace_fails(self: Path, target: Path) -> Path:
        raise OSError(code, "no", str(target))

    monkeypatch.setattr(Path, "replace", replace_fails)
    with pytest.raises(StoreError, match=r"disk is full|read-only"):
        train_adapter(spec, examples, RECIPE, 7, tmp_path / "a", "cpu", tmp_path / "work", checkpoint_every=2)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "something half-written was left"


@pytest.mark.parametrize(
    "change",
    [
        {"rank": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"epochs": 0},
        {"dropout": 1.0},
        {"schedule": "step"},
        {"loss_on": "x"},
    ],
)
def test_impossible_recipes_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"recipe {next(iter(change))}="):
        replace(RECIPE, **change)


def test_gradient_checkpointing_gives_the_same_training(
    spec: ModelSpec, examples: list[Example], tmp_path: Path
) -> None:
    plain = train_adapter(spec, examples, RECIPE, 7, tmp_path / "a")
    saving = train_adapter(spec, examples, replace(RECIPE, gradient_checkpointing=True), 7, tmp_path / "b")
    assert saving.losses == pytest.approx(plain.losses, rel=1e-4)
