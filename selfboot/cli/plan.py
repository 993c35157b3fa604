"""`selfboot plan`: what the paper-scale claims need and cost, before anything is spent."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfboot.cli.lab import default_store
from selfboot.cli.options import add_shared
from selfboot.engines.gpu import Gpu, gpu, local_gpus
from selfboot.errors import DataError
from selfboot.planning import cost as planning
from selfboot.planning.cost import Cost, Plan, Planned
from selfboot.planning.selection import missing_memory

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = Any

DEFAULT = ("h100", "rtx-6000-ada")

EXAMPLES = """\
examples:
  selfboot plan -m fastpath                        on an H100 and the paper's RTX 6000 Ada
  selfboot plan -m "not negative" --gpu h200 --price h200=3.5
  selfboot plan --gpus 1 8 64 --gpu h100           the same steps, all claims together, on so many GPUs
  selfboot plan --seeds power                      with as many seeds as give each claim 80 % power
  selfboot plan -m fastpath --beside STORE         after a run: forecast beside measured
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add ``plan`` to the command line."""
    parser = subparsers.add_parser(
        "plan", help="GPU memory, hours and cost of the paper-scale claims", description=__doc__,
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("-m", dest="marks", default="", metavar="EXPR", help="markers, as for pytest (default: all)")
    parser.add_argument("-k", dest="only", default="", metavar="TEXT", help="only claims whose id contains this")
    parser.add_argument("--gpu", nargs="+", default=list(DEFAULT), metavar="NAME",
                        help=f"kinds of GPU (default: {' '.join(DEFAULT)}; known: data/gpus.toml)")  # fmt: skip
    parser.add_argument(
        "--price", nargs="+", default=[], metavar="NAME=USD", help="dollars an hour, instead of the table's"
    )
    parser.add_argument(
        "--gpus",
        nargs="+",
        type=_count,
        default=[],
        metavar="N",
        help="schedule all steps on these numbers of GPUs (of the first --gpu)",
    )
    parser.add_argument("--beside", type=Path, nargs="?", default=None, const=default_store(), metavar="STORE",
                        help="what a run took, by its store (default: that of all runs), beside the forecast (of the "
                        "first --gpu)")  # fmt: skip
    parser.add_argument("--out", type=Path, default=None, metavar="FILE", help="with --beside: the same as JSON")
    add_shared(parser, "seeds", "measure-flips")
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of GPUs; give one or more")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """0: printed. DataError where no claim is selected."""
    kinds = planning.with_prices([gpu(name) for name in args.gpu], _prices(args.price))
    if args.out and not args.beside:
        raise DataError(f"--out {args.out}: only what --beside STORE says is written; add it")
    if args.beside:
        return _beside(args, kinds[0])
    if args.gpus:
        return _schedule(args, kinds[0])
    planned = planning.plan(args.marks, kinds, args.only, args.seeds, args.measure_flips)
    if not planned.claims:
        raise _none(args)
    print(render(planned, kinds, local_gpus()))
    return 0


def _beside(args: argparse.Namespace, kind: Gpu) -> int:
    from selfboot.planning.measured import sitting, table, to_json
    from selfboot.planning.selection import chosen

    found = sitting(args.beside, chosen(args.marks, args.only, args.seeds), kind)
    print(table(found))
    if args.out:
        args.out.write_text(json.dumps(to_json(found), indent=1) + "\n", encoding="utf-8")
    return 0


def _schedule(args: argparse.Namespace, kind: Gpu) -> int:
    from selfboot.planning.forecast import steps, table

    wanted = steps(args.marks, args.only, kind, args.seeds, args.measure_flips)
    if not wanted:
        raise _none(args)
    print(table(wanted, kind, args.gpus))
    return 0


def _none(args: argparse.Namespace) -> DataError:
    chosen = f"-m {args.marks!r} -k {args.only!r}"
    return DataError(f"{chosen}: no claim at paper scale is selected; `selfboot claims` lists them")


def _prices(words: Sequence[str]) -> dict[str, float]:
    prices = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            prices[name] = float(value)
        except ValueError:
            raise DataError(f"--price {word}: write it as NAME=USD, such as h100=2.5") from None
    return prices


def render(made: Plan, kinds: Sequence[Gpu], local: Sequence[Gpu]) -> str:
    """The plan as text: one line a claim, all together, what this machine could run, and how the figures come about."""
    width = max(len(one.claim.id) for one in made.claims)
    header = f"{'claim':<{width}}  {'tier':<8}  {'model':<16}  seeds  serve GB  train GB  disk GB"
    lines = [header + "".join(f"  {kind.name:>24}" for kind in kinds)]
    for one in made.claims:
        train = f"{one.need.train_gb:>8.0f}" if one.need.train_gb else f"{'–':>8}"
        seeds = len(one.settings.seeds) or 1
        left = f"{one.claim.id:<{width}}  {one.claim.tier:<8}  {one.settings.model:<16}  {seeds:>5}  "
        left += f"{one.need.serve_gb:>8.0f}  "
        lines.append(f"{left}{train}  {one.disk_gb:>7.0f}" + "".join(f"  {_cell(cost):>24}" for cost in one.costs))
    together = f"{'together':<{len(header) - 7}}{made.disk_gb:>7.0f}"
    lines.append(together + "".join(f"  {_cell(cost):>24}" for cost in made.together))
    return "\n".join((*lines, "", _here(made.claims, local), *NOTES)) + "\n"


NOTES = (
    "hours: forecast from measured phases, completions at full length, both arms; dollars: data/gpus.toml (--price)",
    "together: what claims share is done once, and one engine serves all claims of a model",
    "memory: reckoned from the model's shape, bf16; * trains with gradient checkpointing there; disk: weights in bf16",
    "–: a claim without a protocol is not reckoned",
)


def _cell(cost: Cost) -> str:
    if not cost.fits:
        return cost.missing
    if not cost.hours:
        return "–"
    count, left = f"{cost.gpus} x " if cost.gpus > 1 else "", f" ({cost.left_out} not)" if cost.left_out else ""
    return f"{count}{cost.hours:.2f} h  ${cost.usd:.2f}{'*' if cost.checkpointing else ''}{left}"


def _here(planned: Sequence[Planned], local: Sequence[Gpu]) -> str:
    if not local:
        return "this machine has no GPU: only --scale mini runs here"
    fitting = [one.claim.id for one in planned if not missing_memory(one.settings, local)]
    kinds = ", ".join(f"{gpu.name} ({gpu.memory_gb:.0f} GB)" for gpu in local)
    return f"this machine has {kinds}: {', '.join(fitting) or 'none of them fits'}"
