"""The watched steps of a training are those of the training itself; a wrong one is told."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from selfboot.errors import UnavailableError
from selfboot.models import ModelSpec
from selfboot.training import Example, Recipe
from selfboot.training.scripted import trainer
from selfboot.training.trajectory import Job, Step, apart, differs, parsed, watched

SMALL = Recipe(rank=4, lr=1e-2, epochs=2, batch_size=2, accumulation=1, clip=0.5)


@pytest.mark.parametrize("recipe", [SMALL, replace(SMALL, clip=0.0), replace(SMALL, order="shuffled")])
def test_losses_are_the_trainings_own(recipe: Recipe, spec: ModelSpec, examples: list[Example], tmp_path: Path) -> None:
    """Bit for bit, so the watched steps are clipped and taken as the real ones are."""
    info = trainer(recipe)(spec, examples, recipe, 7, tmp_path)
    found = watched(Job(spec, tuple(examples), recipe, 7, steps=5))
    assert [step.loss for step in found] == list(info.losses[:5])
    assert all(step.norm > 0 for step in found)
    if recipe.clip:
        assert max(step.norm for step in found) > recipe.clip, "before it is clipped"


def test_in_a_process_of_its_own_it_is_the_same(spec: ModelSpec, examples: list[Example]) -> None:
    job = Job(spec, tuple(examples), SMALL, 7, steps=2)
    assert parsed(json.loads(json.dumps(asdict(job)))) == job
    assert differs(apart(job), watched(job), 1e-6) == ""
    with pytest.raises(UnavailableError, match=r"'tiny'.*no folder /nowhere"):
        apart(replace(job, spec=ModelSpec("tiny", "/nowhere")))


def test_other_trainings_are_told(spec: ModelSpec, examples: list[Example]) -> None:
    """Half the examples, another rate, another seed, a doubled batch: each shows within three steps."""
    job = Job(spec, tuple(examples), SMALL, 7, steps=3)
    known = watched(job)
    assert differs(watched(job), known, 1e-9) == ""
    for other in (
        replace(job, examples=job.examples[:6]),
        replace(job, recipe=replace(SMALL, lr=2e-2)),
        replace(job, recipe=replace(SMALL, batch_size=4)),
        replace(job, seed=8),
    ):
        assert "recorded" in differs(watched(other), known, 1e-3)
    assert "step 1: norm 2, recorded 1" in differs([Step(1, 2)], [Step(1, 1)], 0.1)
