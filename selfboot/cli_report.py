"""`selfboot report`: the results of a run store as one HTML file, with Markdown and JSON beside it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from selfboot.errors import DataError

EXAMPLES = """\
examples:
  selfboot report --out report/                   what this checkout's store holds
  selfboot report --out r --store /data/store     another store
  selfboot report --out r --scale mini            one scale only

The file report.html needs no network and no other file; open it from disk.
exit code: 0 written, 2 no results, or the folder cannot be written
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to argparse's sub-commands."""
    from selfboot.paths import ROOT

    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="write the results as one HTML file (and Markdown, JSON)",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    store = Path(os.environ.get("SELFBOOT_STORE") or ROOT / ".selfboot" / "store")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the report")
    parser.add_argument("--store", type=Path, default=store, help="run store (default: %(default)s)")
    parser.add_argument("--scale", choices=["mini", "paper"], default=None, help="only this scale")
    parser.add_argument("--model", default=None, help="only this model")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from selfboot.report.html import write_report
    from selfboot.results import load
    from selfboot.store import RunStore

    wanted = {name: value for name in ("scale", "model") if (value := getattr(args, name))}
    folder = args.store / "results"
    found = load(folder) if folder.is_dir() else []
    results = [result for result in found if all(getattr(result, name) == value for name, value in wanted.items())]
    if not results:
        of = "".join(f" of {name} {value}" for name, value in wanted.items())
        raise DataError(f"{folder}: no results{of} to report; run `pytest` first, or name another --store")
    path = write_report(results, RunStore(args.store), args.out)
    print(f"{len(results)} results -> {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0
