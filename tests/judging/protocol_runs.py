"""What each protocol gives back, without a model: a Lab whose scores are made up, run by the protocols themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from selfboot.lab import Drawn
from selfboot.protocols import Run, run_protocol, sampling
from selfboot.registry import Settings

N = 500


@dataclass
class MadeUp:
    """A Lab that scores every arm a little better than the one before, and mines one pair a record."""

    scores: int = 0
    artifact: Any = field(default_factory=lambda: SimpleNamespace(id="x", kind="score"))

    def evaluate(self, *args: Any, **options: Any) -> Any:
        self.scores += 1
        flags = [i < 30 + 5 * self.scores for i in range(N)]
        adapter = options["adapter"].sha256 if options.get("adapter") else ""
        drawn = Drawn(args[0] if args else "", "", adapter, adapter or "base")
        return SimpleNamespace(
            artifact=self.artifact, flags=flags, oracle=flags, passes=[int(f) for f in flags], drawn=drawn
        )

    evaluate_answers = evaluate

    def benchmark(self, name: str) -> Any:
        return SimpleNamespace(name=name, asked=name, tokens=400, format="")

    def pairs(self, model: str, name: str) -> Any:
        return [1] * 100

    def miner(self, *args: Any) -> Any:
        tasks = [SimpleNamespace(task_id=name) for name in ("t", *(f"other {i}" for i in range(79)))]
        return SimpleNamespace(items=lambda records: [1] * len(records), seeds=SimpleNamespace(tasks=tasks))

    def script_miner(self, file: str) -> Any:
        return self.miner()

    def train_stages(self, *args: Any, **options: Any) -> Any:
        return self.train(*args, **options)

    def train(self, model: str, items: Any, recipe: str, seed: int, **options: Any) -> Any:
        return SimpleNamespace(artifact=self.artifact, sha256=f"{model} {len(items)} {recipe} {seed}")

    def mine(self, *args: Any, **options: Any) -> Any:
        item = SimpleNamespace(meta={"task_id": "t"})
        records = [{"asked": 60, "valid": [1]}] * 3
        return SimpleNamespace(artifact=self.artifact, items=[item], records=records, stages=())


def made_up_run(patch: pytest.MonkeyPatch, settings: Settings, seed: int = 7) -> Run:
    """One seed of a claim's protocol on made-up scores."""
    score = MadeUp().evaluate
    patch.setattr(sampling, "voted", lambda *args: score().flags)
    return run_protocol(MadeUp(), settings, seed)
