"""Compositional tasks: source, filter, map, reduction. About an eighth of the combinations is held out, by hash.

A combination is held out by element type, filter, map and reduction, over all sources, so that a held-out task does not
occur in the corpus with another source either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from selfboot.organism.ops import ELEMENT_TYPE, FILTERS, MAPS, REDUCES, SOURCES, Filter, Map, Reduce, Source, letter
from selfboot.organism.program import Args, Spec

HELD_SHARE = 0.12
HELD_SALT = "minieval-1"
FRAMES = ("Return {r}.", "Compute {r}.", "Find {r}.", "Get {r}.", "Calculate {r}.", "Returns {r}.", "Give {r}.", "{R}.")
HELD_FRAMES = (
    "Work out {r} and hand it back.",
    "Your task is to produce {r}.",
    "The caller wants {r}.",
    "From the input, determine {r}.",
)
NO_FILTER = Filter("all", "", ("{n}", "all {n}"), "", "", "")
IDENTITY = {kind: Map("id", ELEMENT_TYPE[kind], "", "{e}", "", "", "") for kind in ELEMENT_TYPE}


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on ``text`` alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def held_out(elem: str, filter_key: str, map_key: str, reduce_key: str) -> bool:
    """Whether this combination is reserved for the benchmarks, with every source."""
    return fraction(f"{HELD_SALT}|{elem}|{filter_key}|{map_key}|{reduce_key}") < HELD_SHARE


def frame(rng: Random, result: str, held: bool) -> str:
    """A docstring sentence around "the sum of …"."""
    template = rng.choice(HELD_FRAMES if held else FRAMES)
    # Slots leave doubled punctuation and articles where a phrase ends in a comma or begins with "all".
    for wrong, right in ((",,", ","), (", (", " ("), (", in ", " in "), ("the all ", "all the ")):
        result = result.replace(wrong, right)
    result = result.rstrip(",")
    return template.format(r=result, R=result[:1].upper() + result[1:])


def split(names: str) -> tuple[str, ...]:
    return tuple(part for part in names.split(", ") if part)


Part = Filter | Map | Reduce


def arguments(
    source: Source, parts: Sequence[Part]
) -> tuple[tuple[str, ...], tuple[str, ...], Callable[[Random], Args]]:
    """Parameters, annotations and the sampler of a task: the source's own, then those of its parts."""
    params, hints = [source.param], [source.hint]
    draws: list[Callable[[Random], Any]] = []
    for part in parts:
        params += split(part.param)
        hints += split(part.hint)
        if part.param and part.draw is not None:
            draws.append(part.draw)

    def draw(rng: Random) -> Args:
        args = [source.draw(rng)]
        seen = "".join(args[0]) if source.elem != "int" else ""
        for one in draws:
            # A letter that occurs makes most examples say something.
            value = rng.choice(seen) if one is letter and seen and rng.random() < 0.6 else one(rng)
            args += list(value) if isinstance(value, tuple) else [value]
        return tuple(args)

    return tuple(params), tuple(hints), draw


def clash(parts: Sequence[Part], source: Source) -> bool:
    """Two parts (or the source) want the same parameter."""
    params = [source.param, *(p for part in parts for p in split(part.param))]
    return len(set(params)) < len(params)


def loops(source: Source) -> str:
    """The comprehension's ``for`` clauses."""
    inner = f"for {source.var} in {source.over}"
    return f"{source.outer} {inner}" if source.outer else inner


def comprehension(source: Source, cond: str, expr: str, template: str) -> str:
    """Fill a reduction's expression; {l} list, {g} generator, {v} value, {for} clauses, {c} condition, {each} bare
    clauses."""
    clauses = loops(source) + (f" if {cond}" if cond else "")
    generator = f"{expr} {clauses}"
    bare = source.over if expr == source.var and not cond and not source.outer else generator
    return template.format(g=bare, l=f"[{generator}]", v=expr, c=cond, each=loops(source), **{"for": clauses})


def loop_lines(source: Source, cond: str, body: Sequence[str], depth: int = 0) -> list[str]:
    """``for`` lines with an ``if`` and the body below them."""
    pad = "    " * depth
    lines = []
    if source.outer:
        lines.append(f"{pad}{source.outer}:")
        pad += "    "
    lines.append(f"{pad}for {source.var} in {source.over}:")
    if cond:
        lines.append(f"{pad}    if {cond}:")
        pad += "    "
    return lines + [f"{pad}    {line}" for line in body]


def reduce_loop(source: Source, cond: str, expr: str, reduce: Reduce, rng: Random) -> list[str]:
    """The accumulator style of a reduction."""
    uses = sum(line.count("{v}") for line in reduce.update)
    named = expr != source.var and (uses > 1 or any("* {v}" in line for line in reduce.update))
    if not named and expr != source.var and uses == 1 and rng.random() < 0.25:
        named = True
    update = [line.format(v="$VAL" if named else expr) for line in reduce.update]
    if named:
        update.insert(0, f"$VAL = {expr}")
    if reduce.key == "all":
        cond = f"not {cond}" if cond.replace(".", "").replace("$", "").isidentifier() else f"not ({cond})"
    init = reduce.init.format().split("\n") if reduce.init else []
    return [*init, *loop_lines(source, cond, update), f"return {reduce.final}"]


def bodies(source: Source, cond: str, expr: str, reduce: Reduce) -> Callable[[Random], list[str]]:
    """The body in one of its styles: one expression, a named list first, or an accumulator."""
    expr = expr or source.var

    def write(rng: Random) -> list[str]:
        roll = rng.random()
        if not reduce.update or (reduce.comp and roll < 0.45):
            return [f"return {comprehension(source, cond, expr, reduce.comp)}"]
        if roll < 0.6 and ("{l}" in reduce.comp or "{g}" in reduce.comp) and reduce.comp != "{l}":
            values = comprehension(source, cond, expr, "{l}")
            return [f"$RESULT = {values}", f"return {reduce.comp.format(g='$RESULT', l='$RESULT')}"]
        return reduce_loop(source, cond, expr, reduce, rng)

    return write


def elements(source: Source, where: Filter, rng: Random) -> str:
    """ "even numbers in $NUMS" with the filter's wording and the place."""
    noun = rng.choice(where.nouns).format(n=source.noun)
    place = rng.choice(source.places)
    head, that, tail = noun.partition(f"{source.noun} ")
    # "numbers that are even": the place goes right after the noun, else at the end.
    if that and tail and rng.random() < 0.5:
        return f"{head}{source.noun} {place} {tail}"
    return f"{noun} {place}"


def result_phrase(source: Source, where: Filter, to: Map, reduce: Reduce, rng: Random, held: bool) -> str:
    """The noun phrase of the whole task: "the sum of the squares of the even numbers in $NUMS"."""
    template = reduce.phrases[-1] if held else rng.choice(reduce.phrases[:-1])
    if reduce.key in ("any", "all"):
        noun = f"{source.noun} {rng.choice(source.places)}"
        return template.format(n=noun, p=where.plural, s=where.single)
    found = elements(source, where, rng)
    article = "" if reduce.key in ("count",) or found.startswith("all ") else "the "
    if reduce.key == "count" and not template.startswith("how"):
        article = ""
    return template.format(m=to.plural.format(e=f"{article}{found}"))


def task_names(source: Source, where: Filter, to: Map, reduce: Reduce) -> tuple[str, ...]:
    """Names a programmer would give, such as ``sum_even_squares``."""
    noun = source.noun.split()[0].rstrip(",")
    parts = [p for p in (where.name, to.name) if p] or [noun]
    swapped = parts[::-1]
    stem = reduce.name
    return (
        "_".join([stem, *parts]),
        "_".join([stem, "of", *parts]),
        "_".join([stem, *swapped]),
        "_".join([*parts, stem]),
        "_".join([stem, *parts, noun]) if noun not in parts else "_".join([stem, *parts]),
    )


def pipeline(source: Source, where: Filter, to: Map, reduce: Reduce, *, shape: str = "pipe", level: int = 0) -> Spec:
    """The Spec of one combination."""
    parts = (where, to, reduce)
    params, hints, draw = arguments(source, parts)
    level = level or 1 + (where.key != "all") * (to.key != "id") + (source.key not in ("list", "words", "chars"))

    def doc(rng: Random, held: bool) -> str:
        return frame(rng, result_phrase(source, where, to, reduce, rng, held), held)

    return Spec(
        key=f"{shape}|{source.key}|{where.key}|{to.key}|{reduce.key}",
        kind=f"{source.elem}:{shape}",
        level=level,
        names=task_names(source, where, to, reduce),
        params=params,
        hints=hints,
        docs=doc,
        bodies=bodies(source, where.cond, to.expr, reduce),
        args=draw,
    )


def makes_sense(source: Source, where: Filter, to: Map, reduce: Reduce) -> bool:
    """No identity tasks, no ambiguous ones, no two parts with the same parameter."""
    bare = where.key == "all" and to.key == "id"
    if source.key in ("range", "digits") and where.key in ("negative", "nonzero", "positive"):
        return False
    if reduce.key in ("any", "all", "count") and (where.key == "all" or to.key != "id"):
        return False
    if bare and reduce.key in ("list", "tuple", "join") and source.key in ("list", "words", "chars"):
        return False
    if source.elem == "char" and to.key == "id" and reduce.key in ("totlen", "longest", "alpha"):
        return False
    return not clash((where, to, reduce), source)


def pick_reduce(rng: Random, elem: str, value: str, *, bare: bool = True) -> Reduce:
    """A reduction that takes values of this type."""
    fitting = [r for r in REDUCES if value in r.takes or (bare and "elem" in r.takes and elem)]
    return rng.choices(fitting, weights=[r.weight for r in fitting])[0]


def draw_parts(rng: Random, elem: str, *, plain: float = 0.3) -> tuple[Filter, Map, Reduce]:
    """A random combination for an element type, not checked for sense or being held out."""
    where = NO_FILTER if rng.random() < plain else rng.choice(FILTERS[elem])
    to = IDENTITY[elem] if rng.random() < plain else rng.choice(MAPS[elem])
    reduce = pick_reduce(rng, elem, to.out)
    if reduce.bare:
        to = IDENTITY[elem]
        where = where if where.key != "all" else rng.choice(FILTERS[elem])
    return where, to, reduce


def draw_source(rng: Random, elem: str = "") -> Source:
    fitting = [s for s in SOURCES if not elem or s.elem == elem]
    return rng.choices(fitting, weights=[s.weight for s in fitting])[0]


def draw_pipeline(rng: Random, *, held: bool = False, source: Source | None = None, plain: float = 0.3) -> Spec:
    """A random combination: of the corpus, or with ``held=True`` one of those reserved for the benchmarks."""
    fixed = source
    while True:
        source = fixed or draw_source(rng)
        where, to, reduce = draw_parts(rng, source.elem, plain=plain)
        if not makes_sense(source, where, to, reduce):
            continue
        if held_out(source.elem, where.key, to.key, reduce.key) == held:
            return pipeline(source, where, to, reduce)


def positions(source: Source, over: str, noun: str) -> Source:
    """The same source, but only some of its positions."""
    return replace(source, key=f"{source.key}{over}", over=source.param + over, noun=noun)
