"""`selfboot audit`: check files of training pairs before anyone trains on them, or before they are released."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfboot.cli.options import add_shared, positive
from selfboot.errors import DataError

if TYPE_CHECKING:
    from selfboot.analysis.audit import Audit

EXAMPLES = """\
examples:
  selfboot audit data/pairs/organism-0/self-mined.jsonl --benchmark minieval
  selfboot audit pairs.jsonl --json audit.json --strict      for CI: warnings fail too
  selfboot audit pairs.jsonl --allow "repeated task" --strict
  selfboot audit data/pairs/*.jsonl data/pairs/*/*.jsonl --benchmark minieval --table

exit code: 0 all passed, 1 one failed, 2 a file or the benchmark cannot be read
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to argparse's sub-commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "audit",
        help="check pair files: schema, duplicates, tests, leaks, benchmark overlap, failures",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pairs", type=Path, nargs="+", help="pair files (JSON Lines)")
    parser.add_argument("--benchmark", default="", help="look for overlap with this benchmark too, e.g. minieval")
    parser.add_argument("--json", type=Path, default=None, metavar="OUT", help="write everything found as JSON")
    parser.add_argument("--table", action="store_true", help="print one Markdown table, a row a file")
    parser.add_argument("--strict", action="store_true", help="warnings fail the audit too")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="CHECK", help="a check whose findings are allowed"
    )
    parser.add_argument("--no-run", action="store_true", help="do not run any program")
    add_shared(parser, "isolation")
    parser.add_argument("--jobs", type=positive, default=None, help="grading processes (default: one a core)")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Audit the files; print what was found; 0 all passed, 1 one failed."""
    from selfboot.analysis.audit import CHECKS

    if unknown := sorted(set(args.allow) - set(CHECKS)):
        raise DataError(f"unknown check {unknown[0]!r}; known: {', '.join(CHECKS)}")
    audits = audit_files(args.pairs, args.benchmark, not args.no_run, args.isolation, args.jobs)
    failed = {path: bool(found.failed(args.strict, args.allow)) for path, found in audits.items()}
    if args.json:
        from selfboot.store import write_atomic

        tables = [{**found.table(), "file": path.name, "passed": not failed[path]} for path, found in audits.items()]
        content = tables[0] if len(tables) == 1 else {"passed": not any(failed.values()), "files": tables}
        write_atomic(args.json, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    if args.table:
        print("\n".join((*HEAD, *(row(name(path), found, not failed[path]) for path, found in audits.items()))))
    else:
        print("\n\n".join(render(path.name, found, not failed[path]) for path, found in audits.items()))
    return 1 if any(failed.values()) else 0


def audit_files(
    paths: Sequence[Path], benchmark: str = "", execute: bool = True, isolation: str = "auto", jobs: int | None = None
) -> dict[Path, Audit]:
    """The audit of each file, by one grader; ``execute`` false: nothing is run. DataError for one that is no text."""
    from contextlib import nullcontext
    from dataclasses import replace

    from selfboot.analysis.audit import audit
    from selfboot.grading.code import CodeGrader

    texts = {path: _text(path) for path in paths}
    tasks, structures = _benchmark(benchmark) if benchmark else ((), {})
    audits = {}
    with CodeGrader(workers=jobs, isolation=isolation) if execute else nullcontext() as grader:
        manifest = {f"grader.{name}": str(value) for name, value in grader.manifest.items()} if grader else {}
        for path, text in texts.items():
            extra = {"sha256": hashlib.sha256(text.encode()).hexdigest()} | manifest
            audits[path] = replace(audit(text, grader, benchmark, tasks, structures), extra=extra)
    return audits


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); give a UTF-8 JSON Lines file") from None
    if not text.strip():
        raise DataError(f"{path}: holds no pairs; mine some (`selfboot mine`) or restore the file")
    return text


def _benchmark(name: str) -> tuple[Sequence[Any], dict[str, list[str]]]:
    """A benchmark's tasks, and the fingerprints that come with it (every way to write a task's solution)."""
    from selfboot.benchmarks.base import load_benchmark
    from selfboot.paths import TASKS
    from selfboot.storage.shipped import check_shipped

    tasks = load_benchmark(name).tasks
    split = "dev" if name.endswith("-dev") else "test"
    beside = TASKS / name.split("-")[0] / f"{split}.fingerprints.json"
    check_shipped(beside)
    return tasks, json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}


def render(name: str, found: Audit, passed: bool) -> str:
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


HEAD = (
    "| file | items | audit | errors | warnings | how `broken` fails | on form |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def row(name: str, found: Audit, passed: bool) -> str:
    """One file as a row of a Markdown table (``HEAD``)."""
    from selfboot.analysis.audit import CHECKS

    counts = {
        severity: ", ".join(f"{check} {count}" for check, count in found.counts.items() if CHECKS[check][0] == severity)
        for severity in ("error", "warning")
    }
    classes = ", ".join(f"{kind} {count}" for kind, count in found.broken.items())
    total = sum(found.broken.values())
    form = f"{found.sides['form'] / total:.0%}" if total else "–"
    cells = (f"`{name}`", str(found.items), "passed" if passed else "FAILED", *(v or "–" for v in counts.values()))
    return "| " + " | ".join((*cells, classes or "–", form)) + " |"


def name(path: Path) -> str:
    """A file's name; of the shipped ones, with their folder."""
    from selfboot.paths import DATA

    shipped = DATA / "pairs"
    return str(path.resolve().relative_to(shipped)) if path.resolve().is_relative_to(shipped) else path.name
