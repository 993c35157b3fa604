"""`selfboot calibrate`: measure what the organism does over many seeds, for the bands of the mini scale."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfboot.cli.lab import RAW, RichProgress, recorded, shared_options

EXAMPLES = """\
examples:
  selfboot calibrate organism-0 --jobs 2                          hours on a CPU; what is measured is kept
  selfboot calibrate organism-0 --only recipe-7b control --seeds 30
  selfboot calibrate organism-0 --compare                         do seeds of two devices agree? measures nothing
  selfboot calibrate organism-0 --against theirs.json             does another machine find the same, seed by seed?
  selfboot calibrate organism-0 organism-tidy --device cuda --jobs 12 --rows 1024
  selfboot calibrate organism-0 --seeds 30 --anew outdated        after a change of code: its seeds too
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
    calibrate.add_argument("models", nargs="+", metavar="MODEL", help="models of data/models.toml")
    calibrate.add_argument("--seeds", type=int, default=20, help="seeds a claim (default: %(default)s)")
    calibrate.add_argument("--jobs", type=int, default=1, help="processes side by side (default: %(default)s)")
    calibrate.add_argument("--rows", type=int, default=0, help="the sampler's batch size (default: its own)")
    calibrate.add_argument("--only", nargs="*", metavar="CLAIM", help="only these; the others are kept as they are")
    calibrate.add_argument(
        "--anew", choices=("outdated", "all"), default="", help="measure also the seeds of other code, or all, again"
    )
    calibrate.add_argument("--compare", action="store_true", help="show whether the seeds of several devices agree")
    calibrate.add_argument(
        "--against", type=Path, metavar="FILE", help="show whether another file's figures of the same seeds agree"
    )
    calibrate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write data/measured/bands/MODEL.json."""
    from selfboot.judging.calibrate import How, calibrate

    if args.compare or args.against:
        tables = [compared(model) if args.compare else against(model, args.against) for model in args.models]
        print("\n".join(line for table in tables for line in table))
        return 0
    command, how = recorded(args.words), How(args.store, args.device, args.jobs, args.rows)
    for path in calibrate(args.models, args.seeds, how, args.only or [], RichProgress(), command, args.anew):
        print(f"calibration -> {path}")
    return 0


def compared(model: str) -> list[str]:
    """A Markdown table: each figure on the device with most seeds, and whether the others' mean lies in its band."""
    from selfboot.analysis.bands import CALIBRATION_SEEDS, calibrated_band
    from selfboot.judging.calibration import calibration

    known = calibration(model)
    lines = [
        "| figure | device | mean | sd | seeds | band for the mean of the others | |",
        "|---|---|---|---|---|---|---|",
    ]
    for measure in sorted(known.measures):
        (first, values), *others = list(known.by_device(measure).items()) or [("", [])]
        if not others or len(values) < CALIBRATION_SEEDS:
            continue
        lines.append(_row(measure, first, values, "", ""))
        for device, fresh in others:
            band = calibrated_band(values, len(fresh))
            inside = band.lower <= statistics.fmean(fresh) <= band.upper
            lines.append(
                _row(measure, device, fresh, f"{band.lower:.1f} to {band.upper:.1f}", "in" if inside else "OUT")
            )
    return lines


def against(model: str, path: Path) -> list[str]:
    """A Markdown table: each claim's figures of seeds that both files have, side by side, by the other's devices."""
    from selfboot.judging.calibration import calibration, read

    ours, theirs = calibration(model).measures, read(model, path)
    found: dict[tuple[str, str], list[float]] = {}
    for name in sorted(set(ours) & set(theirs.measures)):
        for device, figures in theirs.seeds_by_device(name).items():
            both = set(figures) & set(ours[name])
            changes = [round(ours[name][seed] - figures[seed], 9) for seed in both]  # pass@k is no whole number
            found.setdefault((name.split("/")[0], device), []).extend(changes)
    lines = [f"| claim | device in {path.name} | figures | equal | mean difference | largest |", "|" + "---|" * 6]
    for (claim, device), changes in sorted(found.items()):
        if changes:
            mean, largest = statistics.fmean(changes), max(map(abs, changes))
            cells = [claim, device, str(len(changes)), str(changes.count(0.0)), f"{mean:+.2f}", f"{largest:g}"]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def _row(measure: str, device: str, values: Sequence[float], band: str, inside: str) -> str:
    spread = f"{statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"| {measure} | {device} | {statistics.fmean(values):.1f} | {spread} | {len(values)} | {band} | {inside} |"
