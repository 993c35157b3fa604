"""A diagnosis in plain words: for the terminal, and as one HTML page that needs nothing from the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selfboot.analysis.failures import MEANING, side
from selfboot.analysis.prediction import NEEDED, Estimate, LeftOut, error
from selfboot.errors import UnavailableError
from selfboot.newmodel.measure import Diagnosis, Price, left_out

VERDICTS = {
    "should work": "The recipe should lift this model.",
    "too weak": "The recipe should NOT work: the model is too weak to mine from.",
    "saturated": "The recipe should bring no clean lift: the model is saturated on this benchmark.",
    "uncertain": "It cannot be told from this much whether the recipe lifts this model.",
}
NAMES = {
    "chat": "chat, greedy",
    "chat-tolerant": "  its form forgiven",
    "raw": "raw completion, greedy",
    "raw-tolerant": "  what runs on forgiven",
}


def summary(found: Diagnosis) -> str:
    """The diagnosis as text of a screenful."""
    title = f"{found.model} on {found.benchmark}: {found.verdict}"
    lines = [title, "=" * len(title), VERDICTS[found.verdict], *_because(found), "", *_scores(found), ""]
    lines += [*_failing(found), *_harvest(found), "", *_predicted(found), "", *_cost(found)]
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in found.seconds.items())
    return "\n".join([*lines, f"time: {spent}"])


def _because(found: Diagnosis) -> list[str]:
    """The reasons, one a line."""
    chat, floor, ceiling = found.reading("chat"), found.chat.floor, found.chat.ceiling
    if found.chat.below:
        where = (
            f"below the weakest that was lifted ({floor.name}, {floor.base} of {floor.n}; p={found.chat.floor_p:.2g})"
        )
    elif found.chat.above:
        strong = f"{ceiling.name}, {ceiling.base} of {ceiling.n}; p={found.chat.ceiling_p:.2g}"
        where = f"above the strongest that was clearly lifted ({strong})"
    else:
        where = f"within the range that was lifted ({floor.base} to {ceiling.base} of {floor.n})"
    pairs = found.harvest.full
    enough = "enough" if pairs.low >= NEEDED else "too few" if pairs.high < NEEDED else "perhaps enough"
    if pairs.value < NEEDED <= pairs.high:
        enough = f"probably too few ({NEEDED} are needed; more --rounds tell more)"
    drawn = f"{min(8, found.samples)} samples solve" if found.samples else "nothing was sampled:"
    return [
        f"- the chat score, {chat.solved} of {chat.n}, is {where} in the paper's table",
        f"- headroom: {drawn} {_percent(found.headroom)} of the tasks more than one greedy answer",
        f"- a full mining run should find {pairs.value:.0f} pairs ({pairs.low:.0f} to {pairs.high:.0f}): {enough}",
    ]


def _scores(found: Diagnosis) -> list[str]:
    part = "" if found.readings[0].n == found.whole else f", drawn at random of {found.whole}; 95 % intervals"
    lines = [f"scores ({found.readings[0].n} tasks{part})"]
    for one in found.readings:
        lines.append(f"  {NAMES[one.format]:<26}{one.solved:>4} of {one.n}   {_percent(one.share)}")
    if found.samples:
        lines.append(f"  {f'chat, pass@{min(8, found.samples)}, T=0.8':<26}{'':>4}    {'':<3}  {_percent(found.passk)}")
    return lines


def _failing(found: Diagnosis) -> list[str]:
    if found.form is None:
        return ["nothing fails"]
    classes = [f"{name} {count}" for name, count in found.failures.items() if side(name) in ("form", "skill")]
    return [f"how chat answers fail: {_percent(found.form)} on form ({', '.join(classes)})"]


def _harvest(found: Diagnosis) -> list[str]:
    one = found.harvest
    return [
        f"mining run: {one.asked} problems asked for, {one.well_formed} well formed, {one.fresh} new, {one.valid}"
        f" valid (own solution passes own tests), {one.pairs} pairs"
    ]


def _predicted(found: Diagnosis) -> list[str]:
    n = found.whole
    off = {"family": found.family_error * n, "table": found.published_error * n}
    return [
        f"predicted lift, tasks of {n} (90 % interval)",
        f"  from the mini models, by headroom       {_tasks(found.lift, n)}; off by {off['family']:.0f} on average",
        f"  from the paper's table, by base score   {_tasks(found.lift_published, n)}; off by {off['table']:.0f}",
        "  (errors: leave-one-out. A model unlike the mini models lies outside of what the first line has seen.)",
    ]


def _cost(found: Diagnosis) -> list[str]:
    if not found.costs:
        return ["cost: the model's shape is not known, so none is reckoned"]
    return ["cost of the whole recipe (mine, train, score), an estimate", *(f"  {_priced(one)}" for one in found.costs)]


def _priced(one: Price) -> str:
    if one.missing:
        return f"{one.gpu}: {one.missing}"
    count = f"{one.gpus} x " if one.gpus > 1 else ""
    return f"{count}{one.gpu}: {60 * one.hours:.0f} min, ${one.usd:.2f}, {one.gb:g} GB"


def _percent(one: Estimate) -> str:
    if one.low == one.high:
        return f"{one.value:.0%}"
    return f"{one.value:.0%} ({one.low:.0%} to {one.high:.0%})"


def _tasks(one: Estimate, n: int) -> str:
    value, low, high = (round(x * n) for x in (one.value, one.low, one.high))
    return f"{value:+} ({low:+} to {high:+})"


def left_out_table(n: int = 164) -> str:
    """Predicted and measured lift of every member and every published row, each left out of its own prediction."""
    family, table = left_out()
    return f"family of mini models\n{_rows(family, n)}\n\npublished table\n{_rows(table, n)}"


def _rows(rows: Sequence[LeftOut], n: int) -> str:
    width = max(len(row.name) for row in rows)
    lines = [f"  {'':<{width}}  measured  predicted (90 % interval)"]
    for row in rows:
        mark = "" if row.inside else "  outside"
        lines.append(f"  {row.name:<{width}}  {row.measured * n:>+8.0f}  {_tasks(row.predicted, n)}{mark}")
    return "\n".join([*lines, f"  mean absolute error: {error(rows) * n:.1f} tasks of {n}"])


def page(found: Diagnosis) -> str:
    """The summary as an HTML page; the report's style, no script, nothing from anywhere else."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise UnavailableError("the page needs jinja2; pip install 'selfboot[report]'") from None
    here = Path(__file__).parent
    jinja = Environment(loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    style = Markup((here.parent / "report" / "page.css").read_text(encoding="utf-8"))
    parts = [("Scores", _scores(found)), ("Prediction", _predicted(found)), ("Cost", _cost(found))]
    return jinja.get_template("page.html").render(
        found=found, headline=VERDICTS[found.verdict], because=_because(found), parts=parts, style=style,
        failures=[(name, count, MEANING[name]) for name, count in found.failures.items()], harvest=_harvest(found)[0],
    )  # fmt: skip
