"""The findings on one model of the small scale, as a Markdown file that is kept: every case with its verdict, the other
arm beside it, and what `selfboot diagnose` had predicted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from selfboot.errors import DataError
from selfboot.judging.results import Result, to_json
from selfboot.newmodel.kept import Kept, kept
from selfboot.report.cells import MARKS, beside, cell, direction, markdown_table, measured, natural, seconds
from selfboot.report.predicted import HEAD, predicted
from selfboot.report.standing import headline
from selfboot.store import write_atomic

COLUMNS = ("", "case", "§", "paper", "measured", "verdict", "direction", "why", "seconds")


def write_findings(results: Sequence[Result], store: Path, out: Path) -> list[Path]:
    """MODEL.md and MODEL.jsonl (the results themselves) in ``out`` for each model of the small scale. DataError where
    there is none."""
    small = [result for result in results if result.scale == "small" and result.weights == "trained"]
    if not small:
        raise DataError(f"{store}: no results of the small scale; run `pytest --scale small` first")
    out.mkdir(parents=True, exist_ok=True)
    return [path for model in dict.fromkeys(one.model for one in small) for path in _model(model, small, store, out)]


def _model(model: str, small: Sequence[Result], store: Path, out: Path) -> Iterator[Path]:
    own = sorted(
        (one for one in small if one.model == model), key=lambda one: (natural(one.section), natural(one.name))
    )
    name = re.sub(r"[^A-Za-z0-9.]+", "-", model).strip("-.")
    diagnoses = [one for one in kept(store, []) if one.table["model"] == model]
    for suffix, text in ((".md", _text(model, own, diagnoses)), (".jsonl", "".join(f"{to_json(r)}\n" for r in own))):
        write_atomic(out / f"{name}{suffix}", text)
        yield out / f"{name}{suffix}"


def _text(model: str, results: Sequence[Result], diagnoses: Sequence[Kept]) -> str:
    spent = seconds(sum(result.seconds for result in results))
    lines = [f"# {model}", "", " ".join(headline(results)[1:]), f"{spent} in the cases.", ""]
    lines += [*markdown_table(COLUMNS, [_row(result) for result in results]), ""]
    others = [f"- {cell(result.name)}: {cell(line)}" for result in results for line in beside(result)]
    lines += ["## The same weights, as the paper reads", "", *others, ""] if others else []
    for one in diagnoses:
        lines += ["## Predicted by `selfboot diagnose`, and measured", "", cell(one.title), ""]
        lines += [*markdown_table(HEAD, predicted(one, results)), ""]
    return "\n".join(lines)


def _row(result: Result) -> tuple[str, ...]:
    main = result.main
    broken = [f"{part.name}: {part.reason}" for part in result.parts if part.failed]
    why = "; ".join(broken) or main.reason
    return (
        *(MARKS[result.verdict], result.name, result.section.lstrip("§"), result.paper, measured(result)),
        *(result.verdict, direction(result), why, f"{result.seconds:.0f}"),
    )
