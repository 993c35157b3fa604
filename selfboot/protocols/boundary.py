"""The boundary chart (§3.11, Figure 6): the same recipe on a row of models, each with pairs of its own."""

from __future__ import annotations

from dataclasses import replace

from selfboot.protocols.arms import miner_of
from selfboot.protocols.base import Arm, Notes, Run, evaluate, trained_or_base
from selfboot.protocols.lab_like import LabLike
from selfboot.registry import Settings


def boundary_of_models(lab: LabLike, settings: Settings, seed: int, *, target: int = 40, steps: int = 8) -> Run:
    """For each model of ``arms``: ``MODEL base``, ``MODEL trained`` and ``MODEL items``."""
    notes = Notes(seed)
    for model in settings.arms:
        own = replace(settings, model=model)
        found = lab.mine(model, miner_of(lab, settings, "bootstrap", "", {"target": target, "steps": steps}), seed)
        adapter = trained_or_base(lab, own, found.items, seed)
        base = evaluate(lab, own, "base")
        notes.score(f"{model} base", Arm("base", model=model), base)
        score = evaluate(lab, own, "trained", adapter=adapter)
        notes.score(f"{model} trained", Arm("trained", model=model), score)
        notes.figure(f"{model} items", Arm("items", model=model), len(found.items))
        notes.made(Arm("pairs", model=model), found)
    return notes.run()
