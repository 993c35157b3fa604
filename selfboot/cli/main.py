"""The command line: `selfboot <command> --help` shows options and examples.

selfboot doctor                               what this machine can run, and what is missing
selfboot claims                               the paper's claims and their sections
selfboot claims show control                  what one claim does
selfboot run -m fastpath --scale mini         run claims (pytest's options)
selfboot run --smoke --scale mini             is every part right on this machine? it takes minutes
selfboot report --out report/                 the results as one HTML file
selfboot mine organism-0 --seed 7 --out pairs.jsonl
selfboot audit pairs.jsonl --benchmark minieval
selfboot train organism-0 pairs.jsonl --seed 7 --out adapter/
selfboot evaluate organism-0 minieval --adapter adapter/
selfboot grade samples.jsonl --benchmark humaneval
selfboot replay base.jsonl trained.jsonl --claim recipe-7b       judge what someone else recorded
selfboot export --out exported/               every completion and verdict, for other tools
selfboot compare .selfboot/store other/report.json      which tasks flipped between two runs? more than by chance?
selfboot pool lab-a/results.json lab-b/results.json     the results of several laboratories, pooled
selfboot calibrate organism-0                 the bands of the mini scale, over many seeds
selfboot decompose organism-0                 how much of the lift is form, how much is skill?
selfboot arms organism-0                      what the paper's reading and recipe change, and what needs no training
selfboot diagnose MODEL                       should the recipe work on this model, and why?
selfboot bootstrap MODEL --out adapter/       the whole recipe on it
selfboot plan -m fastpath                     what the paper's scale would cost
selfboot spread -m fullpath --ray auto        make what claims need on many machines
selfboot fetch -m fastpath --list             what the paper's scale needs from the network, and how large it is

completion in bash, with the package argcomplete: eval "$(register-python-argcomplete selfboot)"
exit code: 0 done, 1 something was found wrong, 2 something you can mend (one line says what), 130 interrupted
"""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from selfboot import __version__
from selfboot.cli import (
    arms,
    audit,
    bootstrap,
    calibrate,
    claims,
    compare,
    decompose,
    diagnose,
    doctor,
    export,
    fetch,
    grade,
    lab,
    mine,
    plan,
    pool,
    replay,
    report,
    run,
    spread,
)
from selfboot.engines.memory import REMEDY, tells_of_memory
from selfboot.errors import SelfbootError
from selfboot.progress import silence_warnings, tolerate

COMMANDS = (
    *(claims, run, report, mine, audit, lab, grade, replay, export, compare, pool, calibrate),
    *(decompose, arms, diagnose, bootstrap, spread, plan, fetch, doctor),
)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser("selfboot", description=__doc__, formatter_class=lab.RAW)
    top.add_argument("--version", action="version", version=f"selfboot {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: 0 done, 2 something the user can mend (one line on standard error), 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    tolerate(sys.stdout, sys.stderr)
    top = parser()
    _complete(top)
    args = top.parse_args(words)
    args.words = words
    silence_warnings()
    try:
        return int(args.run(args))
    except SelfbootError as error:
        print(f"selfboot: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "selfboot: interrupted; finished work is kept, the same command continues where it stopped", file=sys.stderr
        )
        return 130
    except BrokenPipeError:  # `selfboot claims | head`
        sys.stderr.close()
        return 0
    except (MemoryError, ImportError, RuntimeError) as error:
        if not tells_of_memory(error):
            raise
        print(f"selfboot: out of memory ({' '.join(str(error).split())[:300]}); {REMEDY}", file=sys.stderr)
        return 2
    except OSError as error:  # a file of the user's that cannot be read or written: the system's words name it
        print(f"selfboot: {error}; check the file, its folder and the disk", file=sys.stderr)
        return 2


def _complete(top: argparse.ArgumentParser) -> None:
    """Answer the shell's request for completions, where argcomplete is installed; else do nothing."""
    try:
        import argcomplete
    except ImportError:
        return
    argcomplete.autocomplete(top)
