# ruff: noqa: E501 (tables of texts)
"""Tasks of other structures than a single pipeline, and which of them the corpus never shows.

SHAPES maps a structure to the element types it has in the corpus and those reserved for the benchmarks. Level 4: a
structure that the corpus shows with other element types only. Level 5: a structure that it never shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from selfboot.organism.ops import (
    ELEMENT_TYPE,
    FILTERS,
    MAPS,
    REDUCES,
    SOURCES,
    Filter,
    Map,
    Reduce,
    Source,
    small_int,
    word,
)
from selfboot.organism.pipelines import (
    IDENTITY,
    NO_FILTER,
    arguments,
    clash,
    comprehension,
    draw_source,
    elements,
    fraction,
    frame,
    loop_lines,
    makes_sense,
    pick_reduce,
    pipeline,
    positions,
)
from selfboot.organism.program import Args, Spec

REDUCE = {r.key: r for r in REDUCES}
SOURCE = {s.key: s for s in SOURCES}
FLAT = {"int": SOURCE["list"], "char": SOURCE["chars"], "word": SOURCE["words"]}
Builder = Callable[[Random, str], Spec | None]


def both(first: Filter, second: Filter, joiner: str) -> Filter:
    """Two predicates joined by ``and`` or ``or``."""
    plural = f"{first.plural} {joiner} {second.plural}"
    return Filter(
        f"{first.key}-{joiner}-{second.key}",
        f"{first.cond} {joiner} {second.cond}",
        (f"{{n}} that {plural}",),
        plural,
        f"{first.single} {joiner} {second.single}",
        f"{first.name}_{joiner}_{second.name}",
        ", ".join(p for p in (first.param, second.param) if p),
        ", ".join(h for h in (first.hint, second.hint) if h),
        first.draw if first.param else second.draw,
    )


def two_different(rng: Random, elem: str) -> tuple[Filter, Filter]:
    """Two filters of which at most one has a parameter."""
    while True:
        first, second = rng.sample(FILTERS[elem], 2)
        if not (first.param and second.param):
            return first, second


def any_filter(rng: Random, elem: str) -> Filter:
    return rng.choice(FILTERS[elem])


def any_map(rng: Random, elem: str, out: str = "") -> Map:
    return rng.choice([m for m in MAPS[elem] if not out or m.out == out])


def checked(source: Source, where: Filter, to: Map, reduce: Reduce, shape: str, level: int) -> Spec | None:
    if not makes_sense(source, where, to, reduce):
        return None
    return pipeline(source, where, to, reduce, shape=shape, level=level)


def two_filters(rng: Random, elem: str) -> Spec | None:
    where = both(*two_different(rng, elem), "and")
    to = IDENTITY[elem] if rng.random() < 0.4 else any_map(rng, elem)
    reduce = pick_reduce(rng, elem, to.out)
    return checked(draw_source(rng, elem), where, IDENTITY[elem] if reduce.bare else to, reduce, "and", 4)


def either_filter(rng: Random, elem: str) -> Spec | None:
    where = both(*two_different(rng, elem), "or")
    to = IDENTITY[elem] if rng.random() < 0.6 else any_map(rng, elem)
    reduce = pick_reduce(rng, elem, to.out)
    return checked(draw_source(rng, elem), where, IDENTITY[elem] if reduce.bare else to, reduce, "or", 4)


def three_filters(rng: Random, elem: str) -> Spec | None:
    where = both(*two_different(rng, elem), "and")
    third = any_filter(rng, elem)
    if third.key in where.key or (third.param and where.param):
        return None
    to = IDENTITY[elem]
    return checked(draw_source(rng, elem), both(where, third, "and"), to, pick_reduce(rng, elem, to.out), "and3", 5)


def inside(outer: Map, inner: Map, var: str) -> str:
    """The code of ``outer`` applied to ``inner``."""
    simple = inner.expr.endswith((")", "]")) and " " not in inner.expr.split("(")[0]
    code = outer.expr.replace(f"({var})", f"({inner.expr})")
    return code.replace(var, inner.expr if simple else f"({inner.expr})") if code == outer.expr else code


def two_maps(rng: Random, elem: str) -> Spec | None:
    source = draw_source(rng, elem)
    first, second = any_map(rng, elem, ELEMENT_TYPE[elem]), any_map(rng, elem)
    if first.key == second.key or second.key == "ord" or clash((first, second), source):
        return None
    to = Map(
        f"{first.key}>{second.key}",
        second.out,
        inside(second, first, source.var),
        f"the results when, for each of {{e}}, you first {first.verb} and then {second.verb},",
        "",
        "",
        f"{first.name}_then_{second.name}",
        first.param or second.param,
        first.hint or second.hint,
        first.draw or second.draw,
    )
    where = NO_FILTER if rng.random() < 0.6 else any_filter(rng, elem)
    return checked(source, where, to, pick_reduce(rng, elem, to.out, bare=False), "twice", 4)


def conditional_map(rng: Random, elem: str) -> Spec | None:
    source, where = draw_source(rng, elem), any_filter(rng, elem)
    first = any_map(rng, elem, ELEMENT_TYPE[elem])
    second = IDENTITY[elem] if rng.random() < 0.4 else any_map(rng, elem, ELEMENT_TYPE[elem])
    if first.key == second.key or clash((where, first, second), source):
        return None
    otherwise = f" and every other one by {second.its}" if second.its else ""
    params = [p for p in (where, first, second) if p.param]
    if len(params) > 1:
        return None
    to = Map(
        f"{first.key}?{where.key}:{second.key}",
        ELEMENT_TYPE[elem],
        f"{first.expr} if {where.cond} else {second.expr or source.var}",
        f"{{e}}, replacing each one that {where.single} by {first.its}{otherwise},",
        "",
        "",
        f"{first.name}_if_{where.name}",
        params[0].param if params else "",
        params[0].hint if params else "",
        params[0].draw if params else None,
    )
    reduce = REDUCE[
        rng.choice(("sum", "list", "max", "sorted") if elem == "int" else ("list", "join", "spaced", "longest"))
    ]
    return checked(source, NO_FILTER, to, reduce, "ifelse", 4)


def difference(rng: Random, elem: str) -> Spec | None:
    """The sum (or number) of some elements minus that of others."""
    source, (plus, minus) = draw_source(rng, elem), two_different(rng, elem)
    summed = elem == "int" and rng.random() < 0.6
    expr = source.var if summed else "1"
    word_ = "the sum of the" if summed else "the number of"
    if clash((plus, minus), source):
        return None
    params, hints, draw = arguments(source, (plus, minus))

    def doc(rng: Random, held: bool) -> str:
        first, second = elements(source, plus, rng), minus.nouns[0].format(n=source.noun)
        return frame(rng, f"{word_} {first} minus {word_} {second}", held)

    def body(rng: Random) -> list[str]:
        parts = [comprehension(source, f.cond, expr, "sum({g})") for f in (plus, minus)]
        if rng.random() < 0.4:
            return [f"return {parts[0]} - {parts[1]}"]
        if rng.random() < 0.4:
            return [f"$TOTAL = {parts[0]}", f"$TOTAL2 = {parts[1]}", "return $TOTAL - $TOTAL2"]
        lines = [f"if {plus.cond}:", f"    $TOTAL += {expr}", f"if {minus.cond}:", f"    $TOTAL -= {expr}"]
        return ["$TOTAL = 0", *loop_lines(source, "", lines), "return $TOTAL"]

    name = f"{plus.name}_minus_{minus.name}"
    names = (name, f"{'sum' if summed else 'count'}_{name}", f"difference_{plus.name}_{minus.name}")
    key = f"minus|{source.key}|{plus.key}|{minus.key}|{summed}"
    return Spec(key, f"{elem}:minus", 4, names, params, hints, doc, body, draw)


def pair_of_results(rng: Random, elem: str) -> Spec | None:
    """A tuple of two reductions of the same values."""
    source, where = draw_source(rng, elem), any_filter(rng, elem)
    to = IDENTITY[elem] if rng.random() < 0.6 else any_map(rng, elem)
    usable = [r for r in REDUCES if to.out in r.takes and r.comp and not r.param and r.key not in ("any", "all")]
    one, two = rng.sample(usable, 2)
    if clash((where, to), source):
        return None
    params, hints, draw = arguments(source, (where, to))

    def doc(rng: Random, held: bool) -> str:
        found = to.plural.format(e=f"the {elements(source, where, rng)}")
        first, second = (rng.choice(r.phrases[:-1]) for r in (one, two))
        return frame(rng, f"a tuple of {first.format(m=found)}, and {second.format(m='the same values')}", held)

    def body(rng: Random) -> list[str]:
        expr = to.expr or source.var
        if rng.random() < 0.35:
            parts = [comprehension(source, where.cond, expr, r.comp) for r in (one, two)]
            return [f"return ({parts[0]}, {parts[1]})"]
        values = ["l", "g", "v"]
        fill = dict.fromkeys(values, "$RESULT") | {"for": "for $RESULT in $RESULT"}
        if "{for}" in one.comp + two.comp:
            parts = [comprehension(source, where.cond, expr, r.comp) for r in (one, two)]
            return [f"$TOTAL = {parts[0]}", f"$TOTAL2 = {parts[1]}", "return ($TOTAL, $TOTAL2)"]
        line = comprehension(source, where.cond, expr, "{l}")
        return [f"$RESULT = {line}", f"return ({one.comp.format(**fill)}, {two.comp.format(**fill)})"]

    name = "_".join(p for p in (one.name, "and", two.name, where.name) if p)
    key = f"pair|{source.key}|{where.key}|{to.key}|{one.key}|{two.key}"
    return Spec(key, f"{elem}:pair", 4, (name, f"{name}_{source.noun}"), params, hints, doc, body, draw)


@dataclass(frozen=True)
class GroupKey:
    key: str
    expr: str
    phrase: str
    name: str


GROUP_KEYS = {
    "int": (
        GroupKey("mod3", "$X % 3", "their remainder modulo 3", "remainder"),
        GroupKey("parity", "$X % 2", "their remainder modulo 2", "parity"),
        GroupKey("last", "$X % 10", "their remainder modulo 10", "last_digit"),
        GroupKey("tens", "$X // 10", "their number of whole tens", "tens"),
        GroupKey("sign", "$X > 0", "whether they are positive", "sign"),
    ),
    "char": (
        GroupKey("lower", "$CH.lower()", "their lowercase form", "lower"),
        GroupKey("alpha", "$CH.isalpha()", "whether they are letters", "alpha"),
        GroupKey("vowel", '$CH in "aeiou"', "whether they are vowels", "vowel"),
        GroupKey("digit", "$CH.isdigit()", "whether they are digits", "digit"),
    ),
    "word": (
        GroupKey("len", "len($W)", "their length", "length"),
        GroupKey("first", "$W[0]", "their first letter", "first_letter"),
        GroupKey("last", "$W[-1]", "their last letter", "last_letter"),
        GroupKey("upper", "$W[0].isupper()", "whether they start with a capital letter", "capital"),
    ),
}


def grouped(rng: Random, elem: str, *, parted: bool = False) -> Spec | None:
    """A dictionary from a key to the elements (or their number, or sum); ``parted``: with a filter and a map too."""
    source, by = draw_source(rng, elem), rng.choice(GROUP_KEYS[elem])
    where = any_filter(rng, elem) if parted else NO_FILTER
    to = any_map(rng, elem) if parted else IDENTITY[elem]
    what = rng.choice(("list", "count", "sum") if to.out == "int" else ("list", "count"))
    if clash((where, to), source) or (what == "count" and parted and to.key != "id"):
        return None
    params, hints, draw = arguments(source, (where, to))
    expr = to.expr or source.var
    shape = "groupmap" if parted else "group"

    def doc(rng: Random, held: bool) -> str:
        found = f"the {elements(source, where, rng)}"
        if what == "count":
            result = f"a dictionary that counts {found} by {by.phrase}"
        elif what == "sum":
            result = f"a dictionary with the sums of {to.plural.format(e=found)}, grouped by {by.phrase}"
        else:
            result = f"a dictionary of {to.plural.format(e=found)}, grouped by {by.phrase}"
        return frame(rng, result, held)

    def body(rng: Random) -> list[str]:
        key, lines = by.expr, []
        if rng.random() < 0.5:
            key, lines = "$KEY", [f"$KEY = {by.expr}"]
        if what == "list":
            lines += [f"$GROUPS.setdefault({key}, []).append({expr})"]
            if key == "$KEY" and rng.random() < 0.5:
                lines[-1:] = ["if $KEY not in $GROUPS:", "    $GROUPS[$KEY] = []", f"$GROUPS[$KEY].append({expr})"]
        else:
            gain = "1" if what == "count" else expr
            lines += [f"$GROUPS[{key}] = $GROUPS.get({key}, 0) + {gain}"]
        return ["$GROUPS = {}", *loop_lines(source, where.cond, lines), "return $GROUPS"]

    names = (f"group_by_{by.name}", f"{what}_by_{by.name}", f"{source.noun}_by_{by.name}")
    key = f"{shape}|{source.key}|{by.key}|{where.key}|{to.key}|{what}"
    return Spec(key, f"{elem}:{shape}", 5 if parted else 4, names, params, hints, doc, body, draw)


def grouped_parts(rng: Random, elem: str) -> Spec | None:
    return grouped(rng, elem, parted=True)


COMBINERS = {
    "int": (
        ("add", "$A + $B", "the sums of {pairs}", "sums"),
        ("mul", "$A * $B", "the products of {pairs}", "products"),
        ("sub", "$A - $B", "the differences (first minus second) of {pairs}", "differences"),
        ("max", "max($A, $B)", "the larger ones of {pairs}", "maxima"),
        ("absdiff", "abs($A - $B)", "the absolute differences of {pairs}", "distances"),
    ),
    "char": (
        ("cat", "$A + $B", "the joined {pairs}", "joined"),
        ("twist", "$B + $A", "the swapped and joined {pairs}", "swapped"),
        ("max", "max($A, $B)", "the alphabetically later ones of {pairs}", "later"),
    ),
    "word": (
        ("cat", "$A + $B", "the joined {pairs}", "joined"),
        ("dash", '$A + "-" + $B', "the {pairs} joined with a dash", "dashed"),
        ("lens", "len($A) + len($B)", "the sums of the lengths of {pairs}", "lengths"),
    ),
}
PAIR_FILTERS = (
    ("none", "", "", ""),
    ("lt", "$A < $B", " where the first is less than the second", "rising"),
    ("gt", "$A > $B", " where the first is greater than the second", "falling"),
    ("ne", "$A != $B", " that differ", "different"),
)


def pairwise(rng: Random, elem: str, *, adjacent: bool, filtered: bool) -> Spec | None:
    """Two sequences side by side, or neighbours in one: combine each pair and reduce."""
    source = FLAT[elem]
    comb = rng.choice(COMBINERS[elem])
    cond = rng.choice(PAIR_FILTERS[1:]) if filtered else PAIR_FILTERS[0]
    out = "int" if elem == "int" or comb[0] == "lens" else "str"
    reduce = pick_reduce(rng, elem, out, bare=False)
    if reduce.param or reduce.key in ("first", "lastone", "alt", "running") or not reduce.comp:
        return None
    other = source.param[:-1] + "2" if adjacent else {"int": "$OTHER", "char": "$TEXT2", "word": "$OTHER"}[elem]
    params = (source.param,) if adjacent else (source.param, other)
    over = f"zip({source.param}, {source.param}[1:])" if adjacent else f"zip({source.param}, {other})"
    pairs = "pairs of neighbours" if adjacent else "pairs of elements at the same position"
    where = f" in {source.param}" if adjacent else f" of {source.param} and {other}"
    both_source = replace(source, var="$A, $B", over=over)
    shape = ("adjacent" if adjacent else "zip") + ("if" if filtered else "")

    def doc(rng: Random, held: bool) -> str:
        values = comb[2].format(pairs=f"{pairs}{where}{cond[2]}")
        return frame(rng, rng.choice(reduce.phrases[:-1]).format(m=values), held)

    def body(rng: Random) -> list[str]:
        if rng.random() < 0.55 or not reduce.update or sum(u.count("{v}") for u in reduce.update) > 1:
            return [f"return {comprehension(both_source, cond[1], comb[1], reduce.comp)}"]
        update = [u.format(v=comb[1]) for u in reduce.update]
        return [*reduce.init.format().split("\n"), *loop_lines(both_source, cond[1], update), f"return {reduce.final}"]

    def draw(rng: Random) -> Args:
        return (source.draw(rng),) if adjacent else (source.draw(rng), source.draw(rng))

    parts = [p for p in (reduce.name, "neighbour" if adjacent else "pair", cond[3], comb[3]) if p]
    names = ("_".join(parts), "_".join(parts[1:]), "_".join([*parts[1:], reduce.name]))
    level = 5 if filtered else 4
    key = f"{shape}|{elem}|{comb[0]}|{cond[0]}|{reduce.key}"
    return Spec(key, f"{elem}:{shape}", level, names, params, (source.hint,) * len(params), doc, body, draw)


def zipped(rng: Random, elem: str) -> Spec | None:
    return pairwise(rng, elem, adjacent=False, filtered=False)


def zipped_where(rng: Random, elem: str) -> Spec | None:
    return pairwise(rng, elem, adjacent=False, filtered=True)


def neighbours(rng: Random, elem: str) -> Spec | None:
    return pairwise(rng, elem, adjacent=True, filtered=False)


def neighbours_where(rng: Random, elem: str) -> Spec | None:
    return pairwise(rng, elem, adjacent=True, filtered=True)


ROWS = Source(
    "rows", "int", "$X", "$MAT", "list[list[int]]", "$ROW", "numbers", ("in each row of $MAT",), SOURCE["matrix"].draw
)


def per_row(rng: Random, elem: str, *, outer: str = "") -> Spec | None:
    """One result a row, as a list; with ``outer`` the largest, smallest or sum of them."""
    # Variants in the place of element types: "int" whole rows, "char" rows with a filter, "word" with a filter and a map.
    where = NO_FILTER if elem == "int" and not outer else any_filter(rng, "int")
    to = any_map(rng, "int", "int") if elem == "word" or (outer and rng.random() < 0.5) else IDENTITY["int"]
    plain = ("sum", "max", "min", "sorted", "distinct")
    reduce = REDUCE[
        rng.choice(
            ("sum", "max", "min")
            if elem == "word"
            else plain
            if elem == "int" and not outer
            else ("sum", "max", "min", "count")
        )
    ]
    if reduce.bare:
        to = IDENTITY["int"]
    if clash((where, to), ROWS):
        return None
    params, hints, draw = arguments(ROWS, (where, to))
    inner = comprehension(ROWS, where.cond, to.expr or "$X", reduce.comp)

    def doc(rng: Random, held: bool) -> str:
        article = "" if reduce.bare else "the "
        each = rng.choice(reduce.phrases[:-1]).format(m=to.plural.format(e=f"{article}{elements(ROWS, where, rng)}"))
        if outer:
            return frame(
                rng,
                f"the {'largest' if outer == 'max' else 'smallest' if outer == 'min' else 'sum'} of these results over the rows: {each}",
                held,
            )
        return frame(rng, f"a list with one entry per row: {each}", held)

    def body(rng: Random) -> list[str]:
        if outer:
            if rng.random() < 0.5:
                return [f"return {outer}([{inner} for $ROW in $MAT])"]
            return ["$RESULT = []", "for $ROW in $MAT:", f"    $RESULT.append({inner})", f"return {outer}($RESULT)"]
        if rng.random() < 0.5:
            return [f"return [{inner} for $ROW in $MAT]"]
        return ["$RESULT = []", "for $ROW in $MAT:", f"    $RESULT.append({inner})", "return $RESULT"]

    parts = [p for p in (outer, "row", reduce.name, where.name, to.name) if p]
    names = (
        "_".join(parts),
        "_".join(parts) + "_rows",
        f"{reduce.name}_per_row" if not outer else f"{outer}_over_rows",
    )
    shape = "rowsof" if outer else "rows"
    key = f"{shape}|{outer}|{where.key}|{to.key}|{reduce.key}"
    return Spec(key, f"matrix:{shape}", 5 if outer else 4, names, params, hints, doc, body, draw)


def over_rows(rng: Random, elem: str) -> Spec | None:
    return per_row(rng, "int", outer=rng.choice(("max", "min", "sum")))


PLACES = (
    ("[::2]", "{n} at even positions"),
    ("[1::2]", "{n} at odd positions"),
    ("[1:]", "{n} after the first one"),
    ("[:-1]", "{n} before the last one"),
    ("[::-1]", "{n}, taken from the end,"),
    ("[1:-1]", "{n} between the first and the last one"),
)


def some_positions(rng: Random, elem: str) -> Spec | None:
    over, noun = rng.choice(PLACES)
    base = FLAT[elem]
    source = positions(base, over, noun.format(n=base.noun))
    where = NO_FILTER
    to = IDENTITY[elem] if rng.random() < 0.5 else any_map(rng, elem)
    reduce = pick_reduce(rng, elem, to.out, bare=False)
    return checked(source, where, to, reduce, "places", 4)


def afterwards(rng: Random, elem: str) -> Spec | None:
    """A comparison or a small calculation on top of a sum or a count."""
    source, where = draw_source(rng, elem), any_filter(rng, elem)
    to = any_map(rng, elem, "int") if elem == "int" and rng.random() < 0.5 else IDENTITY[elem]
    reduce = REDUCE["sum" if elem == "int" else "count"]
    ops = (
        ("gt", "{r} > $P", "whether {t} is greater than $P"),
        ("even", "{r} % 2 == 0", "whether {t} is even"),
        ("mod", "{r} % $P", "the remainder modulo $P of {t}"),
        ("twice", "{r} * 2", "twice {t}"),
        ("square", "{r} ** 2", "the square of {t}"),
    )
    op, code, phrase = rng.choice(ops)
    limit = (
        Reduce("", (), "", (), "", param="$P", hint="int", draw=lambda r: r.randint(2, 8))
        if "$P" in code
        else NO_FILTER
    )
    if clash((where, to, limit), source):
        return None
    params, hints, draw = arguments(source, (where, to, limit))
    value = comprehension(source, where.cond, to.expr or source.var, reduce.comp)

    def doc(rng: Random, held: bool) -> str:
        article = "" if reduce.bare else "the "
        inner = reduce.phrases[0].format(m=to.plural.format(e=f"{article}{elements(source, where, rng)}"))
        return frame(rng, phrase.format(t=inner), held)

    def body(rng: Random) -> list[str]:
        if rng.random() < 0.5:
            return [f"return {code.format(r=value)}"]
        return [f"$TOTAL = {value}", f"return {code.format(r='$TOTAL')}"]

    parts = [p for p in (reduce.name, where.name, to.name, op) if p]
    key = f"after|{source.key}|{where.key}|{to.key}|{op}"
    return Spec(key, f"{elem}:after", 4, ("_".join(parts), "_".join(parts[::-1])), params, hints, doc, body, draw)


SORT_KEYS = {
    "int": (
        ("abs", "abs", "their absolute value"),
        ("last", "lambda $X: $X % 10", "their remainder modulo 10"),
        ("neg", "lambda $X: -$X", "their negative"),
    ),
    "char": (("ord", "ord", "their character code"), ("low", "str.lower", "their lowercase form")),
    "word": (
        ("len", "len", "their length"),
        ("last", "lambda $W: $W[-1]", "their last letter"),
        ("low", "str.lower", "their lowercase form"),
        ("rev", "lambda $W: $W[::-1]", "their reversed form"),
    ),
}


def sort_by(rng: Random, elem: str, *, parted: bool = False) -> Spec | None:
    """Sort by a derived key, then all or the first few; ``parted``: filter before and map after."""
    source = FLAT[elem] if rng.random() < 0.6 else draw_source(rng, elem)
    key, code, phrase = rng.choice(SORT_KEYS[elem])
    where = any_filter(rng, elem) if parted else NO_FILTER
    to = any_map(rng, elem) if parted else IDENTITY[elem]
    few = parted or rng.random() < 0.5
    limit = REDUCE["firstk"] if few else NO_FILTER
    if clash((where, to, limit), source) or source.outer:
        return None
    params, hints, draw = arguments(source, (where, to, limit))
    cut = "[:$P]" if few else ""
    over = source.over if not where.cond else comprehension(source, where.cond, source.var, "{l}")

    def doc(rng: Random, held: bool) -> str:
        found = f"the {elements(source, where, rng)}"
        amount = "the first $P of " if few else ""
        if to.key == "id":
            return frame(rng, f"{amount}{found}, sorted by {phrase}", held)
        return frame(
            rng,
            f"a list: take {found}, sort them by {phrase}, keep the first $P, and list {to.plural.format(e='those')}",
            held,
        )

    def body(rng: Random) -> list[str]:
        if to.key == "id":
            if rng.random() < 0.6:
                return [f"return sorted({over}, key={code}){cut}"]
            return [f"$RESULT = sorted({over}, key={code})", f"return $RESULT{cut}"]
        return [f"$RESULT = sorted({over}, key={code}){cut}", f"return [{to.expr} for {source.var} in $RESULT]"]

    parts = [p for p in ("sort", where.name, to.name, "by", key) if p]
    shape = "sortmap" if parted else "sortby"
    full = f"{shape}|{source.key}|{key}|{where.key}|{to.key}|{few}"
    return Spec(
        full,
        f"{elem}:{shape}",
        5 if parted else 4,
        ("_".join(parts), "_".join([*parts, source.noun])),
        params,
        hints,
        doc,
        body,
        draw,
    )


def sort_parts(rng: Random, elem: str) -> Spec | None:
    return sort_by(rng, elem, parted=True)


def indices(rng: Random, elem: str) -> Spec | None:
    """The positions of the elements that satisfy a predicate, or their sum."""
    source, where = FLAT[elem], any_filter(rng, elem)
    summed = rng.random() < 0.4
    if clash((where,), source):
        return None
    params, hints, draw = arguments(source, (where,))
    listed = replace(source, var=f"$I, {source.var}", over=f"enumerate({source.param})")

    def doc(rng: Random, held: bool) -> str:
        noun = f"the positions (counted from 0) of the {elements(source, where, rng)}"
        return frame(rng, f"the sum of {noun}" if summed else f"a list of {noun}", held)

    def body(rng: Random) -> list[str]:
        return [f"return {comprehension(listed, where.cond, '$I', 'sum({g})' if summed else '{l}')}"]

    name = f"{'sum_of_' if summed else ''}positions_{where.name}"
    return Spec(
        f"index|{elem}|{where.key}|{summed}",
        f"{elem}:index",
        4,
        (name, f"index_{where.name}"),
        params,
        hints,
        doc,
        body,
        draw,
    )


def compare(rng: Random, elem: str) -> Spec | None:
    """Which of two groups is larger, as a string."""
    spec_source, (one, two) = draw_source(rng, elem), two_different(rng, elem)
    if clash((one, two), spec_source):
        return None
    params, hints, draw = arguments(spec_source, (one, two))
    counts = [comprehension(spec_source, f.cond, "1", "sum({g})") for f in (one, two)]
    names = (one.name, two.name)

    def doc(rng: Random, held: bool) -> str:
        first, second = elements(spec_source, one, rng), two.nouns[0].format(n=spec_source.noun)
        result = f'"{names[0]}" if there are more {first} than {second}, "{names[1]}" if there are fewer, and "tie" otherwise'
        return frame(rng, result, held)

    def body(rng: Random) -> list[str]:
        lines = [f"$TOTAL = {counts[0]}", f"$TOTAL2 = {counts[1]}", "if $TOTAL > $TOTAL2:", f'    return "{names[0]}"']
        return [*lines, "if $TOTAL < $TOTAL2:", f'    return "{names[1]}"', 'return "tie"']

    key = f"compare|{spec_source.key}|{one.key}|{two.key}"
    return Spec(
        key,
        f"{elem}:compare",
        4,
        (f"more_{names[0]}_or_{names[1]}", f"compare_{names[0]}_{names[1]}"),
        params,
        hints,
        doc,
        body,
        draw,
    )


def best_key(rng: Random, elem: str) -> Spec | None:
    """The key of the dictionary entry with the largest (smallest) value among those that satisfy a predicate."""
    on_value = elem == "int"
    where = any_filter(rng, "int" if on_value else "word")
    largest = rng.random() < 0.5
    source = Source(
        "items",
        "int",
        "$KEY, $VAL",
        "$TABLE",
        "dict[str, int]",
        "$TABLE.items()",
        "entries",
        ("of $TABLE",),
        SOURCE["values"].draw,
    )
    cond = where.cond.replace("$X", "$VAL").replace("$W", "$KEY")
    params, hints, draw = arguments(source, (where,))

    def doc(rng: Random, held: bool) -> str:
        which = "value" if on_value else "key"
        size = "largest" if largest else "smallest"
        return frame(
            rng,
            f"the key with the {size} value among the entries of $TABLE whose {which} {where.single}, or None if there are none",
            held,
        )

    def body(rng: Random) -> list[str]:
        sign = ">" if largest else "<"
        lines = [f"if $BEST is None or $VAL {sign} $TABLE[$BEST]:", "    $BEST = $KEY"]
        return ["$BEST = None", *loop_lines(source, cond, lines), "return $BEST"]

    name = f"{'top' if largest else 'lowest'}_key_{where.name}"
    return Spec(
        f"bestkey|{where.key}|{largest}", "dict:bestkey", 5, (name, f"{name}_entry"), params, hints, doc, body, draw
    )


def item_list(rng: Random, elem: str) -> Spec | None:
    """Keys or values of a dictionary, chosen by value or by key."""
    by_value = elem == "int"
    where = any_filter(rng, "int" if by_value else "word")
    source = Source(
        "items",
        "int",
        "$KEY, $VAL",
        "$TABLE",
        "dict[str, int]",
        "$TABLE.items()",
        "entries",
        ("of $TABLE",),
        SOURCE["values"].draw,
    )
    cond = where.cond.replace("$X", "$VAL").replace("$W", "$KEY")
    as_dict = rng.random() < 0.35
    params, hints, draw = arguments(source, (where,))
    gives = "$KEY" if by_value else "$VAL"
    which, other = ("value", "keys") if by_value else ("key", "values")

    def doc(rng: Random, held: bool) -> str:
        if as_dict:
            return frame(rng, f"a dictionary of the entries of $TABLE whose {which} {where.single}", held)
        return frame(rng, f"a list of the {other} of $TABLE whose {which} {where.single}", held)

    def body(rng: Random) -> list[str]:
        clauses = f"for $KEY, $VAL in $TABLE.items() if {cond}"
        if rng.random() < 0.5:
            return [f"return {{$KEY: $VAL {clauses}}}" if as_dict else f"return [{gives} {clauses}]"]
        update = "$RESULT[$KEY] = $VAL" if as_dict else f"$RESULT.append({gives})"
        return [f"$RESULT = {'{}' if as_dict else '[]'}", *loop_lines(source, cond, [update]), "return $RESULT"]

    name = f"{'entries' if as_dict else other}_{where.name}"
    return Spec(
        f"items|{by_value}|{where.key}|{as_dict}",
        "dict:items",
        4,
        (name, f"{name}_in_table"),
        params,
        hints,
        doc,
        body,
        draw,
    )


def powers(rng: Random, elem: str) -> Spec | None:
    """A sum of mapped elements minus a sum of otherwise mapped ones."""
    source, where = draw_source(rng, "int"), any_filter(rng, "int")
    one, two = any_map(rng, "int", "int"), any_map(rng, "int", "int")
    if one.key == two.key or clash((where, one, two), source):
        return None
    params, hints, draw = arguments(source, (where, one, two))

    def doc(rng: Random, held: bool) -> str:
        found = f"the {elements(source, where, rng)}"
        return frame(
            rng,
            f"the sum of {one.plural.format(e=found)} minus the sum of {two.plural.format(e='the same ' + source.noun)}",
            held,
        )

    def body(rng: Random) -> list[str]:
        first, second = (comprehension(source, where.cond, m.expr, "sum({g})") for m in (one, two))
        return [f"$TOTAL = {first}", f"$TOTAL2 = {second}", "return $TOTAL - $TOTAL2"]

    key = f"powers|{source.key}|{where.key}|{one.key}|{two.key}"
    return Spec(
        key,
        "int:powers",
        5,
        (f"{one.name}_minus_{two.name}", f"{where.name}_{one.name}_less_{two.name}"),
        params,
        hints,
        doc,
        body,
        draw,
    )


@dataclass(frozen=True)
class Shape:
    """A structure, the element types it has in the corpus, and those reserved for the benchmarks."""

    build: Builder
    corpus: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


SHAPES: dict[str, Shape] = {
    "and": Shape(two_filters, ("int", "word"), ("char",)),
    "twice": Shape(two_maps, ("word", "char"), ("int",)),
    "ifelse": Shape(conditional_map, ("int", "char"), ("word",)),
    "minus": Shape(difference, ("int", "char"), ("word",)),
    "pair": Shape(pair_of_results, ("int", "char"), ("word",)),
    "group": Shape(grouped, ("word", "char"), ("int",)),
    "zip": Shape(zipped, ("int", "word"), ("char",)),
    "adjacent": Shape(neighbours, ("int", "char"), ("word",)),
    "rows": Shape(per_row, ("int", "char"), ("word",)),
    "places": Shape(some_positions, ("int", "char"), ("word",)),
    "after": Shape(afterwards, ("int", "word"), ("char",)),
    "sortby": Shape(sort_by, ("word", "int"), ("char",)),
    "items": Shape(item_list, ("int",), ("word",)),
    "or": Shape(either_filter, ("int", "char"), ("word",)),
    "and3": Shape(three_filters, (), ("int", "word")),
    "zipif": Shape(zipped_where, (), ("int", "char")),
    "adjacentif": Shape(neighbours_where, (), ("int",)),
    "groupmap": Shape(grouped_parts, (), ("int", "word")),
    "rowsof": Shape(over_rows, (), ("int",)),
    "sortmap": Shape(sort_parts, (), ("int", "word")),
    "index": Shape(indices, ("int", "word"), ("char",)),
    "compare": Shape(compare, ("int", "word"), ("char",)),
    "bestkey": Shape(best_key, (), ("int", "word")),
    "powers": Shape(powers, (), ("int",)),
}
CORPUS_SHAPES = tuple((name, elem) for name, shape in SHAPES.items() for elem in shape.corpus)
LEVEL4 = tuple((name, elem) for name, shape in SHAPES.items() if shape.corpus for elem in shape.held)
LEVEL5 = tuple((name, elem) for name, shape in SHAPES.items() if not shape.corpus for elem in shape.held)


def draw_shape(rng: Random, choices: tuple[tuple[str, str], ...] = CORPUS_SHAPES) -> Spec:
    """A random task of one of these structures and element types."""
    while True:
        name, elem = rng.choice(choices)
        spec = SHAPES[name].build(rng, elem)
        if spec is not None:
            return spec


__all__ = ["CORPUS_SHAPES", "LEVEL4", "LEVEL5", "SHAPES", "draw_shape", "fraction", "small_int", "word"]
