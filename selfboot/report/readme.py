"""The generated tables of the READMEs. Those of claims/README.md come from the registry and the calibrations: a test
fails when they are stale. The table of the last fast path in README.md comes from a run store, which no checkout has;
it says its date.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from selfboot.analysis.bands import CALIBRATION_SEEDS
from selfboot.benchmarks.base import load_any
from selfboot.errors import DataError
from selfboot.judging.calibrated import Calibrated
from selfboot.judging.calibration import Calibration, calibration, lacking, path_of
from selfboot.judging.results import Result, load
from selfboot.judging.rules import span
from selfboot.judging.spread import agreement, spreads
from selfboot.paths import CLAIMS, ROOT
from selfboot.registry import Claim, Settings, registry
from selfboot.report.cells import (
    MARKS,
    band,
    between,
    direction,
    markdown_table,
    measured,
    ordered,
    plain_table,
    seconds,
)
from selfboot.report.others import short_table
from selfboot.report.standing import headline
from selfboot.store import write_atomic

COMMAND = "selfboot claims --update-readme"
README, CLAIMS_README = ROOT / "README.md", CLAIMS / "README.md"
ORGANISMS = ("organism-0", "organism-1", "organism-2")
HEAD = ("claim", "§", "tier", "paper", "mini model", "direction", "what it says")


def claims_table() -> str:
    """One row a claim: the paper's figure, and at mini scale the mean over the calibration's seeds with its band."""
    return _markdown(HEAD, [_row(claim) for claim in registry().values()])


def organisms_table() -> str:
    """The headline figures on each pre-training seed: mean and range over the calibration's seeds."""
    rows = [
        [f"`{claim}`", name, *(_spread(model, claim, name) for model in ORGANISMS)]
        for claim in ("recipe-7b", "pair-count-sweep", "control")
        for name in _figures(calibration(ORGANISMS[0]), claim)
        if name != "base" or claim == "recipe-7b"
    ]
    return _markdown(("claim", "figure", *ORGANISMS), rows)


def _figures(known: Calibration, claim: str) -> list[str]:
    """A claim's figures, by number of pairs where that is what they differ in."""
    figures = known.figures(claim)
    return sorted(figures, key=lambda name: (not figures[name].fixed, figures[name].arm.count, name))


def _spread(model: str, claim: str, figure: str) -> str:
    if not path_of(model).exists() or figure not in calibration(model).figures(claim):
        return "–"
    values = calibration(model).measure(claim, figure).values
    if len(values) == 1:
        return f"{values[0]:.0f}"
    return f"{np.mean(values):.0f} ({min(values):.0f}–{max(values):.0f}, {len(values)} seeds)"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(plain_table(head, rows))


def _row(claim: Claim) -> list[str]:
    lead = [f"`{claim.id}`", claim.section.lstrip("§"), claim.tier, claim.published]
    settings = claim.scales.get("mini")
    if settings is None or not path_of(settings.model).exists() or not settings.protocol:
        return [*lead, "", "", claim.title]
    known = calibration(settings.model)
    if not known.figures(claim.id):
        return [*lead, "not calibrated yet", "", claim.title]
    finding = f" **{settings.finding}**" if settings.finding else ""
    return [*lead, _measured(claim.id, settings, known), _direction(claim, settings), claim.title + finding]


def _measured(claim: str, settings: Settings, known: Calibration) -> str:
    """Before → after (99 % band of one fresh seed); without a contrast, every figure."""
    if settings.contrast:
        before, after = settings.contrast
        tasks = len(load_any(settings.benchmark).tasks)
        return f"{np.mean(known.measure(claim, before).values):.0f} → {_figure(claim, after, known, tasks)}"
    return ", ".join(f"{name} {_figure(claim, name, known)}" for name in known.figures(claim))


def _figure(claim: str, figure: str, known: Calibration, tasks: int | None = None) -> str:
    values = known.measure(claim, figure).values
    if len(values) == 1:
        return f"{values[0]:.0f}"
    if len(values) < CALIBRATION_SEEDS:
        return f"{np.mean(values):.0f} ({len(values)} seeds, no band yet)"
    return f"{np.mean(values):.0f} ({span(known.band(claim, figure, tasks=tasks))})"


def _direction(claim: Claim, settings: Settings) -> str:
    if not settings.contrast or lacking(claim.id, settings):
        return ""
    ours = Calibrated(claim, settings).shows(len(load_any(settings.benchmark).tasks))
    if ours == claim.expects:
        return "same direction"
    return "no effect" if ours == "none" else f"opposite: paper {claim.expects}, ours {ours}"


def spread_table() -> str:
    """How widely training seeds differ with 40 and with 100 pairs, the paper's and ours."""
    word, p = agreement()
    rows = [
        [f"`{one.claim}`", f"{min(one.paper):.0f}–{max(one.paper):.0f} ({len(one.paper)} figures)",
         f"{min(one.ours):.0f}–{max(one.ours):.0f} ({len(one.ours)} seeds)", f"{one.sd:.1f}"]
        for one in spreads()
    ]  # fmt: skip
    said = f"Less spread with more pairs, as in the paper? {word} (Brown–Forsythe test, p = {p:.2f})."
    return "\n".join([_markdown(("claim", "paper", "mini model", "sd"), rows), "", said])


TABLES = {"claims": claims_table, "organisms": organisms_table, "spread": spread_table}
OTHERS = (
    f"<!-- others:start (generated by `{COMMAND}`) -->",
    f"<!-- others:end (generated by `{COMMAND}`) -->",
)


def updated(text: str) -> str:
    """``text`` with each table between its markers made again."""
    for name, table in TABLES.items():
        start, end = f"<!-- {name}:start (generated by `{COMMAND}`) -->", f"<!-- {name}:end -->"
        text = between(text, start, end, table(), CLAIMS_README)
    return text


def update(path: Path = CLAIMS_README, front: Path = README) -> None:
    """Write the tables into claims/README.md, and other people's numbers into README.md where its markers are."""
    write_atomic(path, updated(path.read_text(encoding="utf-8")))
    text = front.read_text(encoding="utf-8")
    if OTHERS[0] in text:
        write_atomic(front, between(text, *OTHERS, short_table(), front))


RUN = ("<!-- run:start -->", "<!-- run:end -->")
RUN_COMMAND = "pytest -m fastpath --scale mini -n 2"
RUN_HEAD = ("", "case", "paper", "measured", "band", "verdict", "direction", "seconds")


def update_run(folder: Path, path: Path = README) -> int:
    """Write the table of the fast path whose results lie in ``folder`` into the README; returns its number of cases."""
    results = [result for result in (load(folder) if folder.is_dir() else []) if _is_fastpath(result)]
    if not results:
        raise DataError(f"{folder}: no results of the fast path at mini scale; run `{RUN_COMMAND}` first")
    when = max(file.stat().st_mtime for file in folder.glob("*.json"))
    text = path.read_text(encoding="utf-8")
    lines = run_lines(results, time.strftime("%Y-%m-%d", time.gmtime(when)))
    write_atomic(path, between(text, *RUN, "\n".join(lines), path))
    return len(results)


def _is_fastpath(result: Result) -> bool:
    """Of the fast path, on the registry's model, by bands that there still are: no trial run, no other model's, none
    from before a change of the claim's settings."""
    claim = registry().get(result.claim)
    settings = claim.scales.get("mini") if claim else None
    own = settings is not None and settings.model == result.model and not lacking(result.claim, settings)
    return own and (result.tier, result.scale, result.weights) == ("fastpath", "mini", "trained")


def run_lines(results: Sequence[Result], date: str) -> Iterator[str]:
    """The table that ends a run, in the order of the registry, with a line that says what it is of."""
    spent = seconds(sum(result.seconds for result in results))
    said = " ".join(headline(results))
    yield f"`{RUN_COMMAND}` on {date}: {spent} in the tests, by `selfboot report --update-readme`. {said}"
    yield ""
    yield from markdown_table(RUN_HEAD, [_run_row(result) for result in ordered(results)])


def _run_row(result: Result) -> list[str]:
    return [
        MARKS.get(result.verdict, ""),
        result.name,
        result.paper,
        measured(result),
        band(result),
        result.verdict,
        direction(result),
        f"{result.seconds:.1f}",
    ]
