"""Train on given pairs, then score: the recipe (§3.2), its sweep (Figure 3), the control (§3.6), transfer (§3.10)."""

from __future__ import annotations

from collections.abc import Sequence

from selfboot.protocols.arms import training_items
from selfboot.protocols.base import Arm, Notes, Run, evaluate, trained_or_base
from selfboot.protocols.lab_like import LabLike
from selfboot.registry import Settings


def train_and_score(lab: LabLike, settings: Settings, seed: int, *, also: Sequence[str] = ()) -> Run:
    """``base`` and ``trained`` on the claim's benchmark, ``base, NAME`` and ``trained, NAME`` on each of ``also``."""
    notes = Notes(seed)
    adapter = trained_or_base(lab, settings, training_items(lab, settings, seed), seed)
    for benchmark in (settings.benchmark, *also):
        tail = "" if benchmark == settings.benchmark else f", {benchmark}"
        other = benchmark if tail else ""
        notes.score(f"base{tail}", Arm("base", other), evaluate(lab, settings, "base", benchmark))
        score = evaluate(lab, settings, "trained", benchmark, adapter=adapter)
        notes.score(f"trained{tail}", Arm("trained", other), score)
    if adapter:
        notes.made(Arm("adapter"), adapter)
    return notes.run()


def train_on_each(lab: LabLike, settings: Settings, seed: int) -> Run:
    """``base``, and one arm for each of ``arms`` (pair files) and ``counts`` (first so many pairs): ``house 21``."""
    notes, model = Notes(seed), settings.model
    notes.score("base", Arm("base"), evaluate(lab, settings, "base"))
    for name in settings.arms or (settings.pairs,):
        pairs = lab.pairs(model, name)
        for count in settings.counts or (settings.count,):
            adapter = trained_or_base(lab, settings, pairs[:count], seed)
            figure = f"{name} {count}" if settings.arms else f"{count} pairs"
            score = evaluate(lab, settings, "trained", adapter=adapter)
            notes.score(figure, Arm("trained", pairs=name if settings.arms else "", count=count), score)
    return notes.run()
