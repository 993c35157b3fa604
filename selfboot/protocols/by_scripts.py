"""Protocols of the ``paper`` arm where its scripts do another thing than the protocol's own miners (catalogue.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfboot.protocols.arms import scripts_of
from selfboot.protocols.base import Arm, Notes, Run
from selfboot.protocols.lab_like import LabLike
from selfboot.registry import Settings


def scripts_yielding_pairs(
    lab: LabLike,
    settings: Settings,
    seed: int,
    *,
    tasks: str,
    plain: Mapping[str, Any] | None = None,
    cued: Mapping[str, Any] | None = None,
    named: Mapping[str, Any] | None = None,
) -> Run:
    """``seeds_yielding_pairs`` by the claim's two scripts: ``plain`` is what the first finds, ``cued`` the second, on
    the second's seeds. The options are the other arm's; no script has a ``named`` way."""
    notes = Notes(seed)
    miners = [lab.script_miner(one.file) for one in scripts_of(settings) if one.mining]
    asked = [task.task_id for task in miners[-1].seeds.tasks]
    for name, miner in zip(("plain", "cued"), miners, strict=True):
        found = lab.mine(settings.model, miner, seed)
        gave = {item.meta.get("task_id", "") for item in found.items}
        notes.outcomes[name] = [task in gave for task in asked]
        notes.figure(name, Arm("seeds", pairs=name), sum(notes.outcomes[name]))
        notes.made(Arm("pairs", pairs=name), found)
    return notes.run()
