"""`selfboot mine`: get training items out of a model, by any of the paper's methods, or make a control's pairs."""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from selfboot.cli.lab import MODEL, RAW, RECIPES, can_be_written, given_adapter, open_lab, recipe_of, shared_options
from selfboot.cli.options import positive
from selfboot.errors import DataError
from selfboot.mining.catalogue import METHODS, make_miner, miner_class, usual_seeds
from selfboot.models.find import find_model, is_organism
from selfboot.pairs import ITEMS, provenance_path
from selfboot.records import CodeTask, Pair
from selfboot.storage.files import write_together

EXAMPLES = """\
examples:
  selfboot mine organism-0 --out pairs.jsonl
  selfboot mine organism-0 --method seeded --seeds miniseeds:100 --out pairs.jsonl
  selfboot mine organism-0 --method recursive --set size=100 --out pairs.jsonl
  selfboot mine organism-0 --method curriculum-math --recipe mini --out solutions.jsonl
  selfboot mine organism-0 --set shuffle_tests=true --out none.jsonl
  selfboot mine organism-0 --method control-house --target 21 --seed 42 --out control.jsonl
  selfboot mine qwen2.5-7b --method control-own --seeds mbpp-train --seed 42 --out data/pairs/control-mbpp.jsonl

The file OUT.provenance.json (OUT without its ending) says how the items came about. The same command continues a
killed run where it stopped.
"""


CORRUPTION = "selfboot.mining.corruption"
MBPP = "mbpp-train"
CONTROLS = ("control-own", "control-house", "control-form")


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    mine = commands.add_parser(
        "mine",
        parents=[shared_options()],
        help="mine training items from a model",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=RAW,
    )
    mine.add_argument("model", help=MODEL)
    mine.add_argument("--out", type=Path, required=True, help="where the items go (JSON Lines)")
    mine.add_argument("--method", choices=[*METHODS, *CONTROLS], default="bootstrap", metavar="NAME",
                      help=f"{', '.join(METHODS)}; {', '.join(CONTROLS)}: corrupted solutions of other authors, or "
                      "mined pairs with wrong content; no model at work (default: %(default)s)")  # fmt: skip
    mine.add_argument("--target", type=positive, default=None, help="stop at this many items (bootstrap: 40)")
    mine.add_argument("--steps", "--iterations", type=positive, default=None, help="rounds or batches at most")
    mine.add_argument("--seeds", default="", metavar="NAME",
                      help="the benchmark that problems are taken from (default: the mini model's own, else the "
                      "paper's); for a control: mbpp-train, or a file of tasks with solutions "
                      "(data/tasks/minieval/seeds.jsonl) or of pairs")  # fmt: skip
    mine.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting of the miner")
    mine.add_argument("--recipe", default="", help=f"for methods that train in between (default: {RECIPES})")
    mine.add_argument("--adapter", type=Path, default=None, help="mine from the model with this adapter")
    mine.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Mine; write the items and their provenance."""
    can_be_written(args.out)  # said now, not after hours of work
    if args.method in CONTROLS:
        return _control(args)
    method = METHODS[args.method]
    seeds = args.seeds or usual_seeds(args.method, is_organism(find_model(args.model)))
    miner = make_miner(args.method, seeds, typed(args.method, given_settings(args)))
    recipe = recipe_of(args) if method.trains else args.recipe
    with open_lab(args) as lab:
        mined = lab.mine(args.model, miner, args.seed, adapter=given_adapter(args.adapter), recipe=recipe)
    provenance = _write(args.out, mined.artifact.text(ITEMS), mined.artifact.manifest)
    print(f"{len(mined.items)} items -> {args.out} (artifact {mined.artifact.id}, {mined.artifact.seconds:.0f} s)")
    print(f"how they came about -> {provenance}")
    for alarm in mined.artifact.manifest["provenance"].get("alarms", []):
        print(f"selfboot: {alarm}", file=sys.stderr)
    return 0


def given_settings(args: argparse.Namespace) -> dict[str, str]:
    """--target, --steps and every --set NAME=VALUE, as text. Raises DataError for one without a value."""
    given = {name: str(value) for name in ("target", "steps") if (value := getattr(args, name)) is not None}
    for word in args.set:
        name, equals, value = word.partition("=")
        if not equals:
            raise DataError(f"--set {word}: write it as NAME=VALUE, such as attempts=8")
        given[name] = value
    return given


def typed(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Settings with the types of the miner's defaults: whole numbers, numbers, true or false, text."""
    known = {f.name: f.default for f in fields(miner_class(name)) if isinstance(f.default, int | float | str | None)}
    if unknown := sorted(set(given) - set(known)):
        raise DataError(f"--set {unknown[0]}: {name} has no such setting; it has: {', '.join(sorted(known))}")
    return {key: _value(key, text, known[key]) for key, text in given.items()}


def _value(name: str, text: str, default: Any) -> Any:
    kind = int if default is None else type(default)  # None stands for "no limit" of a count
    try:
        found = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        wanted = {int: "a whole number", float: "a number", bool: "true or false"}[kind]
        raise DataError(f"--set {name}={text}: it takes {wanted}") from None
    least = 0 if default == 0 else 1  # 0 is "never" where that is the miner's own setting
    if kind in (int, float) and not found >= (least if kind is int else 0):
        raise DataError(f"--set {name}={text}: it takes a number from {least if kind is int else 0} up")
    return found


def _control(args: argparse.Namespace) -> int:
    from selfboot.keys import code_hash
    from selfboot.lab import machine
    from selfboot.pairs import pairs_text

    style = args.method.removeprefix("control-")
    tasks, seeds = ([], _file(args.seeds)) if style == "form" else control_tasks(args.seeds)
    with open_lab(args) as lab:
        pairs, module = _form_only(args, lab.grader) if style == "form" else _corrupted(args, tasks, style, lab.grader)
        made = {"grader": lab.grader.manifest, "machine": machine(), "code": code_hash(module)}
    settings = {"style": style, "count": len(pairs), "seed": args.seed}
    text = pairs_text(pairs)
    files = {ITEMS: hashlib.sha256(text.encode()).hexdigest()}
    about = {"kind": "pairs", "method": args.method, **settings, "seeds": seeds, "files": files, **made}
    _write(args.out, text, about)
    print(f"{len(pairs)} control pairs -> {args.out}")
    return 0


def control_tasks(seeds: str) -> tuple[list[CodeTask], dict[str, str]]:
    """The tasks with solutions that a control's pairs are made from, and what they are for the provenance: of a file
    (empty: the mini model's own), or MBPP's training split."""
    from selfboot.benchmarks.base import load_benchmark
    from selfboot.benchmarks.miniseeds import seed_task
    from selfboot.mining.corruption import read_seeds
    from selfboot.paths import TASKS

    if seeds != MBPP:
        path = Path(seeds or TASKS / "minieval" / "seeds.jsonl")
        return read_seeds(path), _file(str(path))
    bench = load_benchmark(seeds)
    found = [(task, program) for task in bench.tasks if (program := _program(task.canonical))]
    tasks = [seed_task(task.task_id, task.prompt, program, task.tests) for task, program in found]
    return tasks, {"benchmark": seeds, "sha256": bench.sha256}


def _program(source: str) -> str:
    """MBPP's programs, each indented in its own way, as ``seed_task`` takes them apart: four spaces, a function last;
    "" where something else stands there."""
    tree = ast.parse(source)
    return ast.unparse(tree) + "\n" if isinstance(tree.body[-1], ast.FunctionDef) else ""


def _file(seeds: str) -> dict[str, str]:
    from selfboot.store import file_sha256

    path = Path(seeds)
    return {"file": path.name, "sha256": file_sha256(path)} if path.is_file() else {}


def _corrupted(args: argparse.Namespace, tasks: Sequence[CodeTask], style: str, grader: Any) -> tuple[list[Pair], str]:
    from selfboot.mining.corruption import CorruptionControl

    return CorruptionControl(args.target or 21, args.seed, style).pairs(tasks, grader), CORRUPTION


def _form_only(args: argparse.Namespace, grader: Any) -> tuple[list[Pair], str]:
    """The pairs of ``--seeds`` with right form and wrong content."""
    from selfboot.mining.form_only import form_only_pairs
    from selfboot.pairs import read_pairs

    if not args.seeds:
        raise DataError("--method control-form: name the pair file that is to be changed, with --seeds FILE")
    made = form_only_pairs(read_pairs(Path(args.seeds)), grader, seed=args.seed)
    return made[: args.target], "selfboot.mining.form_only"


def _write(out: Path, items: str, manifest: Mapping[str, Any]) -> Path:
    """Write the items, and beside them how they came about: both or neither."""
    provenance = provenance_path(out)
    about = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_together({provenance: about, out: items})
    return provenance
