"""A base that stays in memory between trainings: read once, and every adapter to the bit what it is without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from selfboot.models import ModelSpec
from selfboot.models.load import load_model
from selfboot.models.resident import RESIDENT
from selfboot.training import Example, Recipe
from selfboot.training.scripted import trainer
from tests.tiny_models import TEXT, save_model

RECIPE = Recipe(rank=4, lr=1e-2, epochs=1, batch_size=2, accumulation=1)
EXAMPLES = [Example(f"# task {at}\n", TEXT[at % 6] + "<|im_end|>") for at in range(6)]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    return ModelSpec("tiny", str(save_model(tmp_path_factory.mktemp("resident"))))


@pytest.fixture
def stays() -> Iterator[None]:
    RESIDENT.stays, RESIDENT.loads = True, 0
    yield
    RESIDENT.drop()
    RESIDENT.stays = False


def trained(spec: ModelSpec, recipe: Recipe, seed: int, out: Path, start_from: Path | None = None) -> str:
    return trainer(recipe)(spec, EXAMPLES, recipe, seed, out, start_from=start_from).sha256


def row(spec: ModelSpec, folder: Path) -> list[str]:
    """A plain adapter, one with other settings, one that goes on from the first, and the first again."""
    saving = replace(RECIPE, gradient_checkpointing=True, dropout=0.1)
    first = trained(spec, RECIPE, 7, folder / "1")
    return [
        first,
        trained(spec, replace(saving, rank=8), 8, folder / "2"),
        trained(spec, RECIPE, 7, folder / "3", start_from=folder / "1"),
        trained(spec, replace(RECIPE, target_modules=("q_proj",)), 7, folder / "4"),
        trained(spec, RECIPE, 7, folder / "5"),
    ]


def test_adapters_are_those_of_a_base_that_is_read_each_time(
    spec: ModelSpec, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    alone = row(spec, tmp_path / "alone")
    request.getfixturevalue("stays")
    assert row(spec, tmp_path / "together") == alone
    assert alone[0] == alone[4]
    assert len(set(alone)) == 4
    assert RESIDENT.loads == 1


@pytest.mark.usefixtures("stays")
def test_the_base_is_left_as_it_was_read(spec: ModelSpec, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in load_model(spec).state_dict().items()}
    row(spec, tmp_path)
    after = load_model(spec)
    assert RESIDENT.loads == 1
    assert not after.training
    assert not any(value.requires_grad for value in after.parameters())
    assert before.keys() == after.state_dict().keys()
    assert all(torch.equal(before[name], value) for name, value in after.state_dict().items())
    assert RESIDENT.held_bytes("cpu") == sum(one.numel() * one.element_size() for one in after.parameters())


@pytest.mark.usefixtures("stays")
def test_another_model_takes_its_place(spec: ModelSpec) -> None:
    load_model(spec)
    load_model(replace(spec, weights="random"))
    load_model(spec)
    assert RESIDENT.loads == 3
