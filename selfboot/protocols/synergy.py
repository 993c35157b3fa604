"""Recipe × test-time sampling (§3.5): four arms on the same tasks."""

from __future__ import annotations

from selfboot.protocols.base import Notes, Run, evaluate, trained_or_base
from selfboot.protocols.lab_like import LabLike
from selfboot.records import Sampling
from selfboot.registry import Settings


def recipe_with_sampling(lab: LabLike, settings: Settings, seed: int, *, n: int = 8, temperature: float = 0.6) -> Run:
    """``raw greedy``, ``raw best-of-n``, ``recipe greedy``, ``recipe best-of-n``; ``contrast`` as the paper takes it:
    recipe best-of-n minus raw best-of-n, in tasks."""
    notes, model, best = Notes(), settings.model, f"best-of-{n}"
    items = lab.pairs(model, settings.pairs)[: settings.count or None]
    adapter = trained_or_base(lab, settings, items, seed)
    many = Sampling(temperature=temperature, n=n)
    for name, arm in (("raw", None), ("recipe", adapter)):
        greedy = evaluate(lab, model, settings.benchmark, adapter=arm, format=settings.format)
        drawn = evaluate(lab, model, settings.benchmark, adapter=arm, format=settings.format, sampling=many, seed=seed)
        notes.arm(f"{name} greedy", greedy, greedy=arm is None)
        notes.arm(f"{name} {best}", drawn, drawn.oracle)
    notes.figures["contrast"] = notes.figures[f"recipe {best}"] - notes.figures[f"raw {best}"]
    return notes.run()
