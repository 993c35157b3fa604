"""The command line: `selfboot <command> --help` shows options and examples.

selfboot claims                               what is claimed, and where
selfboot mine organism-0 --seed 7 --out pairs.jsonl
selfboot train organism-0 pairs.jsonl --seed 7 --out adapter/
selfboot evaluate organism-0 minieval --adapter adapter/
selfboot grade samples.jsonl --benchmark humaneval
"""

from __future__ import annotations

import argparse
import atexit
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from selfboot import __version__, cli_grade
from selfboot.errors import SelfbootError
from selfboot.paths import ROOT

if TYPE_CHECKING:
    from selfboot.lab import Lab

RAW = argparse.RawDescriptionHelpFormatter


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
    return Path(os.environ.get("SELFBOOT_STORE") or ROOT / ".selfboot" / "store")


def _lab(args: argparse.Namespace) -> Lab:
    from selfboot.lab import Lab
    from selfboot.store import RunStore

    return Lab(RunStore(args.store), device=args.device, weights=args.weights, progress=RichProgress())


def _claims(args: argparse.Namespace) -> int:
    from selfboot.claims import registry

    if args.update_readme:
        from selfboot.report.readme import update

        update()
        return 0
    for claim in registry().values():
        print(f"{claim.id:<20} {claim.section:<9} {claim.tier:<9} {'+'.join(claim.scales):<11} {claim.title}")
    return 0


def _mine(args: argparse.Namespace) -> int:
    from selfboot.mining.bootstrap import BootstrapMiner

    if args.method.startswith("control-"):
        return _control(args)
    miner = BootstrapMiner(steps=args.iterations, target=args.target, shuffle_tests=args.shuffle_tests)
    with _lab(args) as lab:
        pairs = lab.mine(args.model, miner, args.seed)
    shutil.copyfile(pairs.path, args.out)
    print(f"{len(pairs.pairs)} pairs -> {args.out} (artifact {pairs.artifact.id}, {pairs.artifact.seconds:.0f} s)")
    return 0


def _control(args: argparse.Namespace) -> int:
    from selfboot.mining.corruption import CorruptionControl, read_seeds
    from selfboot.pairs import write_pairs
    from selfboot.paths import DATA

    control = CorruptionControl(args.target, args.seed, args.method.removeprefix("control-"))
    with _lab(args) as lab:
        pairs = control.pairs(read_seeds(args.seeds or DATA / "minieval" / "seeds.jsonl"), lab.grader)
    write_pairs(args.out, pairs)
    print(f"{len(pairs)} control pairs -> {args.out}")
    return 0


def _train(args: argparse.Namespace) -> int:
    from selfboot.pairs import read_pairs

    pairs = read_pairs(args.pairs)
    with _lab(args) as lab:
        adapter = lab.train(args.model, pairs[: args.count], args.recipe, args.seed)
    shutil.copytree(adapter.path, args.out, dirs_exist_ok=True)
    print(f"adapter {adapter.sha256[:16]} -> {args.out} ({adapter.artifact.seconds:.0f} s)")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from selfboot.lab import Adapter
    from selfboot.records import Sampling
    from selfboot.store import Artifact, file_sha256

    adapter = None
    if args.adapter:
        weights = args.adapter / "adapter_model.safetensors"
        if not weights.is_file():
            raise SelfbootError(f"no adapter in {args.adapter}: {weights.name} is missing; train one first")
        adapter = Adapter(Artifact("adapter", "given", args.adapter, {}, True), file_sha256(weights))
    sampling = Sampling(temperature=args.temperature, n=args.n)
    with _lab(args) as lab:
        score = lab.evaluate(
            args.model, args.benchmark, adapter=adapter, format=args.format, sampling=sampling, seed=args.seed
        )
    print(f"{args.benchmark}: {score.solved} of {len(score.tasks)} (first completion of each task)")
    if args.n > 1:
        print(f"solved by at least one of {args.n}: {sum(p > 0 for p in score.passes)}")
    return 0


def _calibrate(args: argparse.Namespace) -> int:
    from selfboot.calibrate import calibrate

    command = "selfboot " + shlex.join(args.words)
    path = calibrate(
        args.model, args.seeds, args.store, args.device, args.jobs, args.only or [], RichProgress(), command
    )
    print(f"calibration -> {path}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser("selfboot", description=__doc__, formatter_class=RAW)
    top.add_argument("--version", action="version", version=f"selfboot {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--store", type=Path, default=default_store(), help="run store (default: %(default)s)")
    shared.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    shared.add_argument(
        "--weights", choices=["trained", "random"], default="trained", help="random: the untrained twin"
    )
    shared.add_argument("--seed", type=int, default=7, help="default: %(default)s")

    claims = commands.add_parser("claims", help="list the claims of the registry")
    claims.add_argument("--update-readme", action="store_true", help="write the table of claims into README.md")
    claims.set_defaults(run=_claims)

    mine = commands.add_parser("mine", parents=[shared], help="mine pairs from a model by self-bootstrap",
                               epilog="example: selfboot mine organism-0 --out pairs.jsonl")  # fmt: skip
    mine.add_argument("model", help="a model of data/models.toml")
    mine.add_argument("--out", type=Path, required=True, help="where the pairs go (JSON Lines)")
    mine.add_argument(
        "--target", type=int, default=40, help="end when this many pairs are there (default: %(default)s)"
    )
    mine.add_argument("--iterations", type=int, default=20, help="at most so many rounds of 16 problems")
    mine.add_argument("--method", choices=["bootstrap", "control-own", "control-house"], default="bootstrap",
                      help="control-…: corrupted solutions of other authors, no model at work")  # fmt: skip
    mine.add_argument("--seeds", type=Path, help="control: tasks with solutions (default: data/minieval/seeds.jsonl)")
    mine.add_argument("--shuffle-tests", action="store_true", help="control: give each problem another one's tests")
    mine.set_defaults(run=_mine)

    train = commands.add_parser("train", parents=[shared], help="train a LoRA adapter on pairs",
                                epilog="example: selfboot train organism-0 pairs.jsonl --out a")  # fmt: skip
    train.add_argument("model", help="a model of data/models.toml")
    train.add_argument("pairs", type=Path, help="a pair file (JSON Lines)")
    train.add_argument("--out", type=Path, required=True, help="folder for the adapter (peft's format)")
    train.add_argument("--recipe", default="mini", help="a recipe of data/recipes.toml (default: %(default)s)")
    train.add_argument("--count", type=int, default=None, help="use only the first so many pairs")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", parents=[shared], help="score a model on a benchmark",
                                   epilog="example: selfboot evaluate organism-0 minieval")  # fmt: skip
    evaluate.add_argument("model", help="a model of data/models.toml")
    evaluate.add_argument("benchmark", help="minieval, minieval-dev, minieval-plus or humaneval")
    evaluate.add_argument("--adapter", type=Path, default=None, help="an adapter folder")
    evaluate.add_argument("--format", default="chat", help="chat or raw (default: %(default)s)")
    evaluate.add_argument("--temperature", type=float, default=0.0, help="0: greedy (default)")
    evaluate.add_argument("--n", type=int, default=1, help="completions a task (default: %(default)s)")
    evaluate.set_defaults(run=_evaluate)

    calibrate = commands.add_parser("calibrate", parents=[shared], help="measure the bands of the mini scale",
                                    epilog="example: selfboot calibrate organism-0 --jobs 2")  # fmt: skip
    calibrate.add_argument("model", help="a model of data/models.toml")
    calibrate.add_argument("--seeds", type=int, default=20, help="seeds a measure (default: %(default)s)")
    calibrate.add_argument("--jobs", type=int, default=1, help="processes side by side (default: %(default)s)")
    calibrate.add_argument("--only", nargs="*", help="only these measures; the others are kept as they are")
    calibrate.set_defaults(run=_calibrate)
    cli_grade.add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 done, 2 something the user can mend (one line on standard error), 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = parser().parse_args(words)
    args.words = words
    try:
        return int(args.run(args))
    except SelfbootError as error:
        print(f"selfboot: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("selfboot: interrupted; finished work is kept, the same command goes on where it was", file=sys.stderr)
        return 130
