"""`selfboot diagnose`: should the recipe work on this model, and why? In minutes, before anything is trained."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from selfboot.cli.lab import MODEL, RAW, lab_options, recorded, shared_options
from selfboot.cli.options import positive
from selfboot.errors import DataError

EXAMPLES = """\
examples:
  selfboot diagnose organism-0                               a model of data/models.toml
  selfboot diagnose ./my-model --tasks 60 --json d.json      a folder; 60 tasks drawn at random
  selfboot diagnose model.gguf --budget 10m                  as many tasks as fit into ten minutes
  selfboot diagnose Qwen/Qwen2.5-7B --device cuda --html d.html
  selfboot diagnose --errors                                 predicted beside measured lifts, leave-one-out
  selfboot diagnose --family floor --jobs 1                  measure a member of the family of mini models again

exit code: 0 diagnosed (whatever the verdict), 2 the model cannot be used
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to argparse's sub-commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "diagnose",
        help="should the recipe work on this model? scores, headroom, a mining run, predicted lift, cost",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=RAW,
        parents=[shared_options()],
    )
    parser.add_argument("model", nargs="?", default="", help=MODEL)
    parser.add_argument("--benchmark", default="", help="default: minieval for a mini model, else humaneval")
    parser.add_argument(
        "--tasks", type=positive, default=0, help="score this many tasks, drawn at random (default: all)"
    )
    parser.add_argument("--budget", default="", metavar="TIME", help="as many tasks as fit, e.g. 10m")
    parser.add_argument("--samples", type=positive, default=8, help="samples a task for pass@8 (default: %(default)s)")
    parser.add_argument(
        "--sampled", type=positive, default=0, help="draw samples for this many of the tasks (default: all scored ones)"
    )
    parser.add_argument(
        "--rounds", type=positive, default=2, help="rounds of 16 problems to mine (default: %(default)s)"
    )
    parser.add_argument("--gpu", nargs="+", default=["h100", "rtx-6000-ada"], metavar="NAME", help="GPUs to price")
    parser.add_argument("--json", type=Path, default=None, metavar="OUT", help="write everything as JSON")
    parser.add_argument("--html", type=Path, default=None, metavar="OUT", help="write a page")
    parser.add_argument(
        "--family",
        nargs="*",
        default=None,
        metavar="MEMBER",
        help="measure the family of mini models (or these) again",
    )
    parser.add_argument(
        "--errors", action="store_true", help="show how far predictions are off: each model left out in turn"
    )
    parser.add_argument(
        "--jobs", type=positive, default=2, help="for --family: models measured side by side (default: %(default)s)"
    )
    parser.set_defaults(run=run)
    return parser


def seconds(text: str) -> float:
    """A time such as ``90``, ``90s``, ``30m`` or ``1.5h`` in seconds; empty: 0."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if text and not found:
        raise DataError(f"{text!r} is no time; write 90s, 30m or 1.5h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0


def run(args: argparse.Namespace) -> int:
    """Diagnose, print the summary, write what was asked for."""
    if args.family is not None:
        return _family(args)
    if args.errors:
        from selfboot.newmodel.text import left_out_table

        print(left_out_table())
        return 0
    if not args.model:
        raise DataError("diagnose: name a model (selfboot diagnose --help has examples)")
    from selfboot.engines.gpu import gpu
    from selfboot.newmodel.kept import keep
    from selfboot.newmodel.measure import Plan, diagnose
    from selfboot.newmodel.models import OpenLab
    from selfboot.newmodel.text import page, summary
    from selfboot.store import RunStore, write_atomic

    for name in args.gpu:
        gpu(name)  # an unknown one is said now, not after minutes of work
    plan = Plan(
        benchmark=args.benchmark,
        tasks=args.tasks,
        samples=args.samples,
        sampled=args.sampled,
        rounds=args.rounds,
        seed=args.seed,
        seconds=seconds(args.budget),
        gpus=tuple(args.gpu),
    )
    with OpenLab(RunStore(args.store), **lab_options(args)) as lab:
        found = diagnose(lab, args.model, plan)
    keep(args.store, found)  # for `selfboot report`
    if args.json:
        write_atomic(args.json, json.dumps(found.table(), indent=1) + "\n")
    if args.html:
        write_atomic(args.html, page(found))
    print(summary(found))
    _compare(args.store, found.model)
    return 0


def _compare(store: Path, model: str) -> None:
    """Print the predictions beside what the small scale measured on this model, where the store has such results."""
    from selfboot.judging.results import load
    from selfboot.newmodel.kept import kept
    from selfboot.report.predicted import predicted

    results = load(store / "results") if (store / "results").is_dir() else []
    for one in (one for one in kept(store, []) if one.table["model"] == model):
        rows = predicted(one, results)
        print(*([f"\npredicted, and measured by pytest --scale small ({one.title})"] if rows else []), sep="\n")
        for what, foretold, found in rows:
            print(f"  {what:<42}{foretold:<36}{found}")


def _family(args: argparse.Namespace) -> int:
    from selfboot.newmodel.family import MEMBERS, measure_family
    from selfboot.newmodel.measure import family
    from selfboot.newmodel.text import left_out_table

    if args.engine == "vllm" or args.weights != "trained":
        raise DataError("--family measures trained members by transformers: leave --engine and --weights out")
    command = recorded(args.words)
    path = measure_family(args.store, args.jobs, args.device, command, args.family or MEMBERS)
    family.cache_clear()
    print(f"{path}\n{left_out_table()}")
    return 0
