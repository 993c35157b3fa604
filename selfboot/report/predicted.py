"""What `selfboot diagnose` predicted of a model, beside what the small scale's claims then measured on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfboot.judging.results import Part, Result
from selfboot.newmodel.kept import Kept
from selfboot.report.cells import FREE, LIFTED, measured, signed

BEST = "tts-4b-he"
HEAD = ("", "predicted", "measured")
AGAINST = {"should work": "up", "too weak": "not enough pairs", "saturated": "none"}
Row = tuple[str, str, str]


def predicted(one: Kept, results: Sequence[Result]) -> list[Row]:
    """Rows of a table: what, as predicted, as measured. None where no claim of the small scale was put to the model."""
    own = {
        result.claim: result for result in results if result.scale == "small" and result.weights == "trained"
        and result.model == one.table["model"]
    }  # fmt: skip
    if not own:
        return []
    return [_verdict(one, own.get(LIFTED)), _pairs(one, own.get(LIFTED)), _lift(one, own.get(LIFTED)),
            _best(one, own.get(BEST)), _free(one, own.get(FREE))]  # fmt: skip


def _verdict(one: Kept, result: Result | None) -> Row:
    """Does the recipe lift the model?"""
    verdict = str(one.table["verdict"])
    if result is None:
        return "the recipe", verdict, NOT_RUN
    found = result.verdict if result.main.kind == "pairs" else str(result.main.direction)
    right = AGAINST.get(verdict) == found
    said = "as predicted" if right else "no prediction" if verdict not in AGAINST else "otherwise than predicted"
    return "the recipe", verdict, f"{measured(result)}: {said}"


def _pairs(one: Kept, result: Result | None) -> Row:
    full = one.table["harvest"]["full"]
    foretold = f"{full['value']:.0f} ({full['low']:.0f} to {full['high']:.0f}) of a full mining run"
    if result is None:
        return "pairs", foretold, NOT_RUN
    return "pairs", foretold, result.main.reason if result.main.kind == "pairs" else "enough to train on"


def _lift(one: Kept, result: Result | None) -> Row:
    name, foretold = "lift, share of the tasks", _interval(one.table["lift"], sign="+")
    if result is None or result.main.kind != "contrast":
        return name, foretold, NOT_RUN if result is None else "nothing was trained"
    share = _gained(result.main)
    inside = one.table["lift"]["low"] <= share <= one.table["lift"]["high"]
    return name, foretold, f"{share:+.0%} of {result.main.of}, {'inside' if inside else 'outside'} the interval"


def _gained(main: Part) -> float:
    return float(main.details["difference"] or 0) / main.of


def _best(one: Kept, result: Result | None) -> Row:
    name, foretold = "best of 8 samples, share of the tasks", _interval(one.table["passk"])
    if result is None or not result.main.of:
        return name, foretold, NOT_RUN
    return name, foretold, f"{result.main.measured[0] / result.main.of:.0%} of {result.main.of}"


def _free(one: Kept, result: Result | None) -> Row:
    """What asking and reading in another way gives the untrained model: no skill that a training would add."""
    name = "without training, beyond the usual score"
    scores = {reading["format"]: reading for reading in one.table["readings"]}
    usual, best = scores["chat"], max(scores.values(), key=lambda reading: float(reading["share"]["value"]))
    foretold = f"{best['share']['value'] - usual['share']['value']:+.0%} ({best['format']})"
    if result is None or not result.beside:
        return name, foretold, NOT_RUN
    base, *ways = result.beside
    most = max(ways, key=lambda way: way.judged[0])
    gained = most.judged[0] - base.judged[0]
    return name, foretold, f"{signed(gained)} of {base.of} tasks ({_way(most.arm.shots, most.arm.reading)})"


def _way(shots: int, reading: str) -> str:
    return ", ".join(part for part in (f"{shots} shots" if shots else "", reading) if part)


def _interval(estimate: Mapping[str, Any], sign: str = "") -> str:
    value, low, high = (format(estimate[end], f"{sign}.0%") for end in ("value", "low", "high"))
    return value if low == high else f"{value} ({low} to {high})"


NOT_RUN = "not run"
