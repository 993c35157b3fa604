"""The tables of false alarms and power: the paper's claims at its scale, every calibrated claim at mini scale."""

from __future__ import annotations

import json
import time
from pathlib import Path

from selfboot.judging.error_rates import ClaimPower, powered_claims
from selfboot.judging.mutants import ENOUGH, Cell, matrix
from selfboot.judging.mutants import MUTANTS as KINDS
from selfboot.judging.paper_rates import PaperClaim, simulated_claims
from selfboot.paths import MEASURED
from selfboot.report.cells import plain_table
from selfboot.store import write_atomic

FOLDER = MEASURED / "error_rates"

HEAD = ("claim", "figures", "alternative", "false alarm", "power", "false pass")
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


def measured(draws: int) -> dict[str, dict[str, str]]:
    """The rates of every calibrated claim, as rates.json keeps them."""
    return {one.claim.id: _rates(one, draws) for one in powered_claims()}


def _rates(one: ClaimPower, draws: int) -> dict[str, str]:
    seen = one.simulate(draws)
    said = {"figures": str(len(one.figures)), "alternative": one.alternative}
    return said | {name: f"{getattr(seen, name):.1%}" for name in ("false_alarm", "power", "false_pass")}


def recorded() -> dict[str, dict[str, str]]:
    """The rates that the checkout holds, by claim."""
    return _read("rates.json")


def recorded_of_paper() -> dict[str, dict[str, str]]:
    """The same of the paper's claims, at its scale, by ``PAPER_HEAD``."""
    return _read("paper_rates.json")


def _read(name: str) -> dict[str, dict[str, str]]:
    path = FOLDER / name
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def paper_rows(draws: int) -> list[tuple[str, ...]]:
    """One row a claim of the paper whose size is published or assumed, as ``PAPER_HEAD``."""
    return [_paper_row(one, draws) for one in simulated_claims()]


def _paper_row(one: PaperClaim, draws: int) -> tuple[str, ...]:
    seen, enough = one.simulate(draws), one.seeds_for(0.8, max(draws // 5, 1))
    rates = (f"{rate:.1%}" for rate in (seen.reproduced, seen.wrongly_red, seen.red))
    return one.claim.id, str(one.fresh), *rates, str(enough) if enough else "more than 20"


def write(draws: int, path: Path) -> None:
    """Write both tables as Markdown, and beside it as rates.json and paper_rates.json, which `claims show` reads."""
    rates, papers = measured(draws), paper_rows(draws)
    write_atomic(path, document(draws, rates, papers))
    kept = {
        "rates.json": rates,
        "paper_rates.json": {row[0]: dict(zip(PAPER_HEAD, row, strict=True)) for row in papers},
    }
    for name, table in kept.items():
        write_atomic(path.with_name(name), json.dumps(table, indent=1, ensure_ascii=False) + "\n")


def document(draws: int, rates: dict[str, dict[str, str]], papers: list[tuple[str, ...]]) -> str:
    """Both tables as Markdown."""
    return DOCUMENT.format(
        papers="\n".join(plain_table(PAPER_HEAD, papers)),
        claims="\n".join(plain_table(HEAD, [(claim, *row.values()) for claim, row in rates.items()])),
        date=time.strftime("%Y-%m-%d"),
        draws=draws,
    )


MUTANTS = """\
# Which wrong systems would be noticed?

`selfboot claims --mutants --draws {draws} --out data/measured/error_rates/mutants.md`, on {date}: {survivors}.

Each cell: by how many tasks the mutant changes the claim's figures at most; *again*, where the calibrated seed shows
it; and the share of {draws} runs of fresh seeds that drift. "·": it changes nothing here. What is changed, and what is
not computed: `selfboot/judging/mutants.py`.

{table}
"""


def mutants(draws: int) -> str:
    """The mutation matrix as Markdown."""
    found = matrix(draws)
    alive = [f"{claim} ({name})" for claim, row in found.items() for name, cell in row.items() if cell.survives]
    rows = [(claim, *(_mutant(cell) for cell in row.values())) for claim, row in found.items()]
    said = f"of the mutants that change a figure by {ENOUGH:.0f} tasks or more, {len(alive) or 'none'} survive"
    return MUTANTS.format(
        draws=draws,
        date=time.strftime("%Y-%m-%d"),
        survivors=f"{said}{': ' if alive else ''}{', '.join(alive)}",
        table="\n".join(plain_table(("claim", *KINDS), rows)),
    )


def _mutant(cell: Cell) -> str:
    if not cell.change:
        return "·"
    again = ", again" if cell.again else ""
    return f"{'**survives** ' if cell.survives else ''}{cell.change:.0f} tasks{again}, {cell.fresh:.0%}"
