"""Mine, then train, then score: the full paths, and the runs whose outcome is what could be mined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfboot.lab import Adapter, Mined
from selfboot.mining.catalogue import METHODS
from selfboot.protocols.arms import miner_of, recipe_of, trains_between
from selfboot.protocols.base import Arm, Notes, Run, evaluate, trained_or_base
from selfboot.protocols.lab_like import LabLike
from selfboot.registry import Settings


def mine_train_score(
    lab: LabLike,
    settings: Settings,
    seed: int,
    *,
    method: str = "bootstrap",
    tasks: str = "",
    miner: Mapping[str, Any] | None = None,
    warmup: int = 0,
    also: Sequence[str] = (),
) -> Run:
    """``items`` found, ``base`` and ``trained`` scores; ``warmup``: so many given pairs are trained on as well."""
    notes = Notes(seed)
    found = _mine(lab, settings, seed, method, tasks, miner or {})
    notes.figure("items", Arm("items"), len(found.items))
    adapter = _adapter(lab, settings, found, seed, warmup)
    for benchmark in (settings.benchmark, *also):
        tail = "" if benchmark == settings.benchmark else f", {benchmark}"
        other = benchmark if tail else ""
        notes.score(f"base{tail}", Arm("base", other), evaluate(lab, settings, "base", benchmark))
        score = evaluate(lab, settings, "trained", benchmark, adapter=adapter)
        notes.score(f"trained{tail}", Arm("trained", other), score)
    notes.made(Arm("pairs"), found)
    if adapter:
        notes.made(Arm("adapter"), adapter)
    return notes.run()


def _mine(lab: LabLike, settings: Settings, seed: int, method: str, tasks: str, miner: Mapping[str, Any]) -> Mined:
    recipe = recipe_of(settings) if METHODS[method].trains or trains_between(settings) else ""
    return lab.mine(settings.model, miner_of(lab, settings, method, tasks, miner), seed, recipe=recipe)


def _adapter(lab: LabLike, settings: Settings, found: Mined, seed: int, warmup: int) -> Adapter | None:
    """Trained in the stages that mining went through; else, or where the claim's ``count`` says on how many, afresh on
    what was found."""
    if settings.count:
        return trained_or_base(lab, settings, found.items[: settings.count], seed)
    if found.stages and not warmup:
        return lab.train_stages(settings.model, found.stages, recipe_of(settings), seed)
    first = lab.pairs(settings.model, settings.pairs)[:warmup] if warmup else []
    return trained_or_base(lab, settings, [*first, *found.items], seed)


def mine_in_rounds(
    lab: LabLike, settings: Settings, seed: int, *, tasks: str = "", miner: Mapping[str, Any] | None = None
) -> Run:
    """Recursive mining: ``base``, then ``round 1`` … scores, each of a fresh adapter on all pairs up to then."""
    notes = Notes(seed)
    made = miner_of(lab, settings, "recursive", tasks, miner or {})
    found = lab.mine(settings.model, made, seed, recipe=recipe_of(settings))
    notes.made(Arm("pairs"), found)
    notes.score("base", Arm("base"), evaluate(lab, settings, "base"))
    for index in range(1, len(found.records) + 1):
        items = made.items(found.records[:index])
        adapter = trained_or_base(lab, settings, items, seed)
        score = evaluate(lab, settings, "trained", adapter=adapter)
        notes.score(f"round {index}", Arm("trained", round=index), score)
        notes.figure(f"items {index}", Arm("items", round=index), len(items))
    return notes.run()


def seeds_yielding_pairs(
    lab: LabLike,
    settings: Settings,
    seed: int,
    *,
    tasks: str,
    plain: Mapping[str, Any] | None = None,
    cued: Mapping[str, Any] | None = None,
    named: Mapping[str, Any] | None = None,
) -> Run:
    """Which task seeds give a pair: ``plain`` (seeded mining), ``cued`` (lens hints as the paper did it) and ``named``
    (the same with the task's own function name)."""
    notes = Notes(seed)
    for name, method, options in (
        ("plain", "seeded", plain or {}),
        ("cued", "diversity", {"function": "solution", **(cued or {})}),
        ("named", "diversity", {"function": "", **(named or cued or {})}),
    ):
        miner = lab.miner(method, tasks, options)
        found = lab.mine(settings.model, miner, seed)
        gave = {item.meta.get("task_id", "") for item in found.items}
        notes.outcomes[name] = [task.task_id in gave for task in miner.seeds.tasks]
        notes.figure(name, Arm("seeds", pairs=name), sum(notes.outcomes[name]))
        notes.made(Arm("pairs", pairs=name), found)
    return notes.run()


def count_minable(
    lab: LabLike, settings: Settings, seed: int, *, method: str = "bootstrap", miner: Mapping[str, Any] | None = None
) -> Run:
    """``base`` score, ``asked`` problems, ``valid`` ones and ``items``: can anything be mined at all?"""
    notes = Notes(seed)
    found = _mine(lab, settings, seed, method, "", miner or {})
    notes.score("base", Arm("base"), evaluate(lab, settings, "base"))
    notes.figure("asked", Arm("asked"), sum(record["asked"] for record in found.records))
    notes.figure("valid", Arm("valid"), sum(len(record["valid"]) for record in found.records))
    notes.figure("items", Arm("items"), len(found.items))
    notes.made(Arm("pairs"), found)
    return notes.run()
