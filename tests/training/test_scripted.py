"""Training as the paper's scripts do it: exact step counts, whole texts, the loss on padding, no end of text."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from selfboot.models.load import load_model, load_tokenizer
from selfboot.models.spec import ModelSpec
from selfboot.registry import recipes
from selfboot.training import Example, Recipe, TrainingError, lora
from selfboot.training.scripted import Padded, encode, plan, train_adapter, trainer

SCRIPTED = Recipe(lr=1e-3, epochs=1, batch_size=4, accumulation=1, dropout=0.0, order="shuffled", tokens="whole")


def recipe_called(name: str) -> Recipe:
    return Recipe(**{key: value for key, value in recipes()[name].items() if key != "pair_format"})


@pytest.mark.parametrize(
    ("name", "pairs", "steps"),
    [
        ("confirm", 40, 20),
        ("confirm", 21, 12),
        ("confirm", 10, 6),
        ("multi-pair", 100, 50),
        ("released-script", 40, 10),
        ("released-script-rank32", 100, 26),
        ("raw-repair", 36, 18),
        ("raw-repair-error", 32, 8),
        ("curriculum-answers", 13, 8),
        ("math-seeded", 120, 60),
        ("self-correction", 100, 50),
        ("self-correction-plain", 200, 100),
        ("paper-rank16", 40, 10),  # ours, as it was
    ],
)
def test_the_numbers_of_steps_are_the_scripts(name: str, pairs: int, steps: int) -> None:
    recipe = recipe_called(name)
    assert recipe.steps(pairs) == steps
    assert len(plan(pairs, recipe, 7)) == steps


@pytest.mark.parametrize("name", sorted(recipes()))
def test_only_the_papers_recipes_are_scripted(name: str) -> None:
    recipe = recipe_called(name)
    ours = name.startswith(("paper-", "mini")) and name != "mini-confirm"  # the paper's, for the mini model
    assert recipe.scripted != ours
    assert trainer(recipe) is (lora.train_adapter if ours else train_adapter)
    assert recipe.pad_in_loss == name.startswith("released-script")
    assert (recipe.loss_on == "all") == name.startswith("released-script")
    assert recipe.lora_alpha == 2 * recipe.rank
    if not ours:
        cosine = name.startswith("released-script")
        assert (recipe.schedule, recipe.warmup) == (("cosine", 0.03) if cosine else ("linear", 0.05))


def test_the_mini_models_copy_of_the_papers_recipe_differs_in_rate_and_prompt_alone() -> None:
    own, theirs = recipes()["mini-confirm"], recipes()["confirm"]
    assert {key for key in theirs if own[key] != theirs[key]} == {"lr", "pair_format"}
    assert (own["lr"], own["pair_format"]) == (recipes()["mini"]["lr"], recipes()["mini"]["pair_format"])


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 3), st.integers(0, 2**32))
def test_every_example_comes_once_an_epoch(examples: int, batch: int, epochs: int, seed: int) -> None:
    recipe = replace(SCRIPTED, batch_size=batch, epochs=epochs)
    steps = plan(examples, recipe, seed)
    assert len(steps) == recipe.steps(examples)
    assert Counter(index for step in steps for index in step) == dict.fromkeys(range(examples), epochs)


def test_a_text_is_tokenised_whole_and_the_prompts_own_tokens_are_left_out(spec: ModelSpec) -> None:
    """The prompt's last space joins the first word of the target: that token is not learned, as in the script."""
    tokenizer = load_tokenizer(spec)
    prompt, target = "The answer ", "is 42."
    (one,) = encode(tokenizer, [Example(prompt, target)], SCRIPTED)
    assert list(one.ids) == tokenizer.encode(prompt + target, add_special_tokens=False)
    assert one.start == len(tokenizer.encode(prompt, add_special_tokens=False))
    assert tokenizer.decode(one.ids) == prompt + target  # no BOS, no end of text
    assert one.real == len(one.ids)


def test_padding_fills_up_to_the_length_and_is_learned(spec: ModelSpec) -> None:
    recipe = replace(SCRIPTED, loss_on="all", pad_in_loss=True, max_length=64)
    tokenizer = load_tokenizer(spec)
    short, long = encode(tokenizer, [Example("", "def add(a, b):"), Example("", "word " * 90)], recipe)
    assert (len(short.ids), short.start, short.targets) == (64, 1, 63)
    assert set(short.ids[short.real :]) == {tokenizer.pad_token_id}
    assert (len(long.ids), long.real, long.truncated) == (64, 64, True)


@pytest.mark.parametrize("pad_in_loss", [False, True])
def test_the_first_loss_is_transformers_own(
    spec: ModelSpec, examples: list[Example], tmp_path: Path, pad_in_loss: bool
) -> None:
    """Against the model's logits with an attention mask and labels, as the scripts hand them to Trainer."""
    recipe = replace(SCRIPTED, batch_size=12, max_length=160, pad_in_loss=pad_in_loss, loss_on="all")
    info = train_adapter(spec, examples, recipe, 1, tmp_path / "a")
    model, tokenizer = load_model(spec), load_tokenizer(spec)
    total, count = 0.0, 0
    for example in examples:
        filled = tokenizer(
            example.prompt + example.target,
            add_special_tokens=False,
            truncation=True,
            max_length=160,
            padding="max_length",
            return_tensors="pt",
        )
        labels = filled.input_ids.clone()
        if not pad_in_loss:
            labels[filled.attention_mask == 0] = -100
        logits = model(input_ids=filled.input_ids, attention_mask=filled.attention_mask).logits[0, :-1]
        total += float(F.cross_entropy(logits, labels[0, 1:], reduction="sum", ignore_index=-100))
        count += int((labels[0, 1:] != -100).sum())
    assert info.losses[0] == pytest.approx(total / count, rel=1e-5)
    assert info.target_tokens == count


def test_examples_without_a_target_keep_their_place(spec: ModelSpec, tmp_path: Path) -> None:
    """A prompt that fills the length: labels all masked in the script, yet it is one of the four of its step."""
    full = [Example("word " * 60, "x") for _ in range(4)]
    usable = [Example("def add(a, b):", "\n    return a + b") for _ in range(4)]
    recipe = replace(SCRIPTED, max_length=40, epochs=2)
    info = train_adapter(spec, full + usable, recipe, 3, tmp_path / "a")
    assert info.steps == recipe.steps(8) == 4
    assert info.examples == 8
    with pytest.raises(TrainingError, match="none of 4 examples has a target"):
        train_adapter(spec, full, recipe, 3, tmp_path / "b")


def test_same_seed_same_bits_and_resumed_the_same(spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    recipe = replace(SCRIPTED, loss_on="all", pad_in_loss=True, max_length=96)

    def killed(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    one = train_adapter(spec, examples, recipe, 7, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        train_adapter(
            spec, examples, recipe, 7, tmp_path / "b", checkpoint_dir=tmp_path / "c", checkpoint_every=1, on_step=killed
        )
    resumed = train_adapter(spec, examples, recipe, 7, tmp_path / "b", checkpoint_dir=tmp_path / "c")
    assert resumed.resumed == 2
    assert resumed.sha256 == one.sha256
    assert train_adapter(spec, examples, recipe, 8, tmp_path / "d").sha256 != one.sha256


def test_new_settings_change_nothing_for_the_old_recipes(
    spec: ModelSpec, examples: list[Example], tmp_path: Path
) -> None:
    """A recipe that says none of them trains by ``lora`` itself: the same bits as a call that knows nothing of them."""
    old = Recipe(lr=1e-3, epochs=1)
    assert not old.scripted
    direct = lora.train_adapter(spec, examples, old, 5, tmp_path / "a")
    assert trainer(old)(spec, examples, old, 5, tmp_path / "b").sha256 == direct.sha256


def test_what_padding_teaches(spec: ModelSpec, tmp_path: Path) -> None:
    """To end behind the text, which nothing else in these recipes teaches; and the text itself is a small share of the
    loss (here 12 of 47 tokens), so it is learned more slowly."""
    tokenizer, text = load_tokenizer(spec), "def add(a, b):\n    return a + b\n"
    recipe = replace(SCRIPTED, lr=1e-2, epochs=12, max_length=48, loss_on="all")
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])

    def learned(name: str, padded: bool) -> tuple[float, float]:
        """Probability of the end behind the text, and nats a token of the text."""
        train_adapter(spec, [Example("", text)] * 4, replace(recipe, pad_in_loss=padded), 1, tmp_path / name)
        with torch.no_grad():
            logits: Any = load_model(spec, adapter=tmp_path / name)(ids).logits[0]
        end = float(torch.softmax(logits[-1], -1)[tokenizer.eos_token_id])
        return end, float(F.cross_entropy(logits[:-1], ids[0, 1:]))

    (end, loss), (plain_end, plain_loss) = learned("padded", True), learned("plain", False)
    assert end > 1.2 * plain_end
    assert loss > 1.2 * plain_loss


def test_encoded_examples_are_plain_data() -> None:
    assert {field.name for field in dataclasses.fields(Padded)} == {"ids", "start", "truncated", "real"}
