# ruff: noqa: E501 (tables of texts)
"""Library-style tasks: standard-library calls combined, for the corpus (a few) and MiniLib (held-out combinations).

A task extracts values with one module, optionally filters them, and processes them with another.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from selfboot.organism.families import family
from selfboot.organism.ops import INT_FILTERS, WORD_FILTERS, Filter, int_list, matrix, sentence, small_int, table, word
from selfboot.organism.pipelines import NO_FILTER, fraction, frame, split
from selfboot.organism.program import Args, Spec

LIB_HELD_SHARE = 0.3


@dataclass(frozen=True)
class Extract:
    """Where a list comes from: ``expr`` over ``param``; ``elem`` int or word; ``phrase`` "numbers in …"."""

    key: str
    module: str
    elem: str
    param: str
    hint: str
    expr: str
    phrase: str
    draw: Callable[[Random], Any]


@dataclass(frozen=True)
class Process:
    """What is done with the list {l}. ``takes`` int, word or both; ``phrase`` has {m}."""

    key: str
    modules: tuple[str, ...]
    takes: str
    lines: tuple[str, ...]
    phrase: str
    name: str
    param: str = ""
    draw: Callable[[Random], Any] | None = None
    nonempty: bool = False


def mixed_text(rng: Random) -> str:
    """Words and small numbers, such as ``3 pears, 12 figs``."""
    return ", ".join(f"{rng.randint(0, 20)} {word(rng)}" for _ in range(rng.randint(1, 3)))


EXTRACTS = (
    Extract(
        "digits",
        "re",
        "int",
        "$TEXT",
        "str",
        '[int($PART) for $PART in re.findall(r"\\d+", $TEXT)]',
        "numbers written in $TEXT",
        mixed_text,
    ),
    Extract(
        "lower",
        "re",
        "word",
        "$TEXT",
        "str",
        're.findall(r"[a-z]+", $TEXT.lower())',
        "words in $TEXT, in lowercase",
        lambda r: sentence(r) + ".",
    ),
    Extract(
        "resplit",
        "re",
        "word",
        "$TEXT",
        "str",
        're.split(r"[,;] *", $TEXT)',
        "fields of $TEXT, separated by commas or semicolons",
        lambda r: r.choice((", ", ";", "; ")).join(word(r) for _ in range(r.randint(1, 4))),
    ),
    Extract(
        "caps",
        "re",
        "word",
        "$TEXT",
        "str",
        're.findall(r"[A-Z][a-z]*", $TEXT)',
        "capitalized words in $TEXT",
        lambda r: "".join(word(r).capitalize() for _ in range(r.randint(1, 4))),
    ),
    Extract(
        "json",
        "json",
        "int",
        "$TEXT",
        "str",
        "json.loads($TEXT)",
        "numbers in the JSON list $TEXT",
        lambda r: json.dumps(int_list(r)),
    ),
    Extract(
        "jsonvals",
        "json",
        "int",
        "$TEXT",
        "str",
        "list(json.loads($TEXT).values())",
        "values of the JSON object $TEXT",
        lambda r: json.dumps(table(r)),
    ),
    Extract(
        "jsonkeys",
        "json",
        "word",
        "$TEXT",
        "str",
        "list(json.loads($TEXT))",
        "keys of the JSON object $TEXT",
        lambda r: json.dumps(table(r)),
    ),
    Extract(
        "chain",
        "itertools",
        "int",
        "$MAT",
        "list[list[int]]",
        "list(itertools.chain.from_iterable($MAT))",
        "numbers in all rows of $MAT",
        matrix,
    ),
    Extract(
        "slice",
        "itertools",
        "int",
        "$NUMS",
        "list[int]",
        "list(itertools.islice($NUMS, 0, None, 2))",
        "numbers at even positions of $NUMS",
        int_list,
    ),
    Extract(
        "takewhile",
        "itertools",
        "int",
        "$NUMS",
        "list[int]",
        "list(itertools.takewhile(lambda $Y: $Y > 0, $NUMS))",
        "positive numbers at the start of $NUMS",
        int_list,
    ),
)
_k: Callable[[Random], int] = lambda r: r.randint(1, 3)  # noqa: E731
PROCESSES = (
    Process(
        "common",
        ("collections",),
        "both",
        ("return collections.Counter({l}).most_common($P)",),
        "the $P most common {m} with their counts",
        "most_common",
        "$P",
        _k,
    ),
    Process(
        "counter",
        ("collections",),
        "both",
        ("return dict(collections.Counter({l}))",),
        "a dictionary that counts the {m}",
        "counter",
    ),
    Process(
        "repeated",
        ("collections",),
        "both",
        ("$COUNT = collections.Counter({l})", "return sorted($X for $X in $COUNT if $COUNT[$X] > 1)"),
        "a sorted list of those {m} that occur more than once",
        "repeated",
    ),
    Process(
        "bylen",
        ("collections",),
        "word",
        (
            "$GROUPS = collections.defaultdict(list)",
            "for $W in {l}:",
            "    $GROUPS[len($W)].append($W)",
            "return dict($GROUPS)",
        ),
        "a dictionary of the {m}, grouped by their length",
        "by_length",
    ),
    Process(
        "byfirst",
        ("collections",),
        "word",
        ("$GROUPS = collections.defaultdict(int)", "for $W in {l}:", "    $GROUPS[$W[0]] += 1", "return dict($GROUPS)"),
        "a dictionary that counts the {m} by their first letter",
        "by_first_letter",
    ),
    Process(
        "last",
        ("collections",),
        "both",
        ("return list(collections.deque({l}, maxlen=$P))",),
        "the last $P of the {m} as a list",
        "last_few",
        "$P",
        _k,
    ),
    Process(
        "accumulate",
        ("itertools",),
        "int",
        ("return list(itertools.accumulate({l}))",),
        "the running totals of the {m}",
        "running_totals",
    ),
    Process(
        "runmax",
        ("itertools",),
        "int",
        ("return list(itertools.accumulate({l}, max))",),
        "the running maximum of the {m}",
        "running_max",
    ),
    Process(
        "runs",
        ("itertools",),
        "both",
        ("return [($KEY, len(list($VAL))) for $KEY, $VAL in itertools.groupby({l})]",),
        "the runs of equal {m} with their lengths",
        "runs",
    ),
    Process(
        "pairs",
        ("itertools",),
        "both",
        ("return list(itertools.combinations({l}, 2))",),
        "all pairs of the {m} as tuples",
        "all_pairs",
    ),
    Process(
        "pairsums",
        ("itertools",),
        "int",
        ("return sorted(sum($X) for $X in itertools.combinations({l}, 2))",),
        "the sorted sums of all pairs of the {m}",
        "pair_sums",
    ),
    Process(
        "nlargest",
        ("heapq",),
        "both",
        ("return heapq.nlargest($P, {l})",),
        "the $P largest {m}, largest first",
        "largest",
        "$P",
        _k,
    ),
    Process(
        "nsmallest",
        ("heapq",),
        "both",
        ("return heapq.nsmallest($P, {l})",),
        "the $P smallest {m}, smallest first",
        "smallest",
        "$P",
        _k,
    ),
    Process("prod", ("math",), "int", ("return math.prod({l})",), "the product of the {m}", "product"),
    Process("gcd", ("math",), "int", ("return math.gcd(*{l})",), "the greatest common divisor of the {m}", "gcd_of"),
    Process(
        "reduce",
        ("functools",),
        "int",
        ("return functools.reduce(lambda $A, $B: $A * 2 + $B, {l}, 0)",),
        "the {m} folded from the left by doubling and adding",
        "folded",
    ),
    Process(
        "dumps", ("json",), "both", ("return json.dumps(sorted({l}))",), "the sorted {m} as a JSON list", "as_json"
    ),
    Process(
        "dumplen",
        ("json",),
        "word",
        ("return json.dumps({{$W: len($W) for $W in {l}}}, sort_keys=True)",),
        "a JSON object from the {m} to their lengths, with sorted keys",
        "length_json",
    ),
    Process(
        "join",
        ("string",),
        "word",
        ('return string.capwords(" ".join({l}))',),
        "the {m}, capitalized and joined with spaces",
        "capwords",
    ),
    Process(
        "sub",
        ("re",),
        "word",
        ('return [re.sub(r"[aeiou]", "*", $W) for $W in {l}]',),
        "the {m} with every vowel replaced by a star",
        "masked",
    ),
    Process(
        "match",
        ("re",),
        "word",
        ('return [$W for $W in {l} if re.search(r"(.)\\1", $W)]',),
        "those {m} that have a doubled letter",
        "doubled_letter",
    ),
)
FILTER_CHOICES = {"int": INT_FILTERS, "word": WORD_FILTERS}


def lib_held_out(extract: str, where: str, process: str) -> bool:
    """Whether this combination belongs to MiniLib and stays out of the corpus."""
    return fraction(f"minilib-1|{extract}|{where}|{process}") < LIB_HELD_SHARE


def combine(extract: Extract, where: Filter, process: Process) -> Spec:
    """Extract, keep, process."""
    var = "$X" if extract.elem == "int" else "$W"
    params = (extract.param, *split(where.param), *split(process.param))
    hints = (extract.hint, *split(where.hint), *(("int",) if process.param else ()))
    modules = sorted({extract.module, *process.modules})

    def doc(rng: Random, held: bool) -> str:
        noun = extract.phrase if where.key == "all" else f"{extract.phrase} that {where.plural}"
        return frame(rng, process.phrase.format(m=noun), held)

    def body(rng: Random) -> list[str]:
        kept = f"[{var} for {var} in $RESULT if {where.cond}]"
        if where.key == "all" and len(process.lines) == 1 and rng.random() < 0.4:
            return [process.lines[0].format(l=extract.expr)]
        lines = [f"$RESULT = {extract.expr}"]
        if where.key != "all":
            lines.append(f"$RESULT = {kept}")
        return lines + [line.format(l="$RESULT") for line in process.lines]

    def draw(rng: Random) -> Args:
        args = [extract.draw(rng)]
        for part in (where, process):
            if part.param and part.draw is not None:
                value = part.draw(rng)
                args += list(value) if isinstance(value, tuple) else [value]
        return tuple(args)

    parts = [p for p in (process.name, where.name, extract.key) if p]
    names = ("_".join(parts), "_".join(parts[::-1]), "_".join([process.name, "of", extract.key]))
    key = f"lib|{extract.key}|{where.key}|{process.key}"
    return Spec(
        key,
        "lib",
        2 + (where.key != "all"),
        names,
        params,
        hints,
        doc,
        body,
        draw,
        tuple(f"import {m}" for m in modules),
    )


def draw_library(rng: Random, *, held: bool = False) -> Spec:
    """A random combination of the corpus, or of MiniLib."""
    while True:
        extract, process = rng.choice(EXTRACTS), rng.choice(PROCESSES)
        if process.takes not in ("both", extract.elem):
            continue
        where = NO_FILTER if rng.random() < 0.4 else rng.choice(FILTER_CHOICES[extract.elem])
        if where.key in ("vowel", "capital") and extract.key == "resplit":
            continue
        if lib_held_out(extract.key, where.key, process.key) == held:
            return combine(extract, where, process)


def some_date(rng: Random) -> date:
    return date(2024, 1, 1) + timedelta(days=rng.randint(0, 700))


DAY = "datetime.date.fromisoformat($TEXT)"
LIBRARY_FAMILIES: tuple[Spec, ...] = (
    family(
        "weekday",
        "$TEXT",
        "str",
        "weekday day_of_week",
        ("Return the weekday (Monday is 0) of the ISO date $TEXT.",),
        (f"return {DAY}.weekday()",),
        lambda r: (some_date(r).isoformat(),),
        ("import datetime",),
    ),
    family(
        "adddays",
        "$TEXT $K",
        "str; int",
        "add_days days_later",
        ("Return the ISO date $K days after $TEXT.",),
        (f"return ({DAY} + datetime.timedelta(days=$K)).isoformat()",),
        lambda r: (some_date(r).isoformat(), r.randint(1, 9)),
        ("import datetime",),
    ),
    family(
        "daysbetween",
        "$TEXT $TEXT2",
        "str; str",
        "days_between",
        ("Return the number of days from $TEXT to $TEXT2, both ISO dates.",),
        (
            "$A = datetime.date.fromisoformat($TEXT)\n        $B = datetime.date.fromisoformat($TEXT2)\n        return ($B - $A).days".replace(
                "        ", ""
            ),
        ),
        lambda r: (some_date(r).isoformat(), some_date(r).isoformat()),
        ("import datetime",),
    ),
    family(
        "monthof",
        "$TEXT",
        "str",
        "month_of get_month",
        ("Return the month of the ISO date $TEXT as a number.",),
        (f"return {DAY}.month",),
        lambda r: (some_date(r).isoformat(),),
        ("import datetime",),
    ),
    family(
        "hypot",
        "$A $B",
        "int; int",
        "hypotenuse",
        ("Return the length of the hypotenuse for legs $A and $B.",),
        ("return math.sqrt($A ** 2 + $B ** 2)", "return math.hypot($A, $B)"),
        lambda r: r.choice(((3, 4), (6, 8), (5, 12), (8, 15), (9, 12))),
        ("import math",),
    ),
    family(
        "comb",
        "$N $K",
        "int; int",
        "choose combinations_count",
        ("Return in how many ways $K of $N things can be chosen.",),
        ("return math.comb($N, $K)", "return math.factorial($N) // (math.factorial($K) * math.factorial($N - $K))"),
        lambda r: ((n := r.randint(1, 7)), r.randint(0, n)),
        ("import math",),
    ),
    family(
        "ceil",
        "$A $B",
        "int; int",
        "boxes_needed ceil_div",
        ("Return $A divided by $B, rounded up.",),
        ("return math.ceil($A / $B)",),
        lambda r: (r.randint(0, 40), r.randint(1, 9)),
        ("import math",),
    ),
    family(
        "circle",
        "$N",
        "int",
        "circle_area area_of_circle",
        ("Return the area of a circle with radius $N, rounded to 2 places.",),
        ("return round(math.pi * $N ** 2, 2)",),
        lambda r: (r.randint(0, 6),),
        ("import math",),
    ),
    family(
        "letterpos",
        "$C",
        "str",
        "letter_position alphabet_index",
        ("Return the position of the letter $C in the alphabet, counted from 1.",),
        ("return string.ascii_lowercase.index($C) + 1",),
        lambda r: (r.choice("abcdefghijklmnopqrstuvwxyz"),),
        ("import string",),
    ),
    family(
        "bisect",
        "$NUMS $N",
        "list[int]; int",
        "insert_position where_to_insert",
        ("Return where $N must be inserted into the sorted list $NUMS.",),
        ("return bisect.bisect_left($NUMS, $N)",),
        lambda r: (sorted(int_list(r)), small_int(r)),
        ("import bisect",),
    ),
    family(
        "medianlib",
        "$NUMS",
        "list[int]",
        "median_of",
        ("Return the median of $NUMS with the statistics module.",),
        ("return statistics.median($NUMS)",),
        lambda r: ([r.randint(0, 20) for _ in range(r.choice((1, 3, 5)))],),
        ("import statistics",),
    ),
    family(
        "stripdigits",
        "$TEXT",
        "str",
        "remove_digits strip_digits",
        ("Remove all digits from $TEXT with a regular expression.",),
        ('return re.sub(r"\\d", "", $TEXT)',),
        lambda r: (mixed_text(r),),
        ("import re",),
    ),
)
