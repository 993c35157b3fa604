"""`selfboot decompose`: where does the lift come from? Form and skill in the recipe, the sweep and the control."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW, check_recording, open_lab, recorded, shared_options
from selfboot.cli.options import seed_number
from selfboot.errors import DataError, SelfbootError

EXAMPLES = """\
examples:
  selfboot decompose organism-0                              about a quarter of an hour; what is measured is kept
  selfboot decompose organism-1 --seeds 7 --out one.json
  selfboot decompose qwen2.5-7b --device cuda
  selfboot decompose organism-0 --show                       the recorded figures; measures nothing
  selfboot decompose --update-readme                         the tables of data/measured/decomposition/README.md

Writes data/measured/decomposition/MODEL.json, and the README's tables for organism-0. The same command
continues an interrupted run where it stopped.
exit code: 0 done, 2 something you can mend
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    decompose = commands.add_parser(
        "decompose",
        parents=[shared_options(seed=False)],
        help="how much of the lift is form, how much is skill?",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=RAW,
    )
    decompose.add_argument("model", nargs="?", default="organism-0", help="default: %(default)s")
    decompose.add_argument(
        "--seeds", type=seed_number, nargs="+", metavar="SEED", default=[7, 13, 42], help="default: 7 13 42"
    )
    decompose.add_argument("--out", type=Path, default=None, help="default: data/measured/decomposition/MODEL.json")
    decompose.add_argument("--show", action="store_true", help="print what is recorded; measure nothing")
    decompose.add_argument("--update-readme", action="store_true", help="rewrite its README's tables; measure nothing")
    decompose.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, unless asked only to show; print the tables."""
    from selfboot.decomposition.decompose import measure, path_of, read
    from selfboot.decomposition.files import write
    from selfboot.report.decomposition import README_MODEL, tables, update

    path = args.out or path_of(args.model)
    if not (args.show or args.update_readme):
        check_recording(args, args.seeds)
        can_be_decomposed(args.model)
        with open_lab(args) as lab:
            content = measure(lab, args.model, args.seeds, recorded(args.words))
        write(content, path)
        print(f"decomposition -> {path}\n")
    print(tables(read(path)))
    if args.update_readme or (path == path_of(README_MODEL) and not args.show):
        update()
    return 0


def can_be_decomposed(model: str) -> None:
    """DataError where the model is unknown, or pairs that its arms are trained on are not there."""
    from selfboot.decomposition.decompose import arms_of
    from selfboot.models.find import find_model
    from selfboot.pairs import load_pairs

    find_model(model)
    try:
        for arm in arms_of(model):
            load_pairs(model, arm.pairs)
    except SelfbootError as error:
        raise DataError(f"decompose {model}: pairs of its arms are not here: {error}") from None
