"""`selfboot calibrate`: measure what the mini model does over many seeds, for the bands of the mini scale; or, with
``--scale small``, what any one model does, for bands that lie in the run store and hold at the same part and tokens."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW, RichProgress, recorded, shared_options
from selfboot.cli.options import add_shared, positive
from selfboot.errors import DataError

EXAMPLES = """\
examples:
  selfboot calibrate organism-0 --jobs 2                          hours on a CPU; what is measured is kept
  selfboot calibrate organism-0 --only recipe-7b control --seeds 30
  selfboot calibrate organism-0 --compare                         do seeds of two devices agree? measures nothing
  selfboot calibrate organism-0 --against theirs.json             does another machine find the same, seed by seed?
  selfboot calibrate organism-0 organism-tidy --device cuda --jobs 12 --rows 1024
  selfboot calibrate --golden                                     record the mini model's greedy tokens again
  selfboot calibrate --trajectories                               loss and gradient norm of each step of three trainings
  selfboot calibrate organism-0 --seeds 30 --remeasure outdated        after a change of code: its seeds too
  selfboot calibrate ./my-model --scale small --part 1/4 --seeds 15    bands for pytest --scale small --part 1/4
"""


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    calibrate = commands.add_parser(
        "calibrate",
        parents=[shared_options(seed=False, choice=False)],
        help="measure the bands of the mini scale",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=RAW,
        allow_abbrev=False,  # --seed is another thing than --seeds
    )
    calibrate.add_argument("models", nargs="*", metavar="MODEL", help="models of data/models.toml; at small scale any")
    calibrate.add_argument(
        "--scale", choices=("mini", "small"), default="mini", help="small: any one model's claims (default: mini)"
    )
    add_shared(calibrate, "part", "tokens", "chat-template")
    calibrate.add_argument("--golden", action="store_true", help="record a mini model's greedy tokens, not bands")
    calibrate.add_argument(
        "--trajectories", action="store_true", help="record reference trajectories of trainings, not bands"
    )
    calibrate.add_argument("--seeds", type=positive, default=20, help="seeds for each claim (default: %(default)s)")
    calibrate.add_argument("--jobs", type=positive, default=1, help="processes side by side (default: %(default)s)")
    calibrate.add_argument("--rows", type=positive, default=0, help="the sampler's batch size (default: its own)")
    calibrate.add_argument(
        "--only", nargs="*", metavar="CLAIM", help="only these claims; the others are kept as they are"
    )
    calibrate.add_argument(
        "--remeasure",
        choices=("outdated", "all"),
        default="",
        help="measure again the seeds that older code measured, or all",
    )
    calibrate.add_argument("--compare", action="store_true", help="show whether the seeds of several devices agree")
    calibrate.add_argument(
        "--against", type=Path, metavar="FILE", help="show whether another file's figures of the same seeds agree"
    )
    calibrate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write data/measured/bands/MODEL.json, or at small scale STORE/bands/MODEL-PART-TOKENS.json."""
    from selfboot.judging.calibrate import calibrate
    from selfboot.registry import model_entry

    if args.trajectories or args.golden:
        return _trajectories() if args.trajectories else _golden(args.store)
    if not args.models:
        raise DataError("calibrate: no model is named; name one of data/models.toml, such as organism-0")
    for model in args.models if args.scale != "small" else ():
        model_entry(model)
    if args.against and not args.against.is_file():
        raise DataError(f"--against {args.against}: no such file; name what `selfboot calibrate` wrote elsewhere")
    if args.compare or args.against:
        tables = [compared(model) if args.compare else against(model, args.against) for model in args.models]
        print("\n".join(line for table in tables for line in table))
        return 0
    command, how = recorded(args.words), _how(args)
    for path in calibrate(args.models, args.seeds, how, args.only or [], RichProgress(), command, args.remeasure):
        print(f"calibration -> {path}")
    return 0


def _how(args: argparse.Namespace) -> Any:
    from selfboot.judging.calibrate import How
    from selfboot.protocols.any_model import Part, template_for

    how = How(args.store, args.device, args.jobs, args.rows)
    if args.scale != "small":
        if given := [
            name for name in ("part", "tokens", "chat_template") if getattr(args, name) not in ("", None, "1/1")
        ]:
            raise DataError(f"--{given[0].replace('_', '-')} is for any one model: add --scale small")
        return how
    templates = {args.chat_template or template_for(model) for model in args.models}
    if len(templates) > 1:
        raise DataError("these models need different chat templates: calibrate them one by one")
    return replace(how, small=True, part=Part.read(args.part), tokens=args.tokens or 0, chat_template=templates.pop())


def _trajectories() -> int:
    from selfboot.judging.trajectories import RECORDED, record

    for name in RECORDED:
        print(f"trajectory -> {record(name)}")
    return 0


def _golden(store: Path) -> int:
    from selfboot.judging.golden import record
    from selfboot.lab import Lab
    from selfboot.store import RunStore

    with Lab(RunStore(store)) as lab:
        print(f"golden tokens -> {record(lab)}")
    return 0


def compared(model: str) -> list[str]:
    """A Markdown table: each figure on the device with most seeds, and whether the others' mean lies in its band."""
    from selfboot.analysis.bands import CALIBRATION_SEEDS, calibrated_band
    from selfboot.judging.calibration import calibration
    from selfboot.report.cells import markdown_table

    known, rows = calibration(model), []
    for claim, figure in ((c, f) for c in sorted(known.measures) for f in sorted(known.measures[c])):
        name = f"{claim}, {figure}"
        by_device = {device: list(found.values()) for device, found in known.by_device(claim, figure).items()}
        (first, values), *others = list(by_device.items()) or [("", [])]
        if not others or len(values) < CALIBRATION_SEEDS:
            continue
        rows.append(_row(name, first, values, "", ""))
        for device, fresh in others:
            band = calibrated_band(values, len(fresh))
            inside = band.lower <= statistics.fmean(fresh) <= band.upper
            ends = f"{band.lower:.1f} to {band.upper:.1f}"
            rows.append(_row(name, device, fresh, ends, "in" if inside else "OUT"))
    head = ("figure", "device", "mean", "sd", "seeds", "band for the mean of the others", "")
    return list(markdown_table(head, rows))


def against(model: str, path: Path) -> list[str]:
    """A Markdown table: each claim's figures of seeds that both files have, side by side, by the other's devices."""
    from selfboot.judging.calibration import calibration, read
    from selfboot.report.cells import markdown_table

    ours, theirs = calibration(model).measures, read(model, path)
    found: dict[tuple[str, str], list[float]] = {}
    for claim, figure in ((c, f) for c, figures in theirs.measures.items() for f in figures):
        own = ours[claim][figure].by_seed if figure in ours.get(claim, {}) else {}
        for device, figures in theirs.by_device(claim, figure).items():
            both = set(figures) & set(own)
            changes = [round(own[seed] - figures[seed], 9) for seed in both]  # pass@k is no whole number
            found.setdefault((claim, device), []).extend(changes)
    rows = [
        (claim, device, str(len(changes)), str(changes.count(0.0)),
         f"{statistics.fmean(changes):+.2f}", f"{max(map(abs, changes)):g}")
        for (claim, device), changes in sorted(found.items())
        if changes
    ]  # fmt: skip
    head = ("claim", f"device in {path.name}", "figures", "equal", "mean difference", "largest")
    return list(markdown_table(head, rows))


def _row(name: str, device: str, values: Sequence[float], band: str, inside: str) -> tuple[str, ...]:
    spread = f"{statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return name, device, f"{statistics.fmean(values):.1f}", spread, str(len(values)), band, inside
