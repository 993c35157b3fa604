"""`selfboot audit`: check a file of training pairs before anyone trains on it, or before it is released."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfboot.errors import DataError

EXAMPLES = """\
examples:
  selfboot audit data/pairs/organism-0/self-mined.jsonl --benchmark minieval
  selfboot audit pairs.jsonl --json audit.json --strict      for CI: warnings fail too
  selfboot audit pairs.jsonl --allow "repeated task" --strict

exit code: 0 passed, 1 failed, 2 the file or the benchmark cannot be read
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to argparse's sub-commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "audit",
        help="check a pair file: schema, duplicates, tests, leaks, benchmark overlap, failures",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pairs", type=Path, help="a pair file (JSON Lines)")
    parser.add_argument("--benchmark", default="", help="look for overlap with this benchmark too, e.g. minieval")
    parser.add_argument("--json", type=Path, default=None, metavar="OUT", help="write everything found as JSON")
    parser.add_argument("--strict", action="store_true", help="warnings fail the audit too")
    parser.add_argument("--allow", action="append", default=[], metavar="CHECK", help="a check that may find things")
    parser.add_argument("--no-run", action="store_true", help="run nothing: read only")
    parser.add_argument("--isolation", default="auto", help="how strictly programs are isolated (default: auto)")
    parser.add_argument("--jobs", type=int, default=None, help="grading processes (default: one a core)")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Audit the file; print what was found; 0 passed, 1 failed."""
    from selfboot.analysis.audit import CHECKS

    if unknown := sorted(set(args.allow) - set(CHECKS)):
        raise DataError(f"unknown check {unknown[0]!r}; known: {', '.join(CHECKS)}")
    found = _audit(args)
    failed = found.failed(args.strict, args.allow)
    if args.json:
        from selfboot.store import write_atomic

        table = {**found.table(), "file": args.pairs.name, "passed": not failed}
        write_atomic(args.json, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    print(render(args.pairs.name, found, not failed))
    return 1 if failed else 0


def _audit(args: argparse.Namespace) -> Any:
    from dataclasses import replace

    from selfboot.analysis.audit import audit

    try:
        text = args.pairs.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{args.pairs}: cannot be read ({error}); give a UTF-8 JSON Lines file") from None
    tasks, structures = _benchmark(args.benchmark) if args.benchmark else ((), {})
    extra = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
    if args.no_run:
        return replace(audit(text, None, args.benchmark, tasks, structures), extra=extra)
    from selfboot.grading.code import CodeGrader

    with CodeGrader(workers=args.jobs, isolation=args.isolation) as grader:
        extra |= {f"grader.{name}": str(value) for name, value in grader.manifest.items()}
        return replace(audit(text, grader, args.benchmark, tasks, structures), extra=extra)


def _benchmark(name: str) -> tuple[Sequence[Any], dict[str, list[str]]]:
    """A benchmark's tasks, and the fingerprints that come with it (every way to write a task's solution)."""
    from selfboot.benchmarks.base import load_benchmark
    from selfboot.paths import DATA

    tasks = load_benchmark(name).tasks
    split = "dev" if name.endswith("-dev") else "test"
    beside = DATA / name.split("-")[0] / f"{split}.fingerprints.json"
    return tasks, json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}


def render(name: str, found: Any, passed: bool) -> str:
    """What was found, as text: verdict, a line a check, the findings, and how ``broken`` fails."""
    from selfboot.analysis.audit import CHECKS

    lines = [f"{name}: {found.items} items, audit {'passed' if passed else 'FAILED'}"]
    lines += [] if found.executed else ["  nothing was run (--no-run): failures are those that the file records"]
    for check, count in found.counts.items():
        severity, meaning = CHECKS[check]
        lines.append(f"\n  {severity}: {check} ({count}): {meaning}")
        lines += [f"    {finding.message}" for finding in found.findings if finding.check == check]
    if found.broken:
        total = sum(found.broken.values())
        classes = ", ".join(f"{name} {count}" for name, count in found.broken.items())
        shares = ", ".join(f"{name} {count / total:.0%}" for name, count in found.sides.items())
        lines.append(f"\n  how broken fails: {classes}  ({shares})")
    return "\n".join(lines)
