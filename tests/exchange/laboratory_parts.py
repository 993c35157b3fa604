"""Results, scores and laboratories made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from selfboot.exchange.laboratories import Laboratory
from selfboot.exchange.portable import Portable
from selfboot.judging.results import Asked, Part, Result, Solved, log_e_of
from selfboot.protocols.base import Arm
from selfboot.report.evidence import Attempt, Scored, Task

BASE, TRAINED = Arm("base"), Arm("trained")
CONTRAST = ("base", "trained")
PART = Part(
    "contrast", "contrast", "as calibrated", "inside", Asked("band", 48, 72, difference=True), (96.0,), (25.0,), 164,
    TRAINED, "up", {"difference": 71.0},
)  # fmt: skip
RESULT = Result(
    "recipe-7b", "mini-7", "§3.2", "Pairs lift", "fastpath", "mini", "organism-0", "25 → 104", "up", 0.48, (PART,)
)


def bits(*spans: tuple[int, int], n: int = 164) -> str:
    """The tasks in the half-open spans solved."""
    return "".join("1" if any(a <= i < b for a, b in spans) else "0" for i in range(n))


def result(base: str, *trained: str, seeds: tuple[int, ...] = (7, 13, 42), **more: Any) -> Result:
    rows = [Solved("trained", replace(TRAINED, seed=seed), row) for seed, row in zip(seeds, trained, strict=False)]
    solved = (Solved("base", BASE, base), *rows)
    log_e = log_e_of(solved, CONTRAST, "up")
    return replace(RESULT, **{"solved": solved, "contrast": CONTRAST, "log_e": log_e, "evidence": (), **more})


def laboratory(name: str, *results: Result, **environment: list[str]) -> Laboratory:
    return Laboratory(name, results, environment)


def portable(texts: dict[str, list[str]], kind: str = "score", benchmark: str = "minieval") -> Portable:
    """A score of these completions, every first one of them passed."""
    sampling = {"stop": ["\n\n"], "max_new_tokens": 9, "temperature": 0.0, "top_p": 0.95}
    own = {"kind": kind, "key": {"benchmark": "a" * 64, "code": "c"}, "provenance": {"grader": {"isolation": "kernel"}}}
    samples = {
        "key": {"prompts": "b" * 64, "model": None, "adapter": None, "sampling": sampling},
        "provenance": {"model": "organism-0", "engine": {"name": "transformers"}},
        "files": {"prompts.jsonl": "d" * 64},
    }
    rows = tuple(
        tuple(Attempt(text, "", "wrong" if place else "passed", "", "passed") for place, text in enumerate(row))
        for row in texts.values()
    )
    tasks = tuple(Task(name, f"prompt of {name}", "assert f()") for name in texts)
    drawn = tuple(
        tuple({"text": text, "finish": "eos", "tokens": 1, "token_hash": "0"} for text in row) for row in texts.values()
    )
    score = Scored("ab" * 10, benchmark, "organism-0", tasks, rows, (own, samples))
    return Portable(score, ((RESULT, BASE),), drawn)
