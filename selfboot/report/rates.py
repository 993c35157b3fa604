"""The tables of false alarms and power: the paper's claims at its scale, every calibrated claim at mini scale."""

from __future__ import annotations

import time

from selfboot.judging.error_rates import ClaimPower, powered_claims
from selfboot.judging.paper_rates import PaperClaim, simulated_claims
from selfboot.report.cells import plain_table

HEAD = ("claim", "figures", "alternative", "false alarm", "power", "simulated: false alarm", "power", "false pass")
PAPER_HEAD = ("claim", "seeds", "reproduced if the paper is right", "red if it is right", "red if it is wrong",
              "seeds for 80 %")  # fmt: skip
DOCUMENT = """\
# False alarms and power

All rates are simulated through the checks and the retry of the claims' own tests (`selfboot/judging/checks.py`,
`decide.py`): every row describes a policy that runs.

## The paper's claims, at its scale

Runs drawn around the published figures. *Right*: every score has its published mean. *Wrong*: training changes nothing;
where the paper says that nothing changes, it destroys the model.

{papers}

## Every calibrated claim at mini scale, at its own n

Chances that a test fails when our model does what it did (false alarm) and when the alternative holds instead (power),
and that it passes when the alternative holds (false pass).

{claims}

From data/measured/bands/ as it was on {date}; {draws} runs under each hypothesis:
`selfboot claims --power --draws {draws} --out data/measured/error_rates/README.md`. A claim of no difference whose
power is below 80 % is *unsettled* at best. What is assumed: `selfboot/judging/error_rates.py` and `paper_rates.py`.
"""


def rows(draws: int = 0) -> list[tuple[str, ...]]:
    """One row a calibrated claim, as ``HEAD``; without ``draws`` the simulation's cells are left out."""
    return [_row(one, draws) for one in powered_claims()]


def _row(one: ClaimPower, draws: int) -> tuple[str, ...]:
    cells = (one.claim.id, str(len(one.figures)), one.alternative, *one.formula().text)
    if not draws:
        return cells
    seen = one.simulate(draws)
    return (*cells, f"{seen.false_alarm:.1%}", f"{seen.power:.1%}", f"{seen.false_pass:.1%}")


def paper_rows(draws: int) -> list[tuple[str, ...]]:
    """One row a claim of the paper whose size is published or assumed, as ``PAPER_HEAD``."""
    return [_paper_row(one, draws) for one in simulated_claims()]


def _paper_row(one: PaperClaim, draws: int) -> tuple[str, ...]:
    seen, enough = one.simulate(draws), one.seeds_for(0.8, max(draws // 5, 1))
    rates = (f"{rate:.1%}" for rate in (seen.reproduced, seen.wrongly_red, seen.red))
    return one.claim.id, str(one.fresh), *rates, str(enough) if enough else "more than 20"


def document(draws: int) -> str:
    """Both tables as Markdown."""
    return DOCUMENT.format(
        papers="\n".join(plain_table(PAPER_HEAD, paper_rows(draws))),
        claims="\n".join(plain_table(HEAD, rows(draws))),
        date=time.strftime("%Y-%m-%d"),
        draws=draws,
    )
