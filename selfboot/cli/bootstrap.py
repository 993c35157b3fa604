"""`selfboot bootstrap`: the whole recipe on a model; the adapter and its model card end up in one folder."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from selfboot.cli.diagnose import seconds
from selfboot.cli.lab import MODEL, RAW, lab_options, shared_options
from selfboot.cli.options import positive
from selfboot.errors import DataError

EXAMPLES = """\
examples:
  selfboot bootstrap organism-0 --out adapter/
  selfboot bootstrap ./my-model --pairs 100 --method multi-pair --device cuda --out adapter/
  selfboot bootstrap Qwen/Qwen2.5-7B --max-cost 2 --gpu h100 --device cuda --out adapter/
  selfboot bootstrap model.gguf --budget 30m --tasks 40 --out adapter/

The same command continues an interrupted run where it stopped.
exit code: 0 trained, 1 too few pairs to train on, 2 something you can mend
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to argparse's sub-commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "bootstrap", help="mine, audit, train and score: the whole recipe on a model", description=__doc__,
        epilog=EXAMPLES, formatter_class=RAW, parents=[shared_options()],
    )  # fmt: skip
    parser.add_argument("model", help=MODEL)
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter (peft's format) and its card")
    parser.add_argument(
        "--pairs", type=positive, default=40, help="stop mining at this many pairs (default: %(default)s)"
    )
    parser.add_argument("--method", choices=["bootstrap", "multi-pair", "curriculum", "seeded"], default="bootstrap")
    parser.add_argument(
        "--seeds",
        default="",
        help="for seeded: the tasks to mine from (default: miniseeds for a mini model, else mbpp-train)",
    )
    parser.add_argument(
        "--recipe", default="", help="a recipe of data/recipes.toml (default: mini for a mini model, else paper-rank16)"
    )
    parser.add_argument("--benchmark", default="", help="default: minieval for a mini model, else humaneval")
    parser.add_argument(
        "--tasks", type=positive, default=0, help="score on this many tasks, drawn at random (default: all)"
    )
    parser.add_argument(
        "--budget",
        default="",
        metavar="TIME",
        help="about how long it may take, e.g. 30m (not with seeded: give it fewer --seeds)",
    )
    parser.add_argument(
        "--max-cost",
        type=float,
        default=0.0,
        metavar="USD",
        help="about how much it may cost in dollars, on as many --gpu as the model needs",
    )
    parser.add_argument("--gpu", default="h100", help="whose price --max-cost reckons with (default: %(default)s)")
    parser.set_defaults(run=run)
    return parser


def limit(args: argparse.Namespace) -> float:
    """Seconds that it may take; 0: no limit. Every GPU that the model needs is paid for all of the time."""
    from selfboot.engines.gpu import gpu
    from selfboot.models.find import find_model

    if not 0 <= args.max_cost < math.inf:
        raise DataError(f"--max-cost {args.max_cost:g}: give a number of USD, 0 or above")
    gpus = find_model(args.model).tensor_parallel if args.max_cost else 1
    limits = [seconds(args.budget), 3600 * args.max_cost / (gpus * gpu(args.gpu).usd_per_hour)]
    return min((one for one in limits if one > 0), default=0.0)


def run(args: argparse.Namespace) -> int:
    """Run the recipe; say what came of it."""
    from selfboot.newmodel.bootstrap import Wish, bootstrap
    from selfboot.newmodel.models import OpenLab
    from selfboot.store import RunStore

    wish = Wish(args.method, args.pairs, args.seed, args.benchmark, args.tasks, args.recipe, args.seeds, limit(args))
    with OpenLab(RunStore(args.store), **lab_options(args)) as lab:
        done = bootstrap(lab, args.model, wish, args.out)
    print(f"{done.model}: {done.verdict}; {done.items} items, {done.dropped} left out by the audit")
    if done.after is None:
        return 1
    print(f"{done.benchmark}: {done.before} → {done.after} of {done.n} (p={done.p:.2g}); adapter -> {args.out}")
    return 0
