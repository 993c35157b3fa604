"""`selfboot fetch`: what data the claims need, what of it is here, and getting the rest."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from selfboot.datasets.pinned import Source, source, sources, state
from selfboot.errors import DataError, SelfbootError
from selfboot.paper import texts
from selfboot.registry import model_entry

PAIRS = "paper-pairs"

if TYPE_CHECKING:
    from selfboot.planning.inventory import Wanted

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = Any

EXAMPLES = """\
examples:
  selfboot fetch -m fastpath                   all that these claims need at paper scale: weights, data, pairs, texts
  selfboot fetch -m fastpath --list            fetch nothing, only show: sizes, free disk, what the hub asks for first
  selfboot fetch --list                        what there is, and what of it this machine has
  selfboot fetch                               everything that is missing
  selfboot fetch --only math500 pairs_7b_40    these, again even if they are here
  selfboot fetch --only paper-texts            what the paper's scripts say to a model, out of the scripts themselves
  selfboot fetch --only paper-pairs            the three files of pairs that the paper's authors released
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add ``fetch`` to the command line."""
    parser = subparsers.add_parser(
        "fetch", help="get public data, models and the paper's texts onto this machine", description=__doc__,
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("-m", dest="marks", metavar="EXPR", help="markers, as for pytest: all that these claims need")
    parser.add_argument("-k", dest="claim", default="", metavar="TEXT", help="with -m: claims whose id contains this")
    parser.add_argument("--scale", choices=["mini", "paper"], default="paper", help="with -m; mini needs no fetching")
    parser.add_argument("--list", action="store_true", help="show what is needed and whether it is here; fetch nothing")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these data sets, again even if they are here")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="these models of data/models.toml instead of data")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: all that was asked for is here and right; 1: something is not (each is named)."""
    if args.marks is not None:
        return _for_claims(args)
    if args.models:
        for name in args.models:
            model_entry(name)  # a name that there is not is said before anything is fetched
        return 1 if sum(not _get_model(name, args.list) for name in args.models) else 0
    names = args.only or [*sources(), texts.NAME]
    wanted = [one for name in names for one in _sources(name)]
    if args.list:
        print("\n".join(f"{one.name:<22} {state(one):<9} {one.rows:>5} rows  {one.origin}" for one in wanted))
        if texts.NAME in names:
            print(f"{texts.NAME:<22} {texts.state():<9} {len(texts.places()):>5} texts {texts.REPOSITORY}")
        return 0
    bad = sum(not _get(one, again=bool(args.only)) for one in wanted)
    if texts.NAME in names:
        bad += not _get_texts(again=bool(args.only))
    if bad:
        print(f"selfboot: {bad} of {len(wanted) + (texts.NAME in names)} data sets could not be had", file=sys.stderr)
    return 1 if bad else 0


def _for_claims(args: argparse.Namespace) -> int:
    """All that the chosen claims need. What is missing, and what stands in the way, is said before the first byte."""
    from selfboot.planning import inventory

    if args.scale == "mini":
        print("the mini scale needs nothing that the checkout does not have")
        return 0
    things = inventory.wanted(args.marks, args.claim)
    if not things:
        chosen = f"-m {args.marks!r} -k {args.claim!r}"
        raise DataError(f"{chosen}: no claim at paper scale is selected; `selfboot claims` lists them")
    print("\n".join(map(str, things)) + f"\n{inventory.summary(things)}", flush=True)
    if args.list:
        return 0
    gb, folder = inventory.to_fetch_gb(things), inventory.hub_folder()
    if gb > (free := inventory.free_gb(folder)):
        raise DataError(f"{folder}: {free:.0f} GB are free, {gb:.0f} are needed; make room, or set HF_HUB_CACHE")
    got = [_get_wanted(one) for one in things if one.fetched]
    print(f"for a runner without a network:\n{inventory.offline()}")
    return 0 if all(got) and not any(one.how for one in things if one.state != "here") else 1


def _get_wanted(one: Wanted) -> bool:
    if one.kind == "weights":
        return _get_model(one.name, only_look=False)
    return _get_texts(again=True) if one.kind == "texts" else _get(source(one.name), again=True)


def _sources(name: str) -> list[Source]:
    """The sources that a name stands for: itself, the released pairs, or none (the texts have a file of their own)."""
    if name == PAIRS:
        return [one for one in sources().values() if one.group == "released"]
    return [] if name == texts.NAME else [source(name)]


def _get_texts(again: bool) -> bool:
    try:
        if not again and texts.state() == "here":
            print(f"{texts.NAME}: here, {texts.texts_path()}")
            return True
        path = texts.fetch_texts()
    except SelfbootError as error:
        print(f"selfboot: {error}", file=sys.stderr)
        return False
    print(f"{texts.NAME}: {len(texts.places())} texts -> {path} (each as pinned)")
    return True


def _get_model(name: str, only_look: bool) -> bool:
    from selfboot.models.spec import locate
    from selfboot.planning.inventory import spec

    try:
        found = locate(spec(model_entry(name)), download=not only_look)
    except SelfbootError as error:
        print(f"selfboot: {error}", file=sys.stderr)
        return False
    print(f"{name}: here, {found.model}")
    return True


def _get(one: Source, again: bool) -> bool:
    from selfboot.datasets.fetch import fetch

    try:
        if not again and state(one) == "here":
            print(f"{one.name}: here, {one.path}")
            return True
        value = fetch(one)
    except SelfbootError as error:
        print(f"selfboot: {error}", file=sys.stderr)
        return False
    known = "as pinned" if one.sha256 else "not pinned yet: compare it with another machine's"
    print(f"{one.name}: {one.rows} rows -> {one.path} (sha256 of the rows {value}, {known})")
    return True
