"""`selfboot doctor`: what this machine can run, what is missing, and the remedy."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfboot.cli.lab import RAW, default_store

if TYPE_CHECKING:
    from selfboot.planning.doctor import Check

EXAMPLES = """\
examples:
  selfboot doctor
  selfboot doctor --gpu                                   try each GPU, look for vLLM, weights and data
  selfboot doctor --json | jq '.checks[] | select(.ok | not)'

exit code: 0 the claims at mini scale can run, 1 they cannot; with --gpu: those at paper scale, once weights and data
are here
"""
MEANING = {
    "mini": "claims at mini scale",
    "paper": "claims at paper scale",
    "data": "public benchmarks",
    "report": "the report",
}


NEXT = {
    "mini": "can run here: selfboot run -m fastpath --scale mini",
    "paper": "can run here: selfboot fetch -m fastpath, then selfboot run --smoke --scale paper",
}


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    doctor = commands.add_parser(
        "doctor",
        help="what this machine can run, and what is missing",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=RAW,
    )
    doctor.add_argument("--gpu", action="store_true", help="check what the paper's scale needs, and try each GPU")
    doctor.add_argument("--json", action="store_true", help="as JSON, on standard output")
    doctor.add_argument("--store", type=Path, default=default_store(), help="run store (default: %(default)s)")
    doctor.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, print, and say by the exit code whether the scale that was asked about can run."""
    from selfboot.planning.doctor import checks, gpu_checks, mini_can_run, paper_can_run

    scale = "paper" if args.gpu else "mini"
    found = gpu_checks(args.store) if args.gpu else checks(args.store)
    ready = paper_can_run(found) if args.gpu else mini_can_run(found)
    if args.json:
        print(json.dumps({scale: ready, "checks": [asdict(check) for check in found]}, indent=1))
    else:
        print(f"{render(found)}\n\nclaims at {scale} scale {NEXT[scale] if ready else 'CANNOT run'}")
    return 0 if ready else 1


def render(found: Sequence[Check]) -> str:
    """A line a check, by what it is needed for, and the remedy below it."""
    width = max(len(check.name) for check in found)
    lines = []
    for purpose, meaning in MEANING.items():
        if not (own := [check for check in found if check.purpose == purpose]):
            continue
        lines += ["", f"for {meaning}"]
        for check in own:
            lines.append(f"  {'ok     ' if check.ok else 'MISSING'}  {check.name:<{width}}  {check.found}")
            lines += [f"  {'':7}  {'':<{width}}  -> {check.remedy}"] if check.remedy else []
    return "\n".join(lines[1:])
