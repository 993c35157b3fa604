"""`selfboot compare`: two laboratories, or two runs, compared task by task."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW

EXAMPLES = """\
examples:
  selfboot compare .selfboot/store /data/other/store
  selfboot compare before/report.json after/report.json
  selfboot compare exported/results.json .selfboot/store

A and B are each a run store, a report.json, or the results.json of `selfboot export`. For every claim that both have at
the same scale with the same model, the command says which tasks flipped in which arm and whether that is more than
chance explains (McNemar's exact test, adjusted for the number of arms). It also says which verdicts differ, and what
differs in the manifests.
exit code: 0 no arm differs significantly, 1 some do, 2 something cannot be read, or they have no claim in common
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    parser = commands.add_parser(
        "compare", help="which tasks flipped between two runs, and is it more than chance?", description=__doc__,
        epilog=EXAMPLES, formatter_class=RAW,
    )  # fmt: skip
    parser.add_argument("first", type=Path, metavar="A", help="a run store, a report.json or an exported results.json")
    parser.add_argument("second", type=Path, metavar="B", help="another one")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    from selfboot.exchange.compare import compare, render
    from selfboot.exchange.laboratories import read_laboratory

    laboratories = [read_laboratory(path) for path in (args.first, args.second)]
    found = compare(*laboratories)
    print(render(found))
    for one in laboratories:
        for name in one.skipped:
            print(f"- {one.name}: {name} keeps no outcomes by task, so it is not compared; run it again")
    return 1 if found.significant else 0
