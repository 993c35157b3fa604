"""The tables of false alarms and power: every kind of claim at the paper's sizes, every calibrated claim at its own."""

from __future__ import annotations

import json
import time

from selfboot.judging.error_rates import ClaimPower, powered_claims
from selfboot.paths import MEASURED
from selfboot.report.cells import plain_table

HEAD = ("claim", "figures", "alternative", "false alarm", "power", "simulated: false alarm", "power", "false pass")


DOCUMENT = """\
# False alarms and power

Chances that a test fails when the claim holds (false alarm) and when the alternative holds instead (power), and that it
passes when the alternative holds (false pass). At mini scale "the claim holds" means that our model does what it did.

## Every kind of claim, at the sizes of the paper's claims

{kinds}

By formula, and in parentheses by {drawn} simulated runs of the policy: `{command}`.

## Every calibrated claim at mini scale, at its own n

{claims}

From data/measured/bands/ as it was on {date}; the simulation by {draws} runs of the judge under each hypothesis:
`selfboot claims --power --draws {draws} --out data/measured/error_rates/README.md`. A claim of no difference whose
power is below
80 % is *unsettled* at best. What is assumed: `selfboot/judging/error_rates.py`.
"""


def rows(draws: int = 0) -> list[tuple[str, ...]]:
    """One row a claim, as ``HEAD``; without ``draws`` the simulation's cells are left out."""
    return [_row(one, draws) for one in powered_claims()]


def _row(one: ClaimPower, draws: int) -> tuple[str, ...]:
    cells = (one.claim.id, str(len(one.figures)), one.alternative, *one.formula().text)
    if not draws:
        return cells
    seen = one.simulate(draws)
    return (*cells, f"{seen.false_alarm:.1%}", f"{seen.power:.1%}", f"{seen.false_pass:.1%}")


def error_rates() -> list[tuple[str, ...]]:
    """How often each kind of test errs, by formula and by simulation (data/measured/error_rates/power.json); none
    without it."""
    path = MEASURED / "error_rates" / "power.json"
    table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"rows": []}
    return [
        (
            str(row["kind"]).replace("_", " "),
            str(row["claim"]),
            str(row["alternative"]),
            *(
                f"{row['formula'][rate]:.1%} ({row['simulation'][rate]:.1%})"
                for rate in ("false_alarm", "power", "false_pass")
            ),
        )
        for row in table["rows"]
    ]


def document(draws: int) -> str:
    """Both tables as Markdown: every kind of claim (power.json), and every calibrated claim now."""
    kinds = ("kind of claim", "setting", "alternative", "false alarm", "power", "false pass")
    drawn = json.loads((MEASURED / "error_rates" / "power.json").read_text(encoding="utf-8"))
    return DOCUMENT.format(
        kinds="\n".join(plain_table(kinds, error_rates())),
        command=drawn["command"],
        drawn=f"{drawn['draws']:,}",
        claims="\n".join(plain_table(HEAD, rows(draws))),
        date=time.strftime("%Y-%m-%d"),
        draws=draws,
    )
