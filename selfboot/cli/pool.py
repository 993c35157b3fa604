"""`selfboot pool`: pool the results of several laboratories."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW, can_be_written

EXAMPLES = """\
examples:
  selfboot pool lab-a/results.json lab-b/report.json .selfboot/store
  selfboot pool lab-*/results.json --out pooled.md

Each LAB is a run store, a report.json, or the results.json of `selfboot export`. For every claim with two arms, the
command prints the mean lift over laboratories by random effects (DerSimonian and Laird) and its heterogeneity (I², τ,
Q), once without the paper and once with the paper's figures as one more laboratory. It also prints the e-value of all
laboratories together. More: selfboot/exchange/README.md.
exit code: 0 pooled, 2 something cannot be read
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    parser = commands.add_parser(
        "pool", help="pool several laboratories' results: mean lifts, heterogeneity, e-values", description=__doc__,
        epilog=EXAMPLES, formatter_class=RAW,
    )  # fmt: skip
    parser.add_argument("laboratories", type=Path, nargs="+", metavar="LAB", help="a run store, or a file of results")
    parser.add_argument("--out", type=Path, default=None, metavar="MD", help="write the tables to this file, too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Pool, print, and write if asked."""
    from selfboot.exchange.laboratories import read_laboratory
    from selfboot.exchange.pool import pool, render
    from selfboot.store import write_atomic

    if args.out:
        can_be_written(args.out)
    laboratories = [read_laboratory(path) for path in args.laboratories]
    text = render(pool(laboratories), [one.name for one in laboratories])
    if args.out:
        write_atomic(args.out, text + "\n")
    print(text)
    return 0
