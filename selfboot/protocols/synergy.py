"""Recipe × test-time sampling (§3.5): four arms on the same tasks."""

from __future__ import annotations

from selfboot.protocols.arms import Phase, training_items
from selfboot.protocols.base import Arm, Notes, Run, evaluate, trained_or_base
from selfboot.protocols.lab_like import LabLike
from selfboot.records import Sampling
from selfboot.registry import Settings

SIDES: tuple[tuple[str, Phase], ...] = (("raw", "base"), ("recipe", "trained"))


def recipe_with_sampling(lab: LabLike, settings: Settings, seed: int, *, n: int = 8, temperature: float = 0.6) -> Run:
    """``raw greedy``, ``raw best-of-n``, ``recipe greedy``, ``recipe best-of-n``; ``contrast`` as the paper takes it:
    recipe best-of-n minus raw best-of-n, in tasks."""
    notes, best = Notes(seed), f"best-of-{n}"
    adapter = trained_or_base(lab, settings, training_items(lab, settings, seed), seed)
    many = Sampling(temperature=temperature, n=n)
    for name, role in SIDES:
        arm = adapter if role == "trained" else None
        greedy = evaluate(lab, settings, role, adapter=arm)
        drawn = evaluate(lab, settings, role, adapter=arm, sampling=many, seed=seed)
        notes.score(f"{name} greedy", Arm(role), greedy)
        notes.score(f"{name} {best}", Arm(role, greedy=False, draws=n, judged="any"), drawn, drawn.oracle)
    difference = notes.figures[f"recipe {best}"] - notes.figures[f"raw {best}"]
    notes.figure("contrast", Arm("contrast", greedy=False, draws=n, judged="any"), difference)
    return notes.run()
