"""Trainings go as they were recorded: a release that trains otherwise shows as a mean residual, step by step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfboot.errors import UnavailableError
from selfboot.judging.trajectories import RECORDED, STEPS, measure, recorded

NATS, SHARE = 0.01, 0.01  # mean residuals that rounding does not reach


@pytest.mark.parametrize("name", RECORDED)
def test_the_first_steps_are_those_recorded(name: str) -> None:
    try:
        found = measure(name, steps=6)
    except UnavailableError as error:
        pytest.skip(f"not run: {error}")
    kept = recorded(name)
    losses, norms = found.residual(kept)
    assert losses < NATS, f"{losses:.4f} nats off; recorded with {kept.made['versions']}"
    assert norms < SHARE, f"norms {norms:.2%} off; recorded with {kept.made['versions']}"


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_learns_and_would_show_another_learning_rate(name: str) -> None:
    """One step more or less is far beyond the residual that is asked for."""
    kept = recorded(name)
    assert len(kept.losses) == len(kept.norms) == STEPS
    assert min(kept.norms) > 0
    late = replace(kept, losses=kept.losses[1:], norms=kept.norms[1:])
    losses, norms = late.residual(kept)
    assert max(losses / NATS, norms / SHARE) > 2
    assert kept.residual(kept) == (0.0, 0.0)
