"""Early decisions (`--until settled`): tasks are drawn in slices, until the difference of a case's arms is settled.

``SLICES`` are an eighth of the tasks, another eighth, a quarter and a half. Each is spread evenly over the benchmark,
and all are fixed before anything is drawn. After each slice the e-value of the paired difference over the tasks so far
(analysis/e_value.py) is compared with 1/``ALPHA``. One may look as often as one likes: without a difference the e-value
ever gets there in ``ALPHA`` of all cases at most.

Only the direction that the case's full judgement asks for can be settled early. A difference the other way, none, or
one that stays unsettled is judged over all tasks, by every check. Bands are of all tasks, so they are never applied to
some of them: at the paper's scale a settled case is "direction only".

Not covered: a later run without the option draws all tasks again. What is drawn beside a prompt can change a token, so
the slices' completions are kept as what they are, and never as those of the whole benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from selfboot.analysis.e_value import log_e_of_arms, shown
from selfboot.analysis.paired import Outcomes, paired_test
from selfboot.analysis.prediction import NEEDED
from selfboot.analysis.verdict import Verdict, VerdictStatus
from selfboot.benchmarks.base import load_any
from selfboot.judging.calibrated import Calibrated
from selfboot.judging.calibration import BUDGET
from selfboot.judging.checks import RULES, Check
from selfboot.judging.compared import Compared, mined
from selfboot.judging.decide import Decision, decide
from selfboot.judging.results import Asked, part
from selfboot.judging.rules import Rules, arm, mines, went
from selfboot.lab import Lab
from selfboot.protocols.any_model import WHOLE, Part
from selfboot.protocols.base import Run
from selfboot.protocols.lab_like import LabLike
from selfboot.registry import Claim, Direction, Scale, Settings
from selfboot.store import digest

ALPHA = BUDGET  # the chance by which one claim may be wrong: 0.15 %, e-value 667
SLICES = (Part(1, 8), Part(5, 8), Part(3, 4), Part(2, 2))
LEAST = 8  # tasks, so that every slice has one
BY_MINING = ("seeds_yielding_pairs", "count_minable")  # their outcomes are of mined problems, not of a benchmark
OF_SOME_TASKS = ("again", "alive")  # checks beside the contrast that a settled case does without
SETTLED: Mapping[Scale, VerdictStatus] = {"mini": "as calibrated", "small": "measured", "paper": "direction only"}

AT_ONCE = "all tasks at once"
NO_BANDS = "bands are of all tasks and were not applied"

Draw = Callable[[int, Part], Sequence[Run]]  # runs of a part of the tasks; as in decide.py of the claim's seeds (0)


class OnPart:
    """A Lab that scores on one part of every benchmark; all else is as the Lab does it."""

    def __init__(self, lab: Lab, part: Part) -> None:
        self._lab, self._part = lab, part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lab, name)

    def evaluate(self, model: str, benchmark: str, **how: Any) -> Any:
        return self._lab.evaluate(model, self._part.of_benchmark(benchmark), **how)

    def evaluate_answers(self, model: str, benchmark: str, **how: Any) -> Any:
        return self._lab.evaluate_answers(model, self._part.of_benchmark(benchmark), **how)


def on_part(lab: Lab, part: Part) -> LabLike:
    """The Lab as a protocol uses it, scoring on a part of the tasks only."""
    return lab if part == WHOLE else cast(LabLike, OnPart(lab, part))


def decide_early(claim: Claim, scale: Scale, settings: Settings, checks: Sequence[Check], draw: Draw) -> Decision:
    """Draw slice by slice and stop once the difference is settled; else judge every check over all tasks, as ever."""
    rules = RULES[scale](claim, settings)
    if reason := whole_because(rules):
        whole = decide(checks, lambda fresh: draw(fresh, WHOLE))
        return replace(whole, until=f"{AT_ONCE}: {reason}")
    slices: list[Sequence[Run]] = []
    for own in SLICES:
        slices.append(draw(0, own))
        runs = [joined(seed) for seed in zip(*slices, strict=True)]
        if own != SLICES[-1] and (side := settled(rules, runs)):
            return _decision(rules, scale, checks, runs, side, len(slices))
    whole = decide(checks, lambda fresh: draw(fresh, WHOLE) if fresh else runs)
    return replace(whole, until="not settled before the last slice: judged over all tasks", slices=len(slices))


def whole_because(rules: Rules) -> str:
    """Why a case cannot be decided early; "" if it can."""
    settings = rules.settings
    if not settings.contrast:
        return "it compares no two arms"
    if settings.protocol in BY_MINING:
        return "its outcomes are of mined problems, not of a benchmark's tasks"
    if others := [name for name in rules.special() if name not in OF_SOME_TASKS]:
        return f"its check {others[0]!r} needs them"
    names = [settings.benchmark, *settings.options.get("also", ())]
    if (fewest := min(len(load_any(name).tasks) for name in names)) < LEAST:
        return f"there are {fewest}, too few for {len(SLICES)} slices"
    return "" if sides(rules) else "it expects no difference"


def sides(rules: Rules) -> tuple[Direction, ...]:
    """The directions that settle a case: the one that its full judgement asks for. Of any one model each is a
    finding."""
    if isinstance(rules, Compared):
        return ("up", "down")
    tasks = len(load_any(rules.settings.benchmark).tasks)
    wanted = rules.shows(tasks) if isinstance(rules, Calibrated) else rules.claim.expects
    return () if wanted == "none" else (wanted,)


def settled(rules: Rules, runs: Sequence[Run]) -> Direction | None:
    """The direction that the runs' tasks have settled, if any; a model that mined too few pairs settles none."""
    if isinstance(rules, Compared) and mines(rules.settings) and mined(runs) < NEEDED:
        return None
    before, after = arms(rules, runs)
    way = went(paired_test(before, after), len(after[0]))
    return way if way in sides(rules) and log_e_of_arms(before, after, way) >= -math.log(ALPHA) else None


def arms(rules: Rules, runs: Sequence[Run]) -> tuple[list[Outcomes], list[Outcomes]]:
    """The outcomes of the contrast's arms, one list a seed; of an arm without a seed one."""
    first, last = rules.settings.contrast
    before = [run.outcomes[first] for run in runs]
    return before[:1] if first in runs[0].fixed else before, [run.outcomes[last] for run in runs]


def joined(slices: Sequence[Run]) -> Run:
    """One run of the first of ``SLICES``: outcomes in the benchmark's order; what counts tasks is added up."""
    first = slices[0]
    adds = {name for name, one in first.arms.items() if one.role in ("base", "trained", "contrast")}
    figures = {n: sum(run.figures[n] for run in slices) if n in adds else value for n, value in first.figures.items()}
    outcomes = {name: _in_order([run.outcomes[name] for run in slices]) for name in first.outcomes}
    drawn = {
        name: replace(one, tokens=digest([run.drawn[name].tokens for run in slices]))
        for name, one in first.drawn.items()
    }
    evidence = {(made.arm, made.artifact.id): made for run in slices for made in run.evidence}
    return replace(first, figures=figures, outcomes=outcomes, drawn=drawn, evidence=tuple(evidence.values()))


def _in_order(rows: Sequence[Sequence[bool]]) -> list[bool]:
    places = [
        (own.number + own.of * at, flag) for own, row in zip(SLICES, rows, strict=False) for at, flag in enumerate(row)
    ]
    return [flag for _, flag in sorted(places)]


def _decision(
    rules: Rules, scale: Scale, checks: Sequence[Check], runs: Sequence[Run], side: Direction, slices: int
) -> Decision:
    """The contrast as far as it was drawn, beside what every claim asserts of its weights."""
    last = rules.settings.contrast[1]
    before, after = arms(rules, runs)
    seen, all_tasks = len(after[0]), len(load_any(runs[0].arms[last].benchmark or rules.settings.benchmark).tasks)
    difference, log_e = paired_test(before, after).difference, log_e_of_arms(before, after, side)
    text = f"{difference:+.1f} of {seen} tasks, e-value {shown(log_e)} of {1 / ALPHA:.0f} needed; {NO_BANDS}"
    verdict = Verdict(SETTLED[scale], text, {"difference": difference, "log_e": log_e})
    scores = tuple(float(sum(flags)) for flags in before)
    main = part(
        "contrast", "contrast", verdict, Asked("settled", seen, all_tasks, 1 / ALPHA, difference=True),
        [sum(flags) for flags in after], before=scores, of=seen, arm=arm(runs, last), direction=side,
    )  # fmt: skip
    weights = [check.judge(runs) for check in checks if check.name == "weights"]
    return Decision(runs, (*weights, main), f"settled by {seen} of {all_tasks} tasks", slices)
