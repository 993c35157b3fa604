"""`selfboot calibrate`: measure what the organism does over many seeds, for the bands of the mini scale."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from selfboot.cli_lab import RAW, RichProgress, shared_options

EXAMPLES = """\
examples:
  selfboot calibrate organism-0 --jobs 2                          hours on a CPU; what is measured is kept
  selfboot calibrate organism-0 --only recipe-7b control --seeds 30
  selfboot calibrate organism-0 organism-tidy --device cuda --jobs 12 --rows 1024
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
    calibrate.add_argument("models", nargs="+", metavar="MODEL", help="models of data/models.toml")
    calibrate.add_argument("--seeds", type=int, default=20, help="seeds a claim (default: %(default)s)")
    calibrate.add_argument("--jobs", type=int, default=1, help="processes side by side (default: %(default)s)")
    calibrate.add_argument("--rows", type=int, default=0, help="the sampler's batch size (default: its own)")
    calibrate.add_argument("--only", nargs="*", metavar="CLAIM", help="only these; the others are kept as they are")
    calibrate.add_argument("--again", action="store_true", help="measure also the seeds that the file has")
    calibrate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write data/calibration/MODEL.json."""
    from selfboot.calibrate import How, calibrate

    command, how = "selfboot " + shlex.join(args.words), How(args.store, args.device, args.jobs, args.rows)
    for path in calibrate(args.models, args.seeds, how, args.only or [], RichProgress(), command, args.again):
        print(f"calibration -> {path}")
    return 0
