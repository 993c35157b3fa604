"""Mine, then train, then score: the full paths, and the runs whose outcome is what could be mined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfboot.lab import Adapter, Mined
from selfboot.mining.catalogue import METHODS
from selfboot.protocols.base import Notes, Run, evaluate, trained_or_base
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
    """``items`` found, ``base`` and ``trained`` scores; ``warmup``: so many pairs at hand are trained on as well."""
    notes, model = Notes(), settings.model
    found = _mine(lab, settings, seed, method, tasks, miner or {})
    notes.figures["items"] = float(len(found.items))
    adapter = _adapter(lab, settings, found, seed, warmup)
    for benchmark in (settings.benchmark, *also):
        tail = "" if benchmark == settings.benchmark else f", {benchmark}"
        form = settings.format if benchmark == settings.benchmark else ""
        notes.arm(f"base{tail}", evaluate(lab, model, benchmark, format=form), greedy=True)
        notes.arm(f"trained{tail}", evaluate(lab, model, benchmark, adapter=adapter, format=form))
    notes.evidence |= {"pairs": found} | ({"adapter": adapter} if adapter else {})
    return notes.run()


def _mine(lab: LabLike, settings: Settings, seed: int, method: str, tasks: str, miner: Mapping[str, Any]) -> Mined:
    recipe = settings.recipe if METHODS[method].trains else ""
    return lab.mine(settings.model, lab.miner(method, tasks, miner), seed, recipe=recipe)


def _adapter(lab: LabLike, settings: Settings, found: Mined, seed: int, warmup: int) -> Adapter | None:
    """Trained in the stages that mining went through, else on all that was found."""
    if found.stages and not warmup:
        return lab.train_stages(settings.model, found.stages, settings.recipe, seed)
    first = lab.pairs(settings.model, settings.pairs)[:warmup] if warmup else []
    return trained_or_base(lab, settings, [*first, *found.items], seed)


def mine_in_rounds(
    lab: LabLike, settings: Settings, seed: int, *, tasks: str = "", miner: Mapping[str, Any] | None = None
) -> Run:
    """Recursive mining: ``base``, then ``round 1`` … scores, each of a fresh adapter on all pairs up to then."""
    notes, model = Notes(), settings.model
    made = lab.miner("recursive", tasks, miner or {})
    found = lab.mine(model, made, seed, recipe=settings.recipe)
    notes.evidence["pairs"] = found
    notes.arm("base", evaluate(lab, model, settings.benchmark, format=settings.format), greedy=True)
    for index in range(1, len(found.records) + 1):
        items = made.items(found.records[:index])
        adapter = trained_or_base(lab, settings, items, seed)
        score = evaluate(lab, model, settings.benchmark, adapter=adapter, format=settings.format)
        notes.arm(f"round {index}", score)
        notes.figures[f"items {index}"] = float(len(items))
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
    notes = Notes()
    for name, method, options in (
        ("plain", "seeded", plain or {}),
        ("cued", "diversity", {"function": "solution", **(cued or {})}),
        ("named", "diversity", {"function": "", **(named or cued or {})}),
    ):
        miner = lab.miner(method, tasks, options)
        found = lab.mine(settings.model, miner, seed)
        gave = {item.meta.get("task_id", "") for item in found.items}
        notes.arms[name] = [task.task_id in gave for task in miner.seeds.tasks]
        notes.figures[name] = float(sum(notes.arms[name]))
        notes.evidence[name] = found
    return notes.run()


def count_minable(
    lab: LabLike, settings: Settings, seed: int, *, method: str = "bootstrap", miner: Mapping[str, Any] | None = None
) -> Run:
    """``base`` score, ``asked`` problems, ``valid`` ones and ``items``: can anything be mined at all?"""
    notes = Notes()
    found = _mine(lab, settings, seed, method, "", miner or {})
    notes.arm("base", evaluate(lab, settings.model, settings.benchmark, format=settings.format), greedy=True)
    notes.figures["asked"] = float(sum(record["asked"] for record in found.records))
    notes.figures["valid"] = float(sum(len(record["valid"]) for record in found.records))
    notes.figures["items"] = float(len(found.items))
    notes.evidence["pairs"] = found
    return notes.run()
