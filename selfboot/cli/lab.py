"""`selfboot train`, `selfboot evaluate`, and what all commands with a Lab share: options, progress bar, Lab."""

from __future__ import annotations

import argparse
import atexit
import errno
import json
import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfboot.cli.options import add_shared, positive, seed_number, temperature
from selfboot.errors import DataError, SelfbootError
from selfboot.paths import home

if TYPE_CHECKING:
    from selfboot.lab import Adapter, Lab

RAW = argparse.RawDescriptionHelpFormatter
RECIPES = "mini for a mini model, else paper-rank16"
MODEL = "a name of data/models.toml, a folder, a GGUF file, a hub id (owner/name or owner/name@revision)"

TRAIN = """\
examples:
  selfboot train organism-0 pairs.jsonl --out adapter/
  selfboot train organism-0 pairs.jsonl --count 10 --seed 13 --out adapter-10/
  selfboot train qwen2.5-7b data/released/pairs_7b_40.jsonl --recipe paper-rank16 --device cuda --out adapter/
"""
EVALUATE = """\
examples:
  selfboot evaluate organism-0 minieval
  selfboot evaluate organism-0 minieval:20 --adapter adapter/ --seed 7
  selfboot evaluate organism-0 minieval --temperature 0.8 --n 8
  selfboot evaluate organism-0 minimath
  selfboot evaluate ./my-model humaneval --format raw
  selfboot evaluate owner/name@revision humaneval --chat-template plain --device cuda

NAME:20 is a benchmark's first 20 tasks. Benchmarks of answers take the formats gsm8k and math, those of programs the
others.
"""


def check_recording(args: argparse.Namespace, seeds: Sequence[int]) -> None:
    """Before figures of a model are recorded: each seed once, and no trial run in the place of the trained model."""
    if len(set(seeds)) < len(seeds):
        raise DataError(f"--seeds {' '.join(map(str, seeds))}: name each seed once")
    if args.weights != "trained" and not args.out:
        raise DataError(f"--weights {args.weights}: no figures of {args.model}; name another file with --out")


def recorded(words: Sequence[str]) -> str:
    """A command as provenance keeps it: without the run store, a place on one machine that changes no result."""
    return re.sub(r" --store[ =]('[^']*'|\S+)", "", "selfboot " + shlex.join(words))


class RichProgress:
    """A live bar on standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bars = Bars(*columns, console=Console(stderr=True), transient=True)
        self.task = self.bars.add_task("")
        atexit.register(self.bars.stop)
        self.bars.start()

    def update(self, what: str, done: int, total: int) -> None:
        self.bars.update(self.task, description=what, completed=done, total=total)


def default_store() -> Path:
    """SELFBOOT_STORE, else .selfboot/store of the checkout."""
    return Path(os.environ.get("SELFBOOT_STORE") or home() / "store")


def shared_options(seed: bool = True, choice: bool = True) -> argparse.ArgumentParser:
    """The options of every command that holds a Lab, as a parent parser. ``seed``: does it take one? ``choice``: does
    it leave engine and weights to the user?"""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--store", type=Path, default=default_store(), help="run store (default: %(default)s)")
    add_shared(shared, "device")
    if choice:
        add_shared(shared, "engine", "batch-invariant", "weights")
        shared.add_argument(
            "--chat-template",
            default="",
            metavar="NAME",
            help="instead of the model's own: a .jinja file, or a name of data/templates",
        )
    if seed:
        shared.add_argument("--seed", type=seed_number, default=7, help="default: %(default)s")
    return shared


def lab_options(args: argparse.Namespace) -> dict[str, Any]:
    """What the shared options say of a Lab, but for its store."""
    return {
        "device": args.device,
        "engine": args.engine,
        "batch_invariant": args.batch_invariant,
        "weights": args.weights,
        "chat_template": args.chat_template,
        "progress": RichProgress(),
    }


def open_lab(args: argparse.Namespace) -> Lab:
    """The Lab that the shared options ask for."""
    from selfboot.lab import Lab
    from selfboot.store import RunStore

    return Lab(RunStore(args.store), **lab_options(args))


def recipe_of(args: argparse.Namespace) -> str:
    """The recipe that is asked for, else what suits the model."""
    from selfboot.models.find import find_model, is_organism

    return args.recipe or ("mini" if is_organism(find_model(args.model)) else "paper-rank16")


def given_adapter(folder: Path | None) -> Adapter | None:
    """An adapter in a folder of the user's. Raises SelfbootError when there is none."""
    from selfboot.lab import Adapter
    from selfboot.store import Artifact, file_sha256

    if folder is None:
        return None
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise SelfbootError(f"no adapter in {folder}: {weights.name} is missing; train one first")
    check_adapter(folder)
    return Adapter(Artifact("adapter", "given", folder, {}, True), file_sha256(weights))


def check_adapter(folder: Path) -> None:
    """DataError where an adapter's folder is not what the manifest in it, or else the record of its training, says."""
    from selfboot.storage.manifest import Damaged, check_beside

    try:
        if not check_beside(folder, "adapter") and (folder / "training.json").is_file():
            _check_weights(folder)
    except Damaged as error:
        raise DataError(f"adapter {folder}: {error}; train it again, or restore the folder") from None


def _check_weights(folder: Path) -> None:
    """Raises Damaged where the weights are not those that the training ended with."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from selfboot.storage.manifest import Damaged
    from selfboot.training.lora import weights_digest

    try:
        expected = json.loads((folder / "training.json").read_bytes())["sha256"]
        found = weights_digest(load_file(folder / "adapter_model.safetensors"))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"its weights or training.json cannot be read ({error})") from None
    if found != expected:
        raise Damaged("its weights do not hash to the sha256 in training.json")


def can_be_written(out: Path, folder: bool = False) -> None:
    """Make the folder that ``out`` (a file, or a ``folder``) belongs in. StoreError where it could not be written."""
    from selfboot.storage.files import explain

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
        if out.exists() and out.is_dir() != folder:
            number = errno.ENOTDIR if folder else errno.EISDIR
            raise OSError(number, os.strerror(number), str(out))
    except OSError as error:
        raise explain(error, out) from error


def add_parser(commands: Any) -> None:
    """Add both commands to argparse's sub-commands."""
    shared = [shared_options()]
    train = commands.add_parser(
        "train", parents=shared, help="train a LoRA adapter on pairs", epilog=TRAIN, formatter_class=RAW
    )
    train.add_argument("model", help=MODEL)
    train.add_argument("pairs", type=Path, help="pairs or solved problems (JSON Lines)")
    train.add_argument("--out", type=Path, required=True, help="folder for the adapter (peft's format)")
    train.add_argument("--recipe", default="", help=f"a recipe of data/recipes.toml (default: {RECIPES})")
    train.add_argument("--count", type=positive, default=None, help="use only this many items, the first ones")
    train.set_defaults(run=run_train)

    evaluate = commands.add_parser(
        "evaluate", parents=shared, help="score a model on a benchmark", epilog=EVALUATE, formatter_class=RAW
    )
    evaluate.add_argument("model", help=MODEL)
    evaluate.add_argument("benchmark", help="minieval, minieval-dev, minieval-plus, minimath, humaneval, …")
    evaluate.add_argument("--adapter", type=Path, default=None, help="an adapter folder")
    evaluate.add_argument("--format", default="", help="default: chat; for answers, the benchmark's own")
    evaluate.add_argument("--temperature", type=temperature, default=0.0, help="0: greedy (default)")
    evaluate.add_argument("--n", type=positive, default=1, help="completions a task (default: %(default)s)")
    evaluate.set_defaults(run=run_evaluate)


def run_train(args: argparse.Namespace) -> int:
    """Train and copy the adapter to where it is wanted."""
    from selfboot.pairs import read_items
    from selfboot.storage.files import copy_folder
    from selfboot.storage.manifest import NAME as MANIFEST

    items = read_items(args.pairs)
    can_be_written(args.out, folder=True)  # said now, not after hours of work
    with open_lab(args) as lab:
        adapter = lab.train(args.model, items[: args.count], recipe_of(args), args.seed)
    copy_folder(adapter.path, args.out, last=MANIFEST)
    check_adapter(args.out)
    print(f"adapter {adapter.sha256[:16]} -> {args.out} ({adapter.artifact.seconds:.0f} s)")
    return 0


def run_evaluate(args: argparse.Namespace) -> int:
    """Sample, grade and print the score."""
    from selfboot.benchmarks.base import AnswerBenchmark, load_any
    from selfboot.records import Sampling

    adapter, sampling = given_adapter(args.adapter), Sampling(temperature=args.temperature, n=args.n)
    with open_lab(args) as lab:
        if isinstance(load_any(args.benchmark), AnswerBenchmark):
            score: Any = lab.evaluate_answers(
                args.model, args.benchmark, adapter=adapter, format=args.format, sampling=sampling, seed=args.seed
            )
        else:
            form = args.format or "chat"
            score = lab.evaluate(
                args.model, args.benchmark, adapter=adapter, format=form, sampling=sampling, seed=args.seed
            )
    mark = "" if args.weights == "trained" else f" ({args.weights} weights: no result of {args.model})"
    print(f"{args.benchmark}: {score.solved} of {len(score.tasks)} (first completion of each task){mark}")
    if args.n > 1:
        print(f"solved by at least one of {args.n}: {sum(score.oracle)}")
    return 0
