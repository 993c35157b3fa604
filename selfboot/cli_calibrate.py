"""`selfboot calibrate`: measure what the organism does over many seeds, for the bands of the mini scale."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from selfboot.cli_lab import RAW, RichProgress, shared_options

EXAMPLES = """\
examples:
  selfboot calibrate organism-0 --jobs 2                          hours on a CPU; what is measured is kept
  selfboot calibrate organism-0 --only trained-40 --seeds 30
  selfboot calibrate organism-0 --device cuda --jobs 8
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    calibrate = commands.add_parser(
        "calibrate",
        parents=[shared_options()],
        help="measure the bands of the mini scale",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=RAW,
    )
    calibrate.add_argument("model", help="a model of data/models.toml")
    calibrate.add_argument("--seeds", type=int, default=20, help="seeds a measure (default: %(default)s)")
    calibrate.add_argument("--jobs", type=int, default=1, help="processes side by side (default: %(default)s)")
    calibrate.add_argument("--only", nargs="*", help="only these measures; the others are kept as they are")
    calibrate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write data/calibration/MODEL.json."""
    from selfboot.calibrate import calibrate

    command = "selfboot " + shlex.join(args.words)
    path = calibrate(
        args.model, args.seeds, args.store, args.device, args.jobs, args.only or [], RichProgress(), command
    )
    print(f"calibration -> {path}")
    return 0
