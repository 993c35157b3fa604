"""The report's figures as pictures of their own, for a README: SVG with a light ground, a title and a key.

    selfboot report --gallery data/measured/gallery

Only what the run store holds is drawn; the README beside the pictures says which runs that was, with every number.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from selfboot import __version__
from selfboot.errors import DataError
from selfboot.judging.results import Result
from selfboot.report.cells import band, direction, markdown_table, measured
from selfboot.report.evidence import Shelf
from selfboot.report.figures import FigureView, figures
from selfboot.report.gather import Gathered, gather
from selfboot.report.summary import environment, lede, outdated
from selfboot.store import RunStore, explain, write_atomic

SHOWN = ("fig-headline", "fig-control", "fig-sweep", "fig-oracle", "fig-synergy")
LIMIT = 200_000  # bytes a picture
MADE_WITH = ("engine", "libraries", "models")  # of the environment; the report has all of it
COMMAND = "selfboot report --gallery"
FONT = "ui-sans-serif, system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
EDGE, HEAD = 14, 46  # points around the figure, and above it for title and key
_VIEW = re.compile(r'<svg class="figure"[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)">(.*)</svg>$', re.DOTALL)


def write_gallery(results: Sequence[Result], store: RunStore, out: Path) -> list[Path]:
    """Write the figures, and a README.md that says what they rest on, into ``out``; returns the pictures' paths.

    Raises DataError when the results allow none of the figures, StoreError when ``out`` cannot be written.
    """
    gathered = gather(results, Shelf(store.root))
    drawn = [figure for figure in figures(gathered) if figure.id in SHOWN]
    if not drawn:
        raise DataError("these results allow none of the gallery's figures; run `pytest -m fastpath` first")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, out) from error
    pictures = {out / name(figure): standalone(figure) for figure in drawn}
    for path, picture in pictures.items():
        if len(picture.encode()) > LIMIT:
            raise DataError(f"{path}: the picture has more than {LIMIT:,} bytes; report fewer results")
        write_atomic(path, picture)
    write_atomic(out / "README.md", readme(gathered, drawn))
    return list(pictures)


def name(figure: FigureView) -> str:
    """A figure's file."""
    return f"{figure.id.removeprefix('fig-')}.svg"


def standalone(figure: FigureView) -> str:
    """A figure of the page as an SVG file: no variables, no style sheet, nothing fetched."""
    found = _VIEW.match(figure.svg)
    if found is None:
        raise DataError(f"{figure.id}: not a figure of the report")
    width, height = float(found[1]) + 2 * EDGE, float(found[2]) + HEAD + EDGE
    body = f"{_head(figure)}<g transform='translate({EDGE} {HEAD})'>{found[3]}</g>"
    return _light(
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img"'
        f' viewBox="0 0 {width:g} {height:g}" width="{1.4 * width:.0f}" height="{1.4 * height:.0f}">'
        f"<title>{escape(figure.alt)}</title>"
        f'<rect width="100%" height="100%" fill="var(--bg)"/>{body}</svg>\n'
    )


def _head(figure: FigureView) -> str:
    """Title, and the key that stands above all figures of the page."""
    text = 'style="font: {} {}px var(--sans)" fill="var(--{})"'
    return (
        f"<text x='{EDGE}' y='19' {text.format(600, 12.5, 'ink')}>{escape(figure.title)}</text>"
        f"<circle cx='{EDGE + 4}' cy='33' r='3.4' fill='none' stroke='var(--paper)' stroke-width='1.3'/>"
        f"<text x='{EDGE + 12}' y='36' {text.format(400, 9, 'muted')}>the paper</text>"
        f"<circle cx='{EDGE + 68}' cy='33' r='3.6' fill='var(--ours)'/>"
        f"<text x='{EDGE + 76}' y='36' {text.format(400, 9, 'muted')}>measured here, every seed</text>"
        f"<rect x='{EDGE + 208}' y='28.5' width='14' height='9' fill='var(--band)'/>"
        f"<text x='{EDGE + 227}' y='36' {text.format(400, 9, 'muted')}>band</text>"
    )


def _light(svg: str) -> str:
    """The page's variables replaced by its colours on a light ground."""
    for variable, value in _colours().items():
        svg = svg.replace(f"var(--{variable})", value)
    return svg.replace("var(--sans)", FONT)


@functools.cache
def _colours() -> Mapping[str, str]:
    """The page's light colours: the first block of its style sheet."""
    css = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css[: css.index("@media")]))


def readme(gathered: Gathered, drawn: Sequence[FigureView]) -> str:
    """What the pictures show and rest on."""
    made = f"Drawn by `{COMMAND}` (selfboot {__version__}) on {time.strftime('%Y-%m-%d')} from a run store's results."
    lines = ["# Figures of a real run", "", made, "", *lede(gathered), *outdated(gathered), ""]
    for figure in drawn:
        lines += [f"## {figure.title}", "", f"![{figure.title}]({name(figure)})", "", figure.caption, ""]
        lines += [*markdown_table(figure.head, figure.rows), ""]
    lines += ["## The results that were drawn", "", *_results(gathered), ""]
    lines += ["## Made with", ""]
    lines += [f"- {what}: {'; '.join(values)}" for what, values in environment(gathered) if what in MADE_WITH]
    return "\n".join(lines) + "\n"


def _results(gathered: Gathered) -> Iterator[str]:
    head = ("case", "paper", "measured", "band", "verdict", "direction")
    table = [
        (
            c.result.name,
            c.result.paper,
            measured(c.result),
            band(c.result),
            c.result.verdict,
            direction(c.result),
        )
        for c in gathered.cases
    ]
    yield from markdown_table(head, table)
