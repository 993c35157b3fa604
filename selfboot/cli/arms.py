"""`selfboot arms`: how much do the paper's reading and recipe change, and how much of a lift needs no training?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW, check_recording, open_lab, recorded, shared_options
from selfboot.cli.options import seed_number

EXAMPLES = """\
examples:
  selfboot arms organism-0                              about a quarter of an hour
  selfboot arms organism-1 --seeds 7 --out one.json     one seed, in a file of its own
  selfboot arms --show                                  print the recorded figures; measure nothing

Runs the mini claims recipe-7b, pair-count-sweep, control and training-free. Writes data/measured/arms/MODEL.json; for
organism-0 also the tables in data/measured/arms/README.md. The same command continues an interrupted run.
exit code: 0 done, 2 something you can mend
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    arms = commands.add_parser(
        "arms",
        parents=[shared_options(seed=False)],
        help="how much do the paper's reading and recipe change, and what needs no training?",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=RAW,
    )
    arms.add_argument("model", nargs="?", default="organism-0", help="a mini model; default: %(default)s")
    arms.add_argument(
        "--seeds", type=seed_number, nargs="+", metavar="SEED", default=None, help="default: 7 13 42 1000"
    )
    arms.add_argument("--out", type=Path, default=None, help="default: data/measured/arms/MODEL.json")
    arms.add_argument("--show", action="store_true", help="print what is recorded; measure nothing")
    arms.add_argument("--update-readme", action="store_true", help="rewrite the README's tables; measure nothing")
    arms.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, unless asked only to show; print the tables."""
    from selfboot.decomposition.arms import SEEDS, measure, path_of, read
    from selfboot.decomposition.files import write
    from selfboot.report.arms import README_MODEL, tables, update

    path = args.out or path_of(args.model)
    if not (args.show or args.update_readme):
        seeds = args.seeds or list(SEEDS)
        check_recording(args, seeds)
        with open_lab(args) as lab:
            content = measure(lab, args.model, seeds, recorded(args.words))
        write(content, path)
        print(f"arms -> {path}\n")
    print(tables(read(path)))
    if args.update_readme or (path == path_of(README_MODEL) and not args.show):
        update()
    return 0
