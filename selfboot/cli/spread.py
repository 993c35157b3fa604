"""`selfboot spread`: make all that the chosen claims need, on all cores or a Ray cluster; pytest then only reads."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW, RichProgress, default_store
from selfboot.cli.options import add_shared, positive
from selfboot.errors import DataError

EXAMPLES = """\
examples:
  selfboot spread -m "fastpath and mini"                        one process a core
  selfboot spread -m fullpath --ray auto                        the Ray cluster that this machine is part of
  selfboot spread --ray ray://head:10001 --store /shared/store  a cluster elsewhere, a folder that all machines see
  selfboot spread --ray auto --url s3://bucket/store            an object store; --store is each machine's cache
  selfboot spread -m paper --plan                               what would be made first, and on how many GPUs
  selfboot plan --gpus 1 8 64                                   hours and price of the paper's scale on so many GPUs
  selfboot run -m fastpath --ray auto                           fill the store, and then pytest on it

Every machine needs this package in the same versions. Credentials of an object store come from the environment.
exit code: 0 everything is there, 1 some units failed
"""

BEFOREHAND = {"--substitute": "its artifacts", "--until": "slices, of which a result decides how many are drawn,"}


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    parser = commands.add_parser(
        "spread", help="make what claims need on many cores or machines (Ray)", description=__doc__, epilog=EXAMPLES,
        formatter_class=RAW,
    )  # fmt: skip
    add_options(parser)
    parser.add_argument("--plan", action="store_true", help="only show what would be computed first")
    parser.set_defaults(run=run)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say what is made, and where; those of pytest's that matter here have pytest's names."""
    parser.add_argument("-m", dest="marks", default="", metavar="EXPR", help="markers, as for pytest (default: all)")
    parser.add_argument("-k", dest="only", default="", metavar="TEXT", help="only claims whose id contains this")
    parser.add_argument("--store", type=Path, default=default_store(), help="run store (default: %(default)s)")
    add_shared(
        parser,
        "scale",
        "device",
        "weights",
        "isolation",
        "engine",
        "organism",
        "tokens",
        "batch-invariant",
        "seeds",
        scale="mini",
    )
    add_where(parser)


def add_where(parser: argparse.ArgumentParser) -> None:
    """The options that are ours alone."""
    parser.add_argument("--ray", default="", metavar="ADDRESS", help="a Ray cluster: auto, local, or its address")
    parser.add_argument("--url", default="", help="a store that all machines reach: s3://…, gs://…, file://…")
    parser.add_argument(
        "--processes", type=positive, default=0, metavar="N", help="without Ray: how many processes (default: cores)"
    )


def run(args: argparse.Namespace) -> int:
    """Fill the store; print how it went."""
    chosen = selected(args)
    if args.plan:
        print(show(chosen, args))
        return 0
    found = fill(chosen, args)
    print(found)
    return 1 if found.failed else 0


def selected(args: argparse.Namespace) -> Sequence[Any]:
    """The runs of claims that the options select. DataError where there is none."""
    from selfboot.cluster.graph import jobs

    scales = ["mini", "paper"] if args.scale == "auto" else [args.scale]
    chosen = jobs(args.marks, args.only, scales, args.organism, args.seeds)
    if not chosen:
        words = f"-m {args.marks!r} -k {args.only!r} --scale {args.scale}"
        raise DataError(f"{words}: no claim is selected; `selfboot claims` lists them")
    return chosen


def fill(chosen: Sequence[Any], args: argparse.Namespace) -> Any:
    """Fill the store with what the jobs need."""
    from selfboot.cluster.pools import open_pool
    from selfboot.cluster.run import fill as fill_store

    site = _site(args)
    pool = open_pool(site, args.ray, args.processes)
    try:
        return fill_store(chosen, site, pool, RichProgress())
    finally:
        pool.close()


def show(chosen: Sequence[Any], args: argparse.Namespace) -> str:
    """What can be made at once, with the GPUs that it takes."""
    from selfboot.cluster.graph import plan
    from selfboot.cluster.run import reader
    from selfboot.newmodel.models import OpenLab

    site = _site(args)
    lab = OpenLab(reader(site), **site.options())
    units = {unit.address: unit for job in chosen for unit in plan(job, lab)}
    lines = [f"{len(chosen)} runs of claims; {len(units)} units can be made at once:"]
    lines += [f"  {unit}, {unit.gpus} GPU{'s' * (unit.gpus != 1)}" for unit in units.values()]
    return "\n".join([*lines, *(f"  not planned: {job.name}: {job.problem}" for job in chosen if job.problem)])


def _site(args: argparse.Namespace) -> Any:
    from selfboot.cluster.work import Site

    drawn = (args.device, args.isolation, args.weights, args.engine, args.tokens, args.batch_invariant)
    return Site(args.store.absolute(), args.url, *drawn)


def before_pytest(options: Sequence[str]) -> list[str]:
    """For ``selfboot run``: where ``--ray``, ``--url`` or ``--processes`` is among the options, fill the store first.
    Returns the options that are left for pytest."""
    ours = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_where(ours)
    where, rest = ours.parse_known_args(list(options))
    if not (where.ray or where.url or where.processes):
        return list(options)
    for option, why in BEFOREHAND.items():
        if any(word.partition("=")[0] == option for word in options):
            raise DataError(f"{option}: {why} cannot be made beforehand; leave out --ray, --url and --processes")
    every = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_options(every)
    args, _ = every.parse_known_args(list(options))
    print(fill(selected(args), args), flush=True)
    return rest
