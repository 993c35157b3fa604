"""Train on pairs at hand, then score: the recipe (§3.2), its sweep (Figure 3), the control (§3.6), transfer (§3.10)."""

from __future__ import annotations

from collections.abc import Sequence

from selfboot.protocols.base import Notes, Run, evaluate, trained_or_base
from selfboot.protocols.lab_like import LabLike
from selfboot.registry import Settings


def train_and_score(lab: LabLike, settings: Settings, seed: int, *, also: Sequence[str] = ()) -> Run:
    """``base`` and ``trained`` on the claim's benchmark, ``base, NAME`` and ``trained, NAME`` on each of ``also``."""
    notes, model = Notes(), settings.model
    items = lab.pairs(model, settings.pairs)[: settings.count or None]
    adapter = trained_or_base(lab, settings, items, seed)
    for benchmark in (settings.benchmark, *also):
        tail = "" if benchmark == settings.benchmark else f", {benchmark}"
        form = settings.format if benchmark == settings.benchmark else ""
        notes.arm(f"base{tail}", evaluate(lab, model, benchmark, format=form), greedy=True)
        notes.arm(f"trained{tail}", evaluate(lab, model, benchmark, adapter=adapter, format=form))
    if adapter:
        notes.evidence["adapter"] = adapter
    return notes.run()


def train_on_each(lab: LabLike, settings: Settings, seed: int) -> Run:
    """``base``, and one arm for each of ``arms`` (pair files) and ``counts`` (first so many pairs): ``house 21``."""
    notes, model = Notes(), settings.model
    notes.arm("base", evaluate(lab, model, settings.benchmark, format=settings.format), greedy=True)
    for name in settings.arms or (settings.pairs,):
        pairs = lab.pairs(model, name)
        for count in settings.counts or (settings.count,):
            adapter = trained_or_base(lab, settings, pairs[:count], seed)
            label = f"{name} {count}" if settings.arms else f"{count} pairs"
            notes.arm(label, evaluate(lab, model, settings.benchmark, adapter=adapter, format=settings.format))
    return notes.run()
