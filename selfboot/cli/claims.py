"""`selfboot claims`: what is claimed, where, and how often a verdict errs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW, can_be_written
from selfboot.cli.options import positive

CLAIMS = """\
examples:
  selfboot claims
  selfboot claims show control           all about one: settings, recipe, bands, error rates, protocol, deviations
  selfboot claims --update-readme        after a change of claims/*.toml
  selfboot claims --protocols            after a change of protocols, scripts' facts or claims
  selfboot claims --power                false alarm and power of each claim at mini scale, at its n
  selfboot claims --power --draws 1000 --out data/measured/error_rates/README.md
  selfboot claims --mutants --draws 20   which wrong systems would the claims notice?
  selfboot claims --mutants --real       first run ten of them, at mini scale (five minutes of one core)
"""


def add_parser(commands: Any) -> None:
    claims = commands.add_parser("claims", help="list the claims of the registry", epilog=CLAIMS, formatter_class=RAW)
    claims.add_argument("--update-readme", action="store_true", help="write the generated tables into claims/README.md")
    claims.add_argument(
        "--protocols",
        action="store_true",
        help="write claims/protocols.md and claims/what_to_know.md: the claims beside the paper's scripts",
    )
    claims.add_argument("--power", action="store_true", help="false alarm and power of every calibrated claim")
    claims.add_argument("--mutants", action="store_true", help="which wrong systems would the claims notice?")
    claims.add_argument("--real", action="store_true", help="with --mutants: first run ten of them, at mini scale")
    claims.add_argument(
        "--draws", type=positive, default=200, help="simulated runs for --power and --mutants (default: %(default)s)"
    )
    claims.add_argument(
        "--out",
        type=Path,
        default=None,
        metavar="FILE",
        help="where --power or --mutants writes its tables, as Markdown",
    )
    claims.set_defaults(run=_claims)
    actions = claims.add_subparsers(metavar="show ID")
    show = actions.add_parser("show", help="everything about one claim")
    show.add_argument("claim", metavar="ID", help="its id, as `selfboot claims` lists them")
    show.set_defaults(run=_show)


def _claims(args: argparse.Namespace) -> int:
    from selfboot.registry import registry

    if args.update_readme:
        from selfboot.report.readme import update

        update()
        return 0
    if args.protocols:
        return _protocols()
    if args.power:
        return _power(args)
    if args.mutants:
        return _mutants(args)
    for claim in registry().values():
        print(f"{claim.id:<20} {claim.section:<12} {claim.tier:<9} {'+'.join(claim.scales):<16} {claim.title}")
    return 0


def _show(args: argparse.Namespace) -> int:
    from selfboot.report.claim import show

    print(show(args.claim))
    return 0


def _protocols() -> int:
    from selfboot.report import protocols, reviewer
    from selfboot.tables import shown

    protocols.check()
    for what, page in (("the paper's protocol, claim by claim", protocols), ("what a reviewer must know", reviewer)):
        page.update()
        print(f"{what} -> {shown(page.PAGE)}")
    return 0


def _power(args: argparse.Namespace) -> int:
    from selfboot.report.rates import document, measured, paper_rows, write

    if args.out:
        can_be_written(args.out)
        write(args.draws, args.out)
        print(f"false alarms and power -> {args.out}")
    else:
        print(document(args.draws, measured(args.draws), paper_rows(args.draws)))
    return 0


def _mutants(args: argparse.Namespace) -> int:
    from selfboot.judging.mutants import matrix
    from selfboot.report.rates import mutants, write_mutants

    if args.real:
        _run_wrong_systems()
    if args.out:
        write_mutants(args.draws, args.out)
    print(f"mutants -> {args.out}" if args.out else mutants(args.draws, matrix(args.draws)))
    return 0


def _run_wrong_systems() -> None:
    """Run every wrong system over a run store that is thrown away, and keep the outcomes."""
    import tempfile

    from selfboot.judging.wrong_systems import FAULTS, run, write

    with tempfile.TemporaryDirectory() as store:
        found = {name: run(name, Path(store)) for name in FAULTS}
    write(found)
