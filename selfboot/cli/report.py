"""`selfboot report`: the results of a run store as one HTML file, with Markdown and JSON beside it, or as pictures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfboot.cli.lab import default_store
from selfboot.errors import DataError

if TYPE_CHECKING:
    from selfboot.judging.results import Result

EXAMPLES = """\
examples:
  selfboot report --out report/                   what this checkout's store holds
  selfboot report --out r --store /data/store     another store
  selfboot report --out r --scale mini            one scale only
  selfboot report --markdown >> "$GITHUB_STEP_SUMMARY"     a summary for a CI run's page; pytest also does it
  selfboot report --gallery data/measured/gallery          the figures as SVG files, with a README.md of what they
  rest on
  selfboot report --findings data/measured/small  what the small scale found, one table a model
  selfboot report --update-readme                 the last fast path's table into README.md

The file report.html needs no network and no other file; open it from disk.
exit code: 0 written, 2 no results, or the folder cannot be written
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command to argparse's sub-commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="write the results as one HTML file (and Markdown, JSON)",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="folder for the report")
    parser.add_argument("--gallery", type=Path, default=None, metavar="DIR", help="folder for the figures as SVG files")
    parser.add_argument(
        "--findings", type=Path, default=None, metavar="DIR", help="folder for the small scale's tables"
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print a summary of at most 60 lines, for a pull request"
    )
    parser.add_argument("--update-readme", action="store_true", help="write the fast path's table into README.md")
    parser.add_argument("--store", type=Path, default=default_store(), help="run store (default: %(default)s)")
    parser.add_argument("--scale", choices=["mini", "small", "paper"], default=None, help="only this scale")
    parser.add_argument("--model", default=None, help="only this model")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Write what was asked for and say where it is."""
    from selfboot.report.readme import update_run
    from selfboot.store import RunStore

    if not (args.out or args.gallery or args.findings or args.update_readme or args.markdown):
        raise DataError(
            "nothing to write; give --out DIR, --markdown, --gallery DIR, --findings DIR or --update-readme"
        )
    store = RunStore(args.store)
    if args.out:
        _page(args, store)
    if args.markdown:
        _markdown(args, store)
    if args.gallery:
        _gallery(args, store)
    if args.findings:
        from selfboot.report.findings import write_findings

        print(*write_findings(_results(args), args.store, args.findings), sep="\n")
    if args.update_readme:
        print(f"{update_run(args.store / 'results')} cases of the fast path -> README.md")
    return 0


def _page(args: argparse.Namespace, store: Any) -> None:
    from selfboot.report.html import write_report

    results = _results(args)
    path = write_report(results, store, args.out)
    print(f"{len(results)} results -> {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _markdown(args: argparse.Namespace, store: Any) -> None:
    from selfboot.report.brief import compact
    from selfboot.report.evidence import Shelf
    from selfboot.report.gather import gather

    print(compact(gather(_results(args), Shelf(store.root))), end="")


def _gallery(args: argparse.Namespace, store: Any) -> None:
    from selfboot.report.gallery import write_gallery

    for path in write_gallery(_results(args), store, args.gallery):
        print(f"{path} ({path.stat().st_size / 1e3:.0f} kB)")


def _results(args: argparse.Namespace) -> list[Any]:
    """The results of the store that are of the scale and model asked for; DataError when there are none."""
    return chosen_results(args.store, {name: value for name in ("scale", "model") if (value := getattr(args, name))})


def chosen_results(store: Path, wanted: Mapping[str, str]) -> list[Result]:
    """The results of a run store whose fields are as ``wanted``; DataError when there are none."""
    from selfboot.judging.results import load

    folder = store / "results"
    found = load(folder) if folder.is_dir() else []
    results = [result for result in found if all(getattr(result, name) == value for name, value in wanted.items())]
    if not results:
        of = "".join(f" of {name} {value}" for name, value in wanted.items())
        raise DataError(f"{folder}: no results{of} to report; run `pytest` first, or name another --store")
    return results
