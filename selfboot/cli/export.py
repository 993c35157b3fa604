"""`selfboot export`: every completion with its verdict, in lm-eval's format and as one JSON file with a schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW, can_be_written, default_store
from selfboot.cli.report import chosen_results

EXAMPLES = """\
examples:
  selfboot export --out exported/                         all results of this checkout's store
  selfboot export --out exported/ --claim recipe-7b --scale mini
  selfboot export --out exported/ --store /data/store
  selfboot export --schema                                the JSON Schema of results.json

Writes DIR/results.json (schema: selfboot/exchange/results.schema.json) with the verdicts, every completion, and hashes
of prompts, chat template and environment. For each score it writes DIR/samples_….jsonl, in the format of lm-eval's
--log_samples. `selfboot replay` reads both; `selfboot compare` and `selfboot pool` read results.json.
exit code: 0 written, 2 no results, or the folder cannot be written
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    parser = commands.add_parser(
        "export", help="write every completion and verdict for other tools (lm-eval's logs, JSON)", description=__doc__,
        epilog=EXAMPLES, formatter_class=RAW,
    )  # fmt: skip
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, metavar="DIR", help="folder for the files")
    where.add_argument("--schema", action="store_true", help="print the JSON Schema; write nothing")
    parser.add_argument("--store", type=Path, default=default_store(), help="run store (default: %(default)s)")
    parser.add_argument("--claim", default=None, metavar="ID", help="only this claim")
    parser.add_argument("--scale", choices=["mini", "small", "paper"], default=None, help="only this scale")
    parser.add_argument("--model", default=None, help="only this model")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files and say where they are."""
    from selfboot.exchange import lm_eval, portable
    from selfboot.report.evidence import Shelf
    from selfboot.store import write_atomic

    if args.schema:
        print(json.dumps(portable.schema(), indent=1))
        return 0
    wanted = {name: value for name in ("claim", "scale", "model") if (value := getattr(args, name))}
    results = chosen_results(args.store, wanted)
    can_be_written(args.out / "results.json")
    scores = portable.portables(results, Shelf(args.store))
    for one in scores:
        write_atomic(args.out / lm_eval.file_name(one), lm_eval.text(one))
    table = portable.document(results, scores)
    write_atomic(args.out / "results.json", json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(results)} results, {len(scores)} files of samples -> {args.out}")
    return 0
