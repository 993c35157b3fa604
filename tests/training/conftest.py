"""A tiny model and a few examples for the training tests; one torch thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from selfboot.models import ModelSpec
from selfboot.training import Example
from tests.tiny_models import TEXT, save_model


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    return ModelSpec("tiny", str(save_model(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Twelve prompts and targets of different lengths."""
    return [
        Example(f"# task {number}\n" + TEXT[number % 6], TEXT[(number + 1) % 6] * (1 + number % 3) + "<|im_end|>")
        for number in range(12)
    ]
