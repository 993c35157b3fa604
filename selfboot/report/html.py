"""The report: one HTML file that needs no network, with Markdown and JSON copies beside it.

    selfboot report --out report/        pytest --report report/

Everything that a model wrote is hostile text. It is shown as text only: jinja escapes what stands in the page, samples
travel as base64 and are put in by ``textContent``, and a content security policy allows no script but the page's own
(by hash) and no request to anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfboot import __version__
from selfboot.analysis.decomposition import mean_tally
from selfboot.analysis.failures import CLASSES, MEANING, side, tally
from selfboot.decomposition.decompose import Recorded
from selfboot.errors import StoreError, UnavailableError
from selfboot.judging.results import Result
from selfboot.judging.seeds import recorded_of_paper
from selfboot.report import others, rates, text
from selfboot.report.answer import CAVEAT, answer, first_result
from selfboot.report.brief import NOTHING
from selfboot.report.cells import MARKS, band, beside, direction, measured, number, seconds
from selfboot.report.evidence import Shelf
from selfboot.report.figures import FigureView, figures
from selfboot.report.figures.others import others as others_figure
from selfboot.report.gather import BandView, CaseView, Gathered, Lift, NotRun, anchor, gather
from selfboot.report.noticed import noticed, survivors
from selfboot.report.predicted import HEAD, predicted
from selfboot.report.reviewer import topics
from selfboot.report.samples import pack
from selfboot.report.standing import headline
from selfboot.report.summary import (
    READING,
    claim_rates,
    cost,
    environment,
    measured_here,
    outdated,
)
from selfboot.store import RunStore, explain, write_atomic

FOLDER = Path(__file__).parent
LIMIT = 5_000_000  # bytes of the whole file


def write_report(
    results: Sequence[Result], store: RunStore, out: Path, skipped: Mapping[str, str] | None = None
) -> Path:
    """Write report.html, report.md and report.json into the folder ``out``; returns the HTML file.

    ``skipped``: why a case was not run, by its name ("recipe-7b[paper-7]"). Raises StoreError when ``out`` cannot be
    written, UnavailableError when jinja2 or matplotlib are missing.
    """
    gathered = gather(results, Shelf(store.root), skipped)
    drawn = figures(gathered)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, out) from error
    page = render(gathered, drawn)
    if len(page.encode()) > LIMIT:
        raise StoreError(
            f"{out}: the report has {len(page.encode()):,} bytes, more than {LIMIT:,}; report fewer results"
        )
    write_atomic(out / "report.json", text.as_json(gathered, drawn))
    write_atomic(out / "report.md", text.markdown(gathered, drawn))
    write_atomic(out / "report.html", page)
    return out / "report.html"


def render(gathered: Gathered, drawn: Sequence[FigureView]) -> str:
    """The page as text."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise UnavailableError("the report needs jinja2; pip install 'selfboot[report]'") from None
    jinja = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {"seconds": seconds, "share": lambda x: f"{x:.0%}", "mean": number}
    script, style = ((FOLDER / name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    values, beside = _values(gathered, drawn), others_figure()
    return jinja.get_template("page.html").render(
        **values,
        policy=policy(script),
        script=Markup(script),
        style=Markup(style),
        others_figure=beside,
        svg={figure.id: Markup(figure.svg) for figure in (*drawn, beside)},
    )


def policy(script: str) -> str:
    """A content security policy: this very script, inline styles, and nothing else from anywhere."""
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{own}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def _values(gathered: Gathered, drawn: Sequence[FigureView]) -> dict[str, Any]:
    """What the template is given."""
    judged = [case.result for case in gathered.cases]
    return {
        "version": __version__,
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "gathered": gathered,
        "foretold_head": HEAD,
        "foretold": [predicted(one, [case.result for case in gathered.cases]) for one in gathered.diagnoses],
        "said": " ".join(headline(judged, named=False)) if judged else NOTHING,
        "answer": answer(gathered),
        "caveat": CAVEAT,
        "others": others,
        "mutants": noticed(),
        "survivors": survivors,
        "link": lambda one: f"#{anchor(first_result(one))}",
        "marks": MARKS,
        "reading": READING,
        "topics": topics(),
        "figures": drawn,
        "lifts": [*(_recorded(found) for found in measured_here(gathered)), *(_lift(lift) for lift in gathered.lifts)],
        "rates": claim_rates(gathered),
        "heads": {"errs": rates.HEAD, "errs_of_paper": rates.PAPER_HEAD},
        "outdated": outdated(gathered),
        "meaning": MEANING,
        "side": side,
        "environment": environment(gathered),
        "spent": cost(gathered).seconds,
        "cost_head": (
            "case",
            "its evidence",
            "last run",
            *(["expected"] if any(_expected(gathered.cases)) else []),
        ),
        "tables": _tables(gathered),
        "packed": pack(gathered),
        "glyph": glyph,
        "compare": compare,
        "measured": measured,
        "beside": beside,
        "direction": direction,
        "band": band,
    }


def _tables(gathered: Gathered) -> dict[str, list[tuple[str, ...]]]:
    """The plain tables of the page."""
    spent = cost(gathered)
    return {
        "not_run": _not_run(gathered.not_run),
        "cases": [
            (c.result.name, seconds(built), seconds(last), *expected)
            for (c, last, built), expected in zip(spent.cases, _expected(gathered.cases), strict=True)
        ],
        "kinds": [(kind, str(count), seconds(spent_here)) for kind, count, spent_here in spent.kinds],
        "errs": [(claim, *row.values()) for claim, row in rates.recorded().items()],
        "errs_of_paper": [tuple(row.values()) for row in recorded_of_paper().values()],
    }


def _not_run(missing: Sequence[NotRun]) -> list[tuple[str, ...]]:
    """A row a claim: id, section, scales, the paper's figure, why not."""
    rows: list[tuple[str, ...]] = []
    for claim in dict.fromkeys(one.claim.id for one in missing):
        found = [one for one in missing if one.claim.id == claim]
        reasons = dict.fromkeys(one.reason.removesuffix(f" --scale {one.scale}") for one in found)
        scales = ", ".join(one.scale for one in found)
        rows.append((claim, found[0].claim.section, scales, found[0].claim.published, "; ".join(reasons)))
    return rows


def _expected(cases: Sequence[CaseView]) -> list[tuple[str, ...]]:
    """What each case should take, mini on one CPU core and paper on the paper's GPUs; no column where none is known."""
    minutes = [case.settings.minutes if case.settings else 0 for case in cases]
    return [(seconds(60 * m) if m else "–",) if any(minutes) else () for m in minutes]


def _lift(lift: Lift) -> dict[str, Any]:
    """A lift's failure taxonomy: a column for the base and each group, a row for each class that occurs."""
    tallies = {name: mean_tally([tally(seed) for seed in seeds]) for name, seeds in lift.columns.items()}
    what = f"{lift.claim} · {lift.scale} · {lift.model} · {lift.base.benchmark}"
    return _taxonomy(tallies) | {"title": lift.title, "what": what, "n": lift.n, "ended": lift.ended, "parts": {},
                                 "said": ""}  # fmt: skip


def _recorded(found: Recorded) -> dict[str, Any]:
    """The decomposition that the checkout holds for a model of this report."""
    tallies = {"base": {name: float(count) for name, count in found.base.tally.items()}}
    tallies |= {arm.name: found.failures(arm) for arm in found.arms}
    seeds = {arm.name: list(by_seed.values()) for arm, by_seed in found.arms.items()}
    ended = {name: sum(seed.ended for seed in scores) / len(scores) for name, scores in seeds.items()}
    made = found.provenance
    old = " An earlier version of the code measured it." if found.outdated else ""
    return _taxonomy(tallies) | {
        "title": "Where does the lift come from?",
        "what": f"{found.model} · {found.benchmark} · recorded on {made['date']}",
        "n": len(found.base.flags),
        "ended": {"base": float(found.base.ended), **ended},
        "parts": {arm.name: found.decomposition(arm) for arm in found.arms},
        "said": f"Not of this run: recipe, sweep and controls over the same seeds, measured before by"
        f" {made['command']} and kept in the checkout.{old}",
    }


def _taxonomy(tallies: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    classes = [name for name in CLASSES if any(name in found for found in tallies.values())]
    sides = {
        name: {s: sum(n for c, n in found.items() if side(c) == s) for s in ("passed", "form", "skill", "unknown")}
        for name, found in tallies.items()
    }
    return {"tallies": tallies, "classes": classes, "sides": sides}


def glyph(band: BandView) -> dict[str, float]:
    """Geometry of the small picture of a band in the table, in per cent of its width."""
    top = float(band.n or max(band.upper, band.measured, 1.0))
    bottom = min(0.0, band.lower, band.measured)

    def at(value: float) -> float:
        return round(100 * min(max((value - bottom) / (top - bottom), 0.0), 1.0), 1)

    return {"left": at(band.lower), "width": round(at(band.upper) - at(band.lower), 1), "point": at(band.measured)}


def compare(case: CaseView, id: str = "") -> str:
    """Link to the samples of a case: the base beside ``id``, or beside the last score where none is named."""
    scores = [arm.id for arm in case.scores]
    if not scores:
        return ""
    other = id or scores[-1]
    return f"#samples/{scores[0]}/{other}" if other != scores[0] else f"#samples/{scores[0]}"
