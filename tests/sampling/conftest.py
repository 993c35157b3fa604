"""Tiny models for the sampler's tests; one torch thread, which is faster for them and quiet for the neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.sampling.transformers import TransformersSampler
from tests.tiny_models import save_model


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_spec(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelSpec]:
    known: dict[str, ModelSpec] = {}

    def spec(architecture: str = "llama") -> ModelSpec:
        if architecture not in known:
            folder: Path = tmp_path_factory.mktemp(architecture)
            known[architecture] = ModelSpec(architecture, str(save_model(folder, architecture)))
        return known[architecture]

    return spec


@pytest.fixture
def make(tiny_spec: Callable[[str], ModelSpec]) -> Callable[..., TransformersSampler]:
    """A sampler over a tiny model: ``make(architecture, **settings)``. No stop token by default: texts run on."""

    def sampler(architecture: str = "llama", **settings: Any) -> TransformersSampler:
        spec = tiny_spec(architecture)
        return TransformersSampler(load_model(spec), load_tokenizer(spec), **{"stop_ids": (), **settings})

    return sampler
