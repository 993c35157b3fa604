"""What claims would do, without doing it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from selfboot.planning.forecast import Sizes
from selfboot.protocols.arms import in_arm
from selfboot.protocols.catalogue import run_protocol
from selfboot.protocols.dryrun import DryRun, Step
from selfboot.registry import ArmName, Settings, registry

CASES = [(claim.id, scale) for claim in registry().values() for scale in claim.scales if claim.scales[scale].protocol]


def dry(settings: Settings, seed: int = 7) -> list[Step]:
    run = DryRun(Sizes())
    run_protocol(run, settings, seed)
    return run.steps


@pytest.mark.parametrize("arm", get_args(ArmName))
@pytest.mark.parametrize(("claim", "scale"), [case for case in CASES if case[1] == "paper"])
def test_every_claim_runs_dry(claim: str, scale: str, arm: ArmName) -> None:
    """No model, no data set, in both arms; every need comes before what needs it."""
    settings = registry()[claim].scales[scale]
    if arm == "paper" and settings.arm == "ours":
        pytest.skip(f"{claim}: no script to follow")
    steps = dry(in_arm(settings, arm))
    assert steps
    for at, step in enumerate(steps):
        assert all(any(need is one for one in steps[:at]) for need in step.needs)


def test_a_trained_score_needs_its_training() -> None:
    steps = dry(registry()["recipe-7b"].scales["paper"])
    (train,) = [step for step in steps if step.verb == "train"]
    base, trained = [step for step in steps if step.verb == "evaluate"]
    assert not base.needs
    assert not train.needs
    assert trained.needs == [train]


def test_what_is_trained_on_mined_items_needs_the_mining() -> None:
    steps = dry(registry()["recipe-7b-full"].scales["paper"])
    (mine,), trains = [s for s in steps if s.verb == "mine"], [s for s in steps if s.verb == "train"]
    assert all(step.needs == [mine] for step in trains)


def test_a_known_result_takes_the_place_of_a_promise() -> None:
    settings = replace(registry()["recipe-7b"].scales["paper"], seeds=(7,))
    asked: list[str] = []
    run = DryRun(Sizes(), lambda step: asked.append(step.verb))
    run_protocol(run, settings, 7)
    assert sorted(asked) == ["evaluate", "train"], (
        "a score after training is not asked for before the training is there"
    )
