"""`selfboot run --smoke`: try a new machine: known answers first, then every chosen model on eight tasks."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from selfboot.cli.lab import RAW, default_store
from selfboot.cli.options import add_shared
from selfboot.errors import DataError

if TYPE_CHECKING:
    from selfboot.lab import Lab
    from selfboot.planning.smoke import Proof, Subject
    from selfboot.registry import Scale

EXAMPLES = """\
examples:
  selfboot run --smoke --scale mini                      on a CPU, under two minutes
  selfboot run --smoke -m fastpath --scale paper         before the hours on GPUs begin
  selfboot run --smoke -k recipe-7b --scale paper --weights random --tokens 64

exit code: 0 everything came out as recorded or expected, 1 something did not
"""


def parser() -> argparse.ArgumentParser:
    """The options; those of pytest's that matter here have pytest's names."""
    made = argparse.ArgumentParser("selfboot run --smoke", description=__doc__, epilog=EXAMPLES, formatter_class=RAW)
    made.add_argument("--smoke", action="store_true", required=True, help="try the machine; run no claim")
    made.add_argument("-m", dest="marks", default="fastpath", metavar="EXPR", help="markers (default: %(default)s)")
    made.add_argument("-k", dest="only", default="", metavar="TEXT", help="only claims whose id contains this")
    made.add_argument("--store", type=Path, default=default_store(), help="where a temporary store is made")
    add_shared(made, "scale", "weights", "engine", "batch-invariant", "device", "isolation", "tokens")
    made.add_argument("--out", type=Path, metavar="FILE", help="write what was found to this file, as JSON")
    made.add_argument("--record", action="store_true", help="replace the mini model's record by this machine's")
    return made


def smoke(options: Sequence[str]) -> int:
    """Try everything and print each proof as it is done; 1 where one failed."""
    from selfboot.planning.smoke import prove, record

    args = parser().parse_args(options)
    scale = _scale(args.scale)
    chosen, began = _subjects(args, scale), time.perf_counter()
    args.store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="smoke-", dir=args.store) as folder, _lab(args, Path(folder)) as lab:
        if args.record:
            print(f"recorded: {record(lab)}")
            return 0
        proofs = [_shown(proof) for proof in prove(lab, chosen)]
    seconds, failed = time.perf_counter() - began, sum(not proof.ok for proof in proofs)
    print(
        f"{len(proofs) - failed} of {len(proofs)} as known, {len(chosen)} models of the {scale} scale, {seconds:.0f} s"
    )
    if args.out:
        found = {"scale": scale, "weights": args.weights, "seconds": seconds, "proofs": [asdict(one) for one in proofs]}
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if failed else 0


def _shown(proof: Proof) -> Proof:
    print(f"{'ok    ' if proof.ok else 'FAILED'} {proof.seconds:6.1f} s  {proof.name}: {proof.found}", flush=True)
    return proof


def _scale(asked: str) -> Scale:
    """ "auto": the paper's where there is a GPU."""
    from selfboot.engines.gpu import our_gpus

    if asked == "auto":
        return "paper" if our_gpus() else "mini"
    return "mini" if asked == "mini" else "paper"


def _subjects(args: argparse.Namespace, scale: Scale) -> list[Subject]:
    from selfboot.planning.selection import selector
    from selfboot.planning.smoke import subjects
    from selfboot.registry import registry

    chosen = selector(args.marks)
    claims = [claim for claim in registry().values() if args.only in claim.id and chosen({claim.tier, scale})]
    if not (found := subjects(claims, scale)):
        raise DataError(f"-m {args.marks!r} -k {args.only!r}: no claim is selected; `selfboot claims` lists them")
    return found


def _lab(args: argparse.Namespace, folder: Path) -> Lab:
    from selfboot.lab import Lab
    from selfboot.store import RunStore

    return Lab(
        RunStore(folder),
        device=args.device,
        engine=args.engine,
        batch_invariant=args.batch_invariant,
        weights=args.weights,
        isolation=args.isolation,
        tokens=args.tokens,
    )
