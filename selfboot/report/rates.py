"""The tables of false alarms and power: the paper's claims at its scale, every calibrated claim at mini scale."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

from selfboot.judging import wrong_systems as real
from selfboot.judging.error_rates import RARE, ClaimPower, powered_claims
from selfboot.judging.mutants import ENOUGH, KILLED, Cell, matrix
from selfboot.judging.mutants import MUTANTS as KINDS
from selfboot.judging.paper_rates import PaperClaim, simulated_claims
from selfboot.judging.seeds import COLUMN, read_rates
from selfboot.judging.wrong_systems import SEED_IGNORED
from selfboot.paths import MEASURED
from selfboot.registry import claim_named
from selfboot.report.cells import plain_table
from selfboot.store import write_atomic

FOLDER = MEASURED / "error_rates"

HEAD = ("claim", "figures", "alternative", "false alarm", "power", "false pass")
PAPER_HEAD = ("claim", "seeds", "reproduced if the paper is right", "red if it is right", "red if it is wrong",
              COLUMN)  # fmt: skip
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

{family}

## Wrong systems, before and after

Mutants that change a figure of a claim by {enough:.0f} tasks or more, and how many of them survive: before, on fresh
seeds alone; and now, with the calibrated seed run again and the weights told apart by hashes. The whole matrix, and the
wrong systems that ran for real: [mutants.md](mutants.md).

{mutants}

From data/measured/bands/ as it was on {date}; {draws} runs under each hypothesis ({null} for a false alarm):
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
    return read_rates(FOLDER / "rates.json")


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


def family(rates: dict[str, dict[str, str]], draws: int) -> str:
    """The chance that a run of all claims, or of a tier, has any false alarm: every case is one more chance."""
    said = [f"{tier} {_any_alarm(rates, tier):.1%}" for tier in ("fastpath", "fullpath", "negative")]
    whole = _any_alarm(rates, "")
    error = (whole / (RARE * draws)) ** 0.5  # of a sum of frequencies over as many runs
    return f"Some claim fails by chance in {whole:.1%} of all runs of everything (± {error:.1%}): {', '.join(said)}."


def _any_alarm(rates: dict[str, dict[str, str]], tier: str) -> float:
    right = 1.0
    for name, row in rates.items():
        claim = claim_named(name)
        settings = claim.scales["mini"]
        cases = len(settings.seeds) if settings.by_seed else 1
        if claim.tier.startswith(tier):
            right *= (1 - float(row["false_alarm"].rstrip("%")) / 100) ** cases
    return 1 - right


def before_and_after() -> str:
    """How many mutants survive, by kind, from the recorded matrix; as Markdown."""
    found = _recorded_cells()
    rows = [(name, *map(str, _survivors([(c, row[name]) for c, row in found.items()], name))) for name in KINDS]
    return "\n".join(plain_table(("mutant", "claims that it changes", "before", "now", "now, fast path"), rows))


def _survivors(cells: list[tuple[str, Cell]], mutant: str) -> tuple[int, int, int, int]:
    large = [(claim, cell) for claim, cell in cells if cell.change >= ENOUGH]
    unseen = [cell for _, cell in large if cell.fresh < KILLED or mutant == SEED_IGNORED]
    alive = [claim for claim, cell in large if cell.survives]
    return len(large), len(unseen), len(alive), sum(claim_named(claim).tier == "fastpath" for claim in alive)


def _recorded_cells() -> dict[str, dict[str, Cell]]:
    """The matrix that mutants.json holds, by claim and mutant."""
    table = json.loads((FOLDER / "mutants.json").read_text(encoding="utf-8"))
    return {claim: {name: Cell(**cell) for name, cell in row.items()} for claim, row in table.items()}


def document(draws: int, rates: dict[str, dict[str, str]], papers: list[tuple[str, ...]]) -> str:
    """Both tables as Markdown."""
    return DOCUMENT.format(
        family=family(rates, draws),
        enough=ENOUGH,
        null=RARE * draws,
        mutants=before_and_after(),
        papers="\n".join(plain_table(PAPER_HEAD, papers)),
        claims="\n".join(plain_table(HEAD, [(claim, *row.values()) for claim, row in rates.items()])),
        date=time.strftime("%Y-%m-%d"),
        draws=draws,
    )


MUTANTS = """\
# Which wrong systems would be noticed?

## Computed, for every claim

`selfboot claims --mutants --draws {draws} --out data/measured/error_rates/mutants.md`, on {date}: {survivors}.

Each cell: by how many tasks the mutant changes the claim's figures at most; *again*, where the calibrated seed shows
it; and the share of {draws} runs of fresh seeds that drift. "·": it changes nothing here. What is changed, and what is
not computed: `selfboot/judging/mutants.py`.

{table}

## Run for real

Each wrong system ran through its claim's test at mini scale (`selfboot claims --mutants --real`,
`selfboot/judging/wrong_systems.py`). Figures: right → wrong, of the calibrated seed.

{real}

What survives, and why:

{reasons}
"""
REAL_HEAD = ("wrong system", "claim", "figures", "verdict", "said")


def write_mutants(draws: int, path: Path) -> None:
    """Write the mutation matrix as Markdown, and beside it as mutants.json."""
    found = matrix(draws)
    table = {claim: {name: asdict(cell) for name, cell in row.items()} for claim, row in found.items()}
    write_atomic(path.with_name("mutants.json"), json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    write_atomic(path, mutants(draws, found))


def mutants(draws: int, found: dict[str, dict[str, Cell]]) -> str:
    """The mutation matrix as Markdown."""
    alive = [f"{claim} ({name})" for claim, row in found.items() for name, cell in row.items() if cell.survives]
    rows = [(claim, *(_mutant(cell) for cell in row.values())) for claim, row in found.items()]
    said = f"of the mutants that change a figure by {ENOUGH:.0f} tasks or more, {len(alive) or 'none'} survive"
    return MUTANTS.format(
        draws=draws,
        date=time.strftime("%Y-%m-%d"),
        survivors=f"{said}{': ' if alive else ''}{', '.join(alive)}",
        table="\n".join(plain_table(("claim", *KINDS), rows)),
        real="\n".join(plain_table(REAL_HEAD, [_real(name, one) for name, one in real.recorded().items()])),
        reasons="\n".join(f"- *{name}*: {why}." for name, why in real.SURVIVES.items()),
    )


def _real(name: str, one: real.Real) -> tuple[str, ...]:
    """A wrong system that ran, as ``REAL_HEAD``."""
    figures = ", ".join(f"{figure} {value:g} → {one.figures[figure]:g}" for figure, value in one.right.items())
    return name, one.claim, figures, one.verdict, one.reason.partition(";")[0]


def _mutant(cell: Cell) -> str:
    if not cell.change:
        return "·"
    again = ", again" if cell.again else ""
    return f"{'**survives** ' if cell.survives else ''}{cell.change:.0f} tasks{again}, {cell.fresh:.0%}"
