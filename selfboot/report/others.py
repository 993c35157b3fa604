"""Other people's numbers as tables: the report's, and a short one for the README."""

from __future__ import annotations

from selfboot.baselines import Baseline
from selfboot.report.cells import plain_table
from selfboot.report.figures.others import by_score, name, percent

HEAD = ("model", "benchmark", "paper: untrained", "others: untrained", "paper: trained", "trained above the others",
        "how the others measured", "source")  # fmt: skip
SHORT_HEAD = ("untrained model, benchmark", "the paper", "others", "the paper, trained")
SHOWN = 4  # rows of the README: the widest gaps
INTRO = (
    "Others have published scores of the same untrained models. Where theirs lie far above the paper's base score, part"
    " of the paper's lift may only bring back what the model could do before. Protocols differ, so a gap of 5 to 8"
    " points means little; one of 30 means much."
)


def rows() -> list[tuple[str, ...]]:
    """A row for each score by others, as ``HEAD``; scores in per cent, differences in points."""
    return [_row(one) for found in by_score().values() for one in found]


def _row(one: Baseline) -> tuple[str, ...]:
    trained = "–" if one.trained is None else f"{one.trained:.1f}"
    how = f"{one.protocol}; {one.unlike}" if one.unlike else one.protocol
    read = {"source": "", "copy": " (read in a copy)", "second hand": " (second hand)"}[one.read]
    return (
        *(one.model, one.benchmark, f"{one.untrained:.1f}", percent(one), trained, _left(one), how),
        one.source + read,
    )


def _left(one: Baseline) -> str:
    if one.left is None:
        return "–"
    return f"{'≤ ' if one.at_least else ''}{one.left:+.1f}"


def said() -> str:
    """The widest gap in a sentence, for the first screen."""
    found = _by_gap()[0]
    first, spread = found[0], " and ".join(percent(one) for one in found)
    trained = "" if first.trained is None else f"; after training it has {first.trained:.1f} %"
    return (
        f"Others measure the paper's base models higher than the paper: {first.model} on {first.entry.benchmark}"
        f" {spread} %, the paper {first.untrained:.1f} %{trained}."
    )


def _by_gap() -> list[list[Baseline]]:
    """The paper's scores by how far the lowest of the others' lies above them, the widest first."""
    same = [[one for one in found if not one.at_least] for found in by_score().values()]
    return sorted(filter(None, same), key=lambda found: -min(one.gap for one in found))


def short_table() -> str:
    """The widest gaps, for the README."""
    return "\n".join(plain_table(SHORT_HEAD, [_short(found) for found in _by_gap()[:SHOWN]]))


def _short(found: list[Baseline]) -> tuple[str, ...]:
    first = found[0]
    trained = "–" if first.trained is None else f"{first.trained:.1f} %"
    theirs = ", ".join(f"{percent(one)} % ({one.protocol.partition(',')[0].partition(';')[0]})" for one in found)
    return name(first), f"{first.untrained:.1f} %", theirs, trained
