"""`selfboot run`: the claims as pytest runs them, from anywhere, with the suite's own options."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from selfboot.cli.spread import before_pytest
from selfboot.paths import CLAIMS, ROOT, home, in_checkout, require

EXAMPLES = """\
examples:
  selfboot run -m fastpath --scale mini              every fast claim on the mini model
  selfboot run -m fastpath --scale mini -n 2 --report out/
  selfboot run -k recipe-7b --scale paper --weights random
  selfboot run --collect-only -q                     what would run
  selfboot run -m fullpath --ray auto                make what they need on a Ray cluster first (selfboot spread)
  selfboot run --smoke --scale mini                  minutes: does every part work on this machine? (--smoke --help)

Every option goes to pytest as it is; `pytest claims --help` lists them ("selfboot" is the suite's own group).
exit code: pytest's (0: no claim failed, 1: some did, 5: none selected)
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    run = commands.add_parser(
        "run",
        help="run claims (pytest on claims/, same options)",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        prefix_chars="+",  # nothing but --help is ours
        add_help=False,
    )
    run.add_argument("options", nargs=argparse.REMAINDER, help="options of pytest")
    run.set_defaults(run=run_claims, show_help=run.print_help)


def run_claims(args: argparse.Namespace) -> int:
    """Run pytest on claims/, in a process of its own; its exit code."""
    if "--smoke" in args.options:
        from selfboot.cli.smoke import smoke

        return smoke(args.options)
    if {"-h", "--help"} & set(args.options):
        args.show_help()
        return 0
    return subprocess.run(command(before_pytest(args.options)), check=False).returncode


def command(options: Sequence[str]) -> list[str]:
    """What is run. The working directory stays the caller's: paths among the options are relative to it."""
    ours = ["-c", str(ROOT / "pytest.ini"), "--rootdir", str(ROOT)]
    if not in_checkout():  # pytest keeps its cache in the root, where nothing may be written; benchmarks in this folder
        ours += ["-o", f"cache_dir={home() / 'pytest-cache'}", f"--benchmark-storage=file://{home() / 'benchmarks'}"]
    claims = require(CLAIMS, "the claims' tests")
    return [sys.executable, "-m", "pytest", str(claims), *ours, *options]
