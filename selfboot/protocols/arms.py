"""The two arms of every claim: ``paper``, exactly as the paper's scripts ask, read, grade and train, and ``ours``.

The facts of the ``paper`` arm come from the scripts that a claim names (``scripts``; data/protocols_paper.toml), never
from the claim's own settings. A claim that names no script asks the same in both arms; they differ in how they read and
grade. So it is at mini scale, whose model knows no other prompts. (``Arm`` in base.py is another thing: what one figure
is of, such as base or trained.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from selfboot.benchmarks.base import AnswerBenchmark, Benchmark, split_name
from selfboot.errors import DataError
from selfboot.formats.paper.reread import as_paper
from selfboot.paper.protocols import ScoreFacts, Script, script
from selfboot.protocols.lab_like import LabLike
from selfboot.records import Item, Sampling
from selfboot.registry import ArmName, Settings

Phase = Literal["base", "trained"]


@dataclass(frozen=True)
class Asking:
    """How a benchmark is put to a model and judged: ``timeout_s`` 0 is the grader's own."""

    format: str
    sampling: Sampling
    timeout_s: float = 0.0


def other_arm(settings: Settings) -> Settings:
    """The same claim in its other arm."""
    return in_arm(settings, "ours" if settings.arm == "paper" else "paper")


def arms_of(settings: Settings) -> list[Settings]:
    """The settings of every arm that a claim's cases run: the judged one, and the other where it is shown beside it."""
    return [settings, *([other_arm(settings)] if settings.both_arms else [])]


def in_arm(settings: Settings, arm: ArmName) -> Settings:
    """The claim's settings in one of its arms."""
    return replace(settings, arm=arm)


def recipe_of(settings: Settings) -> str:
    """The recipe that the arm trains by; in the ``paper`` arm that of the last of its scripts that trains."""
    trained = [one.training.recipe for one in scripts_of(settings) if one.training]
    return trained[-1] if trained else settings.recipe


def scripts_of(settings: Settings) -> list[Script]:
    """The scripts that the arm follows; none in ours."""
    return [script(file) for file in settings.scripts] if settings.arm == "paper" else []


def asking(settings: Settings, bench: Benchmark | AnswerBenchmark, phase: Phase, drawn: Sampling | None) -> Asking:
    """How the arm asks. ``drawn``: how our arm draws; None: greedily, up to the benchmark's token limit."""
    whole, own = split_name(bench.asked or bench.name)[0], split_name(settings.benchmark)[0]
    ours = settings.format if whole == own else ""
    if settings.arm == "ours":
        return Asking(ours or bench.format, drawn or Sampling(bench.tokens))
    if not settings.scripts:
        return Asking(as_paper(ours or bench.format), drawn or Sampling(bench.tokens))
    facts = _facts(settings, whole, phase, sampled=bool(drawn and drawn.temperature))
    n = drawn.n if drawn else 1
    sampling = Sampling(facts.tokens, facts.temperature, facts.top_p, n, top_k=facts.top_k, end="text")
    return Asking(facts.format, sampling, facts.timeout_s)


def _facts(settings: Settings, benchmark: str, phase: Phase, sampled: bool) -> ScoreFacts:
    """The last score of the claim's scripts that is of this kind. DataError where there is none."""
    known = [one for found in scripts_of(settings) for one in found.scores]
    fitting = [
        one
        for one in known
        if split_name(one.benchmark)[0] == benchmark and one.phase in (phase, "both") and (one.n > 1) == sampled
    ]
    if not fitting:
        kind = "sampled" if sampled else "greedy"
        raise DataError(
            f"scripts {', '.join(settings.scripts)}: none has a {kind} {phase} score on {benchmark}; "
            "name one that has, or leave the paper arm out"
        )
    return fitting[-1]


def miner_of(lab: LabLike, settings: Settings, method: str, tasks: str, options: Mapping[str, Any]) -> Any:
    """The arm's miner: in the ``paper`` arm that of the last of its scripts that mines."""
    mining = [one.file for one in scripts_of(settings) if one.mining]
    if not mining:
        return lab.miner(method, tasks, options)
    return lab.script_miner(mining[-1])


def training_items(lab: LabLike, settings: Settings, seed: int) -> Sequence[Item]:
    """The pairs that the claim names, as many as its ``count``; where it names none, what is mined from MBPP."""
    if settings.pairs:
        return lab.pairs(settings.model, settings.pairs)[: settings.count or None]
    miner = miner_of(lab, settings, "seeded", "mbpp-train", {})
    return lab.mine(settings.model, miner, seed).items[: settings.count or None]


def trains_between(settings: Settings) -> bool:
    """Does a script of the arm train between its rounds of mining?"""
    return any(one.mining and one.training and one.training.every for one in scripts_of(settings))
