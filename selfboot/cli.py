"""The command line: `selfboot <command> --help` shows options and examples.

selfboot doctor                               what this machine can run, and what is missing
selfboot claims                               what is claimed, and where
selfboot run -m fastpath --scale mini         run claims (pytest's options)
selfboot report --out report/                 the results as one HTML file
selfboot mine organism-0 --seed 7 --out pairs.jsonl
selfboot audit pairs.jsonl --benchmark minieval
selfboot train organism-0 pairs.jsonl --seed 7 --out adapter/
selfboot evaluate organism-0 minieval --adapter adapter/
selfboot grade samples.jsonl --benchmark humaneval
selfboot calibrate organism-0                 the bands of the mini scale, over many seeds
selfboot decompose organism-0                 how much of the lift is form, how much is skill?
selfboot diagnose MODEL                       should the recipe work on this model, and why?
selfboot bootstrap MODEL --out adapter/       the whole recipe on it
selfboot plan -m fastpath                     what the paper's scale would cost
selfboot spread -m fullpath --ray auto        make what claims need on many machines
selfboot fetch --list                         public data sets and models

completion in bash, with the package argcomplete: eval "$(register-python-argcomplete selfboot)"
exit code: 0 done, 1 done and found wanting, 2 something you can mend (one line says what), 130 interrupted
"""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfboot import (
    __version__,
    cli_audit,
    cli_bootstrap,
    cli_calibrate,
    cli_decompose,
    cli_diagnose,
    cli_doctor,
    cli_fetch,
    cli_grade,
    cli_lab,
    cli_mine,
    cli_plan,
    cli_report,
    cli_run,
    cli_spread,
)
from selfboot.errors import DataError, SelfbootError
from selfboot.progress import hush

CLAIMS = """\
examples:
  selfboot claims
  selfboot claims --update-readme        after a change of data/claims.toml
  selfboot claims --power                false alarm and power of each claim at mini scale, at its n
  selfboot claims --power --draws 1000 --out data/statistics/README.md
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser("selfboot", description=__doc__, formatter_class=cli_lab.RAW)
    top.add_argument("--version", action="version", version=f"selfboot {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_claims(commands)
    for module in (cli_run, cli_report, cli_mine, cli_audit, cli_lab, cli_grade, cli_calibrate, cli_decompose):
        module.add_parser(commands)
    for module in (cli_diagnose, cli_bootstrap, cli_spread, cli_plan, cli_fetch, cli_doctor):
        module.add_parser(commands)
    return top


def _add_claims(commands: Any) -> None:
    claims = commands.add_parser(
        "claims", help="list the claims of the registry", epilog=CLAIMS, formatter_class=cli_lab.RAW
    )
    claims.add_argument("--update-readme", action="store_true", help="write the table of claims into README.md")
    claims.add_argument("--power", action="store_true", help="false alarm and power of every calibrated claim")
    claims.add_argument("--draws", type=int, default=200, help="--power: simulated runs (default: %(default)s)")
    claims.add_argument("--out", type=Path, default=None, metavar="FILE", help="--power: write it there (Markdown)")
    claims.set_defaults(run=_claims)


def _claims(args: argparse.Namespace) -> int:
    from selfboot.claims import registry

    if args.update_readme:
        from selfboot.report.readme import update

        update()
        return 0
    if args.power:
        return _power(args)
    for claim in registry().values():
        print(f"{claim.id:<20} {claim.section:<9} {claim.tier:<9} {'+'.join(claim.scales):<11} {claim.title}")
    return 0


def _power(args: argparse.Namespace) -> int:
    from selfboot.claim_power import document
    from selfboot.store import write_atomic

    if args.draws < 1:
        raise DataError(f"--draws {args.draws}: give at least one")
    text = document(args.draws)
    if args.out:
        write_atomic(args.out, text)
    print(f"false alarms and power -> {args.out}" if args.out else text)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 done, 2 something the user can mend (one line on standard error), 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    top = parser()
    _complete(top)
    args = top.parse_args(words)
    args.words = words
    hush()
    try:
        return int(args.run(args))
    except SelfbootError as error:
        print(f"selfboot: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("selfboot: interrupted; finished work is kept, the same command goes on where it was", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `selfboot claims | head`
        sys.stderr.close()
        return 0
    except OSError as error:  # a file of the user's that cannot be read or written: the system's words name it
        print(f"selfboot: {error}; check the file, its folder and the disk", file=sys.stderr)
        return 2


def _complete(top: argparse.ArgumentParser) -> None:
    """Answer the shell's request for completions, where argcomplete is installed; else do nothing."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(top)
