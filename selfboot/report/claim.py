"""Everything about one claim as plain text (`selfboot claims show ID`): its settings, bands, error rates, protocol."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from selfboot.benchmarks.base import load_any
from selfboot.judging.calibrated import Calibrated
from selfboot.judging.calibration import lacking
from selfboot.judging.checks import checks
from selfboot.judging.rules import span
from selfboot.judging.seeds import recorded_of_paper
from selfboot.paths import PACKAGES
from selfboot.protocols.base import Arm
from selfboot.protocols.catalogue import PROTOCOLS
from selfboot.published import figures
from selfboot.registry import SCALES, Claim, Scale, Settings, claim_named, files, recipes
from selfboot.report.rates import recorded
from selfboot.report.summary import said
from selfboot.tables import read, shown

WIDTH = 110
SCALE_NAMES = {
    "mini": "At mini scale, on our model",
    "small": "At small scale, on any one model (--model)",
    "paper": "At the paper's scale, on its model",
}
APART = (
    "model",
    "benchmark",
    "protocol",
    "recipe",
    "published",
    "minutes",
    "deviations",
    "finding",
    "amended_after",
)  # said in words


def show(name: str) -> str:
    """The text. DataError for an unknown claim, with those that there are."""
    claim = claim_named(name)
    parts = [_head(claim), *(_scale(claim, scale) for scale in SCALES if scale in claim.scales), _protocols(claim)]
    return "\n".join(line.rstrip() for part in parts for line in [*part, ""])


def _head(claim: Claim) -> Iterator[str]:
    yield f"{claim.id}: {claim.title}"
    yield "=" * WIDTH
    source = next(path for path in files() if claim.id in read(path, "claims"))
    entry = figures().get(claim.id)
    yield from _rows(
        {
            "paper": f"{claim.published} ({claim.section}); expected direction: {claim.expects}",
            "origin": f"{entry.certainty}: {entry.origin}" if entry else "",
            "kind, tier": f"{claim.kind.replace('_', ' ')}, {claim.tier}",
            "files": f"{shown(source.with_name(f'test_{source.stem}.py'))}, {shown(source)}",
        }
    )


def _scale(claim: Claim, scale: Scale) -> Iterator[str]:
    settings = claim.scales[scale]
    yield SCALE_NAMES[scale]
    yield "-" * WIDTH
    plain = {one.name: getattr(settings, one.name) for one in fields(settings) if one.name not in APART}
    set_here = {key.replace("_", " "): _value(value) for key, value in plain.items() if value}
    yield from _rows(
        {
            "model, benchmark": f"{settings.model}, {settings.benchmark}",
            "protocol": settings.protocol or "the test itself",
            **set_here,
            "recipe": f"{settings.recipe}: {_value(recipes()[settings.recipe])}" if settings.recipe else "",
            "published": _value(settings.published),
            "checks": _listed([check.name for check in checks(claim, scale)]) if settings.protocol else "",
            "takes": f"about {settings.minutes:g} minutes",
            "deviations": settings.deviations,
            "finding": settings.finding,
            "amended after": settings.amended_after,
        }
    )
    if scale == "paper" and (rates := recorded_of_paper().get(claim.id)):
        yield from _rows({"power": _power(rates)})
    if scale == "mini" and settings.protocol:
        yield from _bands(claim, settings)


def _power(rates: Mapping[str, str]) -> str:
    """How sure the claim's seeds make it, and how many would be enough."""
    seeds = f"{rates['seeds']} seed{'' if rates['seeds'] == '1' else 's'}"
    return (
        f"with {seeds}, the claim is reproduced in {rates['reproduced if the paper is right']} of all runs if the "
        f"paper is right; seeds for 80 % power: {rates['seeds for 80 %']}"
    )


def _bands(claim: Claim, settings: Settings) -> Iterator[str]:
    """The calibrated figures with their bands, and how often the verdict errs."""
    yield ""
    if reason := lacking(claim.id, settings):
        yield from _rows({"bands": f"none: {reason}"})
        return
    rules = Calibrated(claim, settings)
    fresh, n = 1 if settings.by_seed else max(1, len(settings.seeds)), len(load_any(settings.benchmark).tasks)
    seeds = "one seed" if fresh == 1 else f"the mean of {fresh} seeds"
    yield f"  bands of {seeds}; a right model leaves one twice in 0.15 % of its runs (calibration's mean → band)"
    for figure in rules.banded():
        yield from _rows({f"  {figure}": _band(rules, figure, fresh)})
    if settings.contrast:
        yield from _rows({"  direction": f"{' → '.join(settings.contrast)}: {rules.shows(n)}; paper: {claim.expects}"})
        if rates := recorded().get(claim.id):
            yield from _rows({"error rates": said(rates)})


def _band(rules: Calibrated, figure: str, fresh: int) -> str:
    known, claim = rules.known, rules.claim.id
    measure = known.measure(claim, figure)
    count = _tasks(measure.arm, rules.settings)
    mean = f"{np.mean(measure.values):.1f} → "
    if measure.fixed:
        return mean + span(known.fixed_band(claim, figure, count or 0, rules.chance))
    if rules.shape(figure, fresh, count or 0) == "wide":
        return f"{mean}no band, it spreads from {min(measure.values):g} to {max(measure.values):g}: the seeds that rise"
    return mean + span(rules.seeded_band(figure, fresh, count or 0))


def _tasks(arm: Arm, settings: Settings) -> int | None:
    """The tasks of an arm that is a score; None of a count, an estimate or a difference."""
    if arm.role not in ("base", "trained") or arm.judged == "estimate":
        return None
    return len(load_any(arm.benchmark or settings.benchmark).tasks)


def _protocols(claim: Claim) -> Iterator[str]:
    """The source of what the claim runs."""
    for name in dict.fromkeys(settings.protocol for settings in claim.scales.values()):
        if name:
            source = inspect.getsourcefile(PROTOCOLS[name]) or ""
            yield f"The protocol {name}, {source.removeprefix(f'{PACKAGES}/')}"
            yield "-" * WIDTH
            yield from inspect.getsource(PROTOCOLS[name]).splitlines()


def _rows(values: dict[str, str]) -> Iterator[str]:
    """Names and what they stand for, in two columns; what is empty is left out."""
    for name, text in values.items():
        if text:
            yield from textwrap.wrap(text, WIDTH, initial_indent=f"  {name:<18} ", subsequent_indent=" " * 21)


def _listed(names: Sequence[str]) -> str:
    """Names in a row, with semicolons where a name has a comma of its own ("few-shot, tolerant")."""
    return ("; " if any(", " in name for name in names) else ", ").join(names)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        separator = "; " if any(", " in key for key in value) else ", "
        return separator.join(f"{key} {_value(one)}" for key, one in value.items() if one not in ("", [], ()))
    if isinstance(value, list | tuple):
        return ", ".join(repr(one) if isinstance(one, str) and "\n" in one else str(one) for one in value) or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value) or "none"
