"""The data of the sample browser: every task, completion, program and outcome of every score, packed for one file.

Texts are stored once, the whole as gzip in base64: hostile text cannot end the script element that holds it, and the
page's script shows it as text only. Where a score has many draws, as many are packed as fit; counts stay those of all.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

from selfboot.report.evidence import Scored
from selfboot.report.gather import Gathered

BUDGET = 3_000_000  # characters of base64
STEPS = ((64, 12_000), (16, 12_000), (8, 8_000), (4, 6_000), (2, 4_000), (1, 4_000), (1, 1_000), (1, 200))


@dataclass(frozen=True)
class Packed:
    """``data``: base64 of gzip of JSON; ``draws`` of ``most`` completions a task, texts ``cut`` at ``length``."""

    data: str
    scores: int
    draws: int
    most: int
    length: int
    cut: bool

    @property
    def note(self) -> str:
        """What was left out, as a sentence; empty when nothing was."""
        drawn = f"Of up to {self.most} draws a task {self.draws} are packed. " if self.draws < self.most else ""
        return drawn + (f"Texts are cut after {self.length:,} characters." if self.cut else "")


class _Texts:
    """Each text once, by its number."""

    def __init__(self, length: int) -> None:
        self.length, self.numbers, self.cut = length, dict[str, int](), False

    def __call__(self, text: str) -> int:
        if len(text) > self.length:
            text, self.cut = text[: self.length] + "\n… (cut)", True
        return self.numbers.setdefault(text, len(self.numbers))


def pack(gathered: Gathered, budget: int = BUDGET) -> Packed:
    """All scores of all cases, those apart included, in at most ``budget`` characters if the smallest cut allows it."""
    scores = _scores(gathered)
    most = max((score.draws for score in scores.values()), default=1)
    for draws, length in STEPS:
        texts = _Texts(length)
        data = _encoded(_table(gathered, scores, draws, texts))
        if len(data) <= budget:
            break
    return Packed(data, len(scores), min(draws, most), most, length, texts.cut)


def _scores(gathered: Gathered) -> dict[str, Scored]:
    cases = (*gathered.cases, *gathered.apart)
    return {arm.id: arm.score for case in cases for arm in case.scores if arm.score}


def _table(gathered: Gathered, scores: dict[str, Scored], draws: int, texts: _Texts) -> dict[str, Any]:
    benches = dict[str, int]()
    packed = {id: _score(score, draws, texts, benches) for id, score in scores.items()}
    runs = [
        [case.result.name + ("" if case.result.weights == "trained" else f" ({case.result.weights} weights)"),
         [[arm.label, arm.id] for arm in case.scores]]
        for case in (*gathered.cases, *gathered.apart)
        if case.scores
    ]  # fmt: skip
    return {"runs": runs, "scores": packed, "tasks": [json.loads(key) for key in benches], "texts": list(texts.numbers)}


def _score(score: Scored, draws: int, texts: _Texts, benches: dict[str, int]) -> dict[str, Any]:
    tasks = json.dumps([[task.id, texts(task.prompt), texts(task.tests)] for task in score.tasks])
    rows = [
        [[texts(a.completion), texts(a.program), texts(a.status), texts(a.detail), texts(a.kind)] for a in row[:draws]]
        for row in score.attempts
    ]
    return {
        "tasks": benches.setdefault(tasks, len(benches)),
        "rows": rows,
        "passes": score.passes,
        "draws": score.draws,
        "solved": score.solved,
        "any": sum(map(bool, score.passes)),
        "what": ", ".join(part for part in (score.model, score.benchmark) if part),
    }


def _encoded(table: dict[str, Any]) -> str:
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode("ascii")
