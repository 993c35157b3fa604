# ruff: noqa: E501 (tables of texts)
"""The vocabulary of compositional tasks: sources, filters, maps and reductions, each with its code and its wordings.

Texts hold placeholders (``$X`` element, ``$K`` parameter …); ``{…}`` marks the slot of a wording. The last wording of a
reduction is reserved for the benchmarks (``held``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

WORD_LIST = [
    "apple",
    "banana",
    "cherry",
    "date",
    "fig",
    "grape",
    "kiwi",
    "lemon",
    "mango",
    "orange",
    "pear",
    "plum",
    "red",
    "blue",
    "green",
    "cat",
    "dog",
    "bird",
    "fish",
    "horse",
    "cow",
    "sheep",
    "owl",
    "ant",
    "bee",
    "sun",
    "moon",
    "star",
    "sky",
    "rain",
    "snow",
    "wind",
    "tree",
    "leaf",
    "root",
    "seed",
    "rock",
    "sand",
    "wave",
    "lake",
    "river",
    "hill",
    "road",
    "house",
    "door",
    "wall",
    "roof",
    "lamp",
    "desk",
    "book",
    "page",
    "pen",
    "ink",
    "map",
    "key",
    "box",
    "cup",
    "bowl",
    "fork",
    "knife",
    "spoon",
    "salt",
    "sugar",
    "bread",
    "milk",
    "tea",
    "egg",
    "rice",
    "corn",
    "soup",
    "level",
    "noon",
    "radar",
    "civic",
    "eye",
    "pop",
    "dad",
    "mom",
    "kayak",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "Alice",
    "Bob",
    "Carol",
    "Dan",
    "Eve",
    "Ada",
    "abc",
    "xyz",
    "aa",
    "bb",
    "aba",
    "at",
    "it",
    "go",
    "up",
    "we",
    "he",
    "so",
    "on",
    "is",
    "ox",
]
SENTENCES = ("the cat sat on the mat", "a big red dog ran home", "we go to the lake at noon", "Bob and Eve read a book")


def small_int(rng: Random) -> int:
    """Mostly digits, sometimes negative or with two digits."""
    roll = rng.random()
    if roll < 0.72:
        return rng.randint(0, 9)
    return rng.randint(10, 30) if roll < 0.86 else rng.randint(-9, -1)


def int_list(rng: Random) -> list[int]:
    return [small_int(rng) for _ in range(rng.choice((0, 1, 2, 2, 3, 3, 3, 4, 4, 5)))]


def word(rng: Random) -> str:
    return rng.choice(WORD_LIST)


def word_list(rng: Random) -> list[str]:
    return [word(rng) for _ in range(rng.choice((0, 1, 2, 2, 3, 3, 4)))]


def text(rng: Random) -> str:
    roll = rng.random()
    if roll < 0.5:
        return word(rng)
    if roll < 0.65:
        return "".join(rng.choice("abcxyzAEo135 ") for _ in range(rng.randint(2, 8)))
    if roll < 0.72:
        return ""
    return " ".join(word(rng) for _ in range(2)) if roll < 0.86 else word(rng).upper() + str(rng.randint(0, 99))


def sentence(rng: Random) -> str:
    if rng.random() < 0.1:
        return rng.choice(SENTENCES)
    return " ".join(word(rng) for _ in range(rng.choice((1, 2, 3, 3, 4, 5))))


def table(rng: Random) -> dict[str, int]:
    return {word(rng): small_int(rng) for _ in range(rng.choice((0, 1, 2, 3, 3, 4)))}


def matrix(rng: Random) -> list[list[int]]:
    width = rng.randint(1, 3)
    return [[small_int(rng) for _ in range(width)] for _ in range(rng.randint(1, 3))]


def letter(rng: Random) -> str:
    return rng.choice("aeiourstlnbcdg")


@dataclass(frozen=True)
class Source:
    """Where elements come from. ``var`` is the element's placeholder; ``noun`` its plural; ``place`` "in a list"."""

    key: str
    elem: str  # int | char | word
    var: str
    param: str
    hint: str
    over: str  # the expression iterated over
    noun: str
    places: tuple[str, ...]
    draw: Callable[[Random], Any]
    weight: int = 4
    outer: str = ""  # an outer loop for nested sources


SOURCES = (
    Source(
        "list",
        "int",
        "$X",
        "$NUMS",
        "list[int]",
        "$NUMS",
        "numbers",
        ("in $NUMS", "in a list of integers", "in the list $NUMS", "of a list"),
        int_list,
        10,
    ),
    Source(
        "range",
        "int",
        "$X",
        "$N",
        "int",
        "range(1, $N + 1)",
        "integers",
        ("from 1 to $N", "from 1 up to and including $N"),
        lambda r: r.randint(1, 12),
    ),
    Source(
        "digits",
        "int",
        "$X",
        "$N",
        "int",
        "map(int, str($N))",
        "digits",
        ("of $N", "of a non-negative integer $N"),
        lambda r: r.randint(0, 9999) if r.random() < 0.6 else r.randint(0, 99),
    ),
    Source(
        "matrix",
        "int",
        "$X",
        "$MAT",
        "list[list[int]]",
        "$ROW",
        "numbers",
        ("in $MAT", "in a list of lists", "in all rows of $MAT"),
        matrix,
        outer="for $ROW in $MAT",
    ),
    Source(
        "values",
        "int",
        "$X",
        "$TABLE",
        "dict[str, int]",
        "$TABLE.values()",
        "values",
        ("of the dictionary $TABLE", "in $TABLE", "of a dictionary"),
        table,
    ),
    Source(
        "chars",
        "char",
        "$CH",
        "$TEXT",
        "str",
        "$TEXT",
        "characters",
        ("in $TEXT", "of a string", "in the string $TEXT", "of $TEXT"),
        text,
        8,
    ),
    Source(
        "words",
        "word",
        "$W",
        "$WORDS",
        "list[str]",
        "$WORDS",
        "words",
        ("in $WORDS", "in a list of strings", "of the list $WORDS"),
        word_list,
        9,
    ),
    Source(
        "sentence",
        "word",
        "$W",
        "$TEXT",
        "str",
        "$TEXT.split()",
        "words",
        ("of the sentence $TEXT", "in a sentence", "of $TEXT, split at spaces"),
        sentence,
        5,
    ),
    Source(
        "keys",
        "word",
        "$W",
        "$TABLE",
        "dict[str, int]",
        "$TABLE",
        "keys",
        ("of $TABLE", "of the dictionary $TABLE"),
        table,
    ),
    Source(
        "fields",
        "word",
        "$W",
        "$TEXT",
        "str",
        '$TEXT.split(",")',
        "fields",
        ("of the comma separated string $TEXT", "of $TEXT, split at commas"),
        lambda r: ",".join(word(r) for _ in range(r.randint(1, 4))),
        3,
    ),
)


@dataclass(frozen=True)
class Filter:
    """A predicate. ``plural`` continues "numbers that …", ``single`` continues "it …", ``nouns`` are whole noun phrases."""

    key: str
    cond: str
    nouns: tuple[str, ...]
    plural: str
    single: str
    name: str
    param: str = ""
    hint: str = ""
    draw: Callable[[Random], Any] | None = None


def _adjective(key: str, cond: str, adjective: str) -> Filter:
    nouns = (f"{adjective} {{n}}", f"{{n}} that are {adjective}")
    return Filter(key, cond, nouns, f"are {adjective}", f"is {adjective}", adjective.replace("-", "_"))


def _number(key: str, cond: str, phrase: str, name: str, draw: Callable[[Random], Any] | None = None) -> Filter:
    nouns = (f"{{n}} {phrase}", f"{{n}} that are {phrase}")
    param = "$K" if "$K" in cond else ""
    return Filter(key, cond, nouns, f"are {phrase}", f"is {phrase}", name, param, "int" if param else "", draw)


_bound: Callable[[Random], Any] = lambda r: r.randint(0, 12)  # noqa: E731
_divisor: Callable[[Random], Any] = lambda r: r.randint(2, 6)  # noqa: E731

INT_FILTERS = (
    _adjective("even", "$X % 2 == 0", "even"),
    _adjective("odd", "$X % 2 != 0", "odd"),
    _adjective("positive", "$X > 0", "positive"),
    _adjective("negative", "$X < 0", "negative"),
    _adjective("nonzero", "$X != 0", "non-zero"),
    _number("gt", "$X > $K", "greater than $K", "above", _bound),
    _number("lt", "$X < $K", "less than $K", "below", _bound),
    _number("ge", "$X >= $K", "at least $K", "at_least", _bound),
    _number("le", "$X <= $K", "at most $K", "at_most", _bound),
    _number("div", "$X % $K == 0", "divisible by $K", "divisible", _divisor),
    _number("notdiv", "$X % $K != 0", "not divisible by $K", "not_divisible", _divisor),
    _number("ne", "$X != $K", "different from $K", "without", _bound),
    _number("div3", "$X % 3 == 0", "divisible by 3", "multiples_of_three"),
    _number("div5", "$X % 5 == 0", "divisible by 5", "multiples_of_five"),
    _number("small", "$X < 10", "less than 10", "small"),
    _number("big", "$X > 5", "greater than 5", "big"),
    Filter(
        "between",
        "$LO <= $X <= $HI",
        ("{n} between $LO and $HI", "{n} that lie between $LO and $HI"),
        "lie between $LO and $HI",
        "lies between $LO and $HI",
        "between",
        "$LO, $HI",
        "int, int",
        lambda r: (r.randint(0, 5), r.randint(6, 14)),
    ),
)


def _char(
    key: str, cond: str, noun: str, name: str, param: str = "", draw: Callable[[Random], Any] | None = None
) -> Filter:
    nouns = (noun, f"{{n}} that are {noun}")
    single = f"is one of the {noun}"
    return Filter(key, cond, nouns, f"are {noun}", single, name, param, "str" if param else "", draw)


CHAR_FILTERS = (
    _char("vowel", '$CH in "aeiou"', "vowels", "vowels"),
    _char("notvowel", '$CH not in "aeiou"', "characters other than vowels", "not_vowels"),
    _char("digit", "$CH.isdigit()", "digits", "digits"),
    _char("letter", "$CH.isalpha()", "letters", "letters"),
    _char("upper", "$CH.isupper()", "uppercase letters", "uppercase"),
    _char("lower", "$CH.islower()", "lowercase letters", "lowercase"),
    _char("nospace", '$CH != " "', "characters other than spaces", "non_space"),
    _char("eq", "$CH == $C", "characters equal to $C", "matching", "$C", letter),
    _char("ne", "$CH != $C", "characters different from $C", "without", "$C", letter),
    _char(
        "in",
        "$CH in $OTHER",
        "characters found in $OTHER",
        "allowed",
        "$OTHER",
        lambda r: "".join(letter(r) for _ in range(3)),
    ),
    _char(
        "notin",
        "$CH not in $OTHER",
        "characters not found in $OTHER",
        "forbidden",
        "$OTHER",
        lambda r: "".join(letter(r) for _ in range(3)),
    ),
    _char("after", "$CH > $C", "characters that come after $C in the alphabet", "after", "$C", letter),
)


def _word(
    key: str,
    cond: str,
    plural: str,
    single: str,
    name: str,
    param: str = "",
    hint: str = "",
    draw: Callable[[Random], Any] | None = None,
) -> Filter:
    return Filter(key, cond, (f"{{n}} that {plural}", f"{{n}} which {plural}"), plural, single, name, param, hint, draw)


_length: Callable[[Random], Any] = lambda r: r.randint(2, 5)  # noqa: E731
WORD_FILTERS = (
    _word(
        "longer",
        "len($W) > $K",
        "are longer than $K characters",
        "is longer than $K characters",
        "long",
        "$K",
        "int",
        _length,
    ),
    _word(
        "shorter",
        "len($W) < $K",
        "are shorter than $K characters",
        "is shorter than $K characters",
        "short",
        "$K",
        "int",
        _length,
    ),
    _word(
        "length",
        "len($W) == $K",
        "have exactly $K characters",
        "has exactly $K characters",
        "exact",
        "$K",
        "int",
        _length,
    ),
    _word("starts", "$W.startswith($S)", "start with $S", "starts with $S", "starting", "$S", "str", letter),
    _word("ends", "$W.endswith($S)", "end with $S", "ends with $S", "ending", "$S", "str", letter),
    _word("has", "$S in $W", "contain $S", "contains $S", "containing", "$S", "str", letter),
    _word("hasnot", "$S not in $W", "do not contain $S", "does not contain $S", "lacking", "$S", "str", letter),
    _word("vowel", '$W[0] in "aeiou"', "start with a vowel", "starts with a vowel", "vowel_words"),
    _word("capital", "$W[0].isupper()", "start with a capital letter", "starts with a capital letter", "capitalized"),
    _word("pal", "$W == $W[::-1]", "are palindromes", "is a palindrome", "palindromes"),
    _word("evenlen", "len($W) % 2 == 0", "have an even length", "has an even length", "even_length"),
    _word("oddlen", "len($W) % 2 != 0", "have an odd length", "has an odd length", "odd_length"),
    _word("four", "len($W) > 3", "are longer than 3 characters", "is longer than 3 characters", "longer"),
    _word("lower", "$W.islower()", "are in lowercase", "is in lowercase", "lowercase"),
)


@dataclass(frozen=True)
class Map:
    """A function of one element. ``out`` is the value's type; ``plural`` has the slot {e}; ``its`` follows a pronoun."""

    key: str
    out: str
    expr: str
    plural: str
    verb: str
    its: str
    name: str
    param: str = ""
    hint: str = ""
    draw: Callable[[Random], Any] | None = None


_step: Callable[[Random], Any] = lambda r: r.randint(1, 6)  # noqa: E731
INT_MAPS = (
    Map("square", "int", "$X * $X", "the squares of {e}", "square it", "its square", "squares"),
    Map("double", "int", "$X * 2", "the doubles of {e}", "double it", "its double", "doubles"),
    Map("triple", "int", "$X * 3", "three times {e}", "multiply it by 3", "three times its value", "triples"),
    Map("cube", "int", "$X ** 3", "the cubes of {e}", "cube it", "its cube", "cubes"),
    Map("neg", "int", "-$X", "the negatives of {e}", "negate it", "its negative", "negated"),
    Map("abs", "int", "abs($X)", "the absolute values of {e}", "take its absolute value", "its absolute value", "abs"),
    Map("inc", "int", "$X + 1", "the successors of {e}", "add 1 to it", "its successor", "incremented"),
    Map("dec", "int", "$X - 1", "the predecessors of {e}", "subtract 1 from it", "its predecessor", "decremented"),
    Map(
        "half",
        "int",
        "$X // 2",
        "the halves (rounded down) of {e}",
        "halve it, rounding down",
        "its half, rounded down",
        "halves",
    ),
    Map(
        "last",
        "int",
        "$X % 10",
        "the remainders modulo 10 of {e}",
        "take it modulo 10",
        "its remainder modulo 10",
        "last_digits",
    ),
    Map(
        "add",
        "int",
        "$X + $M",
        "{e}, each increased by $M",
        "add $M to it",
        "its sum with $M",
        "shifted",
        "$M",
        "int",
        _step,
    ),
    Map(
        "sub",
        "int",
        "$X - $M",
        "{e}, each decreased by $M",
        "subtract $M from it",
        "its difference to $M",
        "reduced",
        "$M",
        "int",
        _step,
    ),
    Map(
        "mul",
        "int",
        "$X * $M",
        "{e}, each multiplied by $M",
        "multiply it by $M",
        "its product with $M",
        "scaled",
        "$M",
        "int",
        _step,
    ),
    Map(
        "mod",
        "int",
        "$X % $M",
        "the remainders modulo $M of {e}",
        "take it modulo $M",
        "its remainder modulo $M",
        "remainders",
        "$M",
        "int",
        _divisor,
    ),
    Map("str", "str", "str($X)", "the string forms of {e}", "turn it into a string", "its string form", "as_strings"),
)
CHAR_MAPS = (
    Map(
        "upper", "str", "$CH.upper()", "the uppercase forms of {e}", "make it uppercase", "its uppercase form", "upper"
    ),
    Map(
        "lower", "str", "$CH.lower()", "the lowercase forms of {e}", "make it lowercase", "its lowercase form", "lower"
    ),
    Map(
        "swap",
        "str",
        "$CH.swapcase()",
        "{e} with their case swapped",
        "swap its case",
        "itself with swapped case",
        "swapped",
    ),
    Map("twice", "str", "$CH * 2", "{e}, each written twice", "write it twice", "itself written twice", "doubled"),
    Map(
        "times",
        "str",
        "$CH * $M",
        "{e}, each repeated $M times",
        "repeat it $M times",
        "itself repeated $M times",
        "repeated",
        "$M",
        "int",
        lambda r: r.randint(1, 3),
    ),
    Map(
        "dash",
        "str",
        '$CH + "-"',
        "{e}, each followed by a dash",
        "append a dash to it",
        "itself followed by a dash",
        "dashed",
    ),
    Map(
        "ord", "int", "ord($CH)", "the character codes of {e}", "take its character code", "its character code", "codes"
    ),
)
WORD_MAPS = (
    Map("len", "int", "len($W)", "the lengths of {e}", "take its length", "its length", "lengths"),
    Map("upper", "str", "$W.upper()", "the uppercase forms of {e}", "make it uppercase", "its uppercase form", "upper"),
    Map("lower", "str", "$W.lower()", "the lowercase forms of {e}", "make it lowercase", "its lowercase form", "lower"),
    Map(
        "cap",
        "str",
        "$W.capitalize()",
        "the capitalized forms of {e}",
        "capitalize it",
        "its capitalized form",
        "capitalized",
    ),
    Map("rev", "str", "$W[::-1]", "the reversed forms of {e}", "reverse it", "its reverse", "reversed"),
    Map("first", "str", "$W[0]", "the first letters of {e}", "take its first letter", "its first letter", "initials"),
    Map("last", "str", "$W[-1]", "the last letters of {e}", "take its last letter", "its last letter", "last_letters"),
    Map(
        "two",
        "str",
        "$W[:2]",
        "the first two letters of {e}",
        "take its first two letters",
        "its first two letters",
        "prefixes",
    ),
    Map(
        "bang",
        "str",
        '$W + "!"',
        "{e}, each followed by an exclamation mark",
        "append an exclamation mark to it",
        "itself followed by an exclamation mark",
        "shouted",
    ),
    Map("twice", "str", "$W * 2", "{e}, each written twice", "write it twice", "itself written twice", "doubled"),
    Map(
        "suffix",
        "str",
        "$W + $M",
        "{e}, each followed by $M",
        "append $M to it",
        "itself followed by $M",
        "with_suffix",
        "$M",
        "str",
        lambda r: r.choice(("s", "-", "er", "x")),
    ),
    Map(
        "prefix",
        "str",
        "$M + $W",
        "{e}, each preceded by $M",
        "put $M before it",
        "itself preceded by $M",
        "with_prefix",
        "$M",
        "str",
        lambda r: r.choice(("a", "-", "un", "x")),
    ),
    Map(
        "count",
        "int",
        '$W.count("e")',
        "the numbers of e's in {e}",
        "count its e's",
        "the number of its e's",
        "e_counts",
    ),
)


@dataclass(frozen=True)
class Reduce:
    """From the values to the result. ``comp`` has {l} (list) or {g} (generator); the loop parts have {v}, the value."""

    key: str
    takes: tuple[str, ...]
    comp: str
    phrases: tuple[str, ...]  # slot {m}; the last one is held out
    name: str
    init: str = ""
    update: tuple[str, ...] = ()
    final: str = ""
    param: str = ""
    hint: str = ""
    draw: Callable[[Random], Any] | None = None
    bare: bool = False  # counts elements: takes no map
    weight: int = 3


_few: Callable[[Random], Any] = lambda r: r.randint(1, 3)  # noqa: E731
REDUCES = (
    Reduce(
        "sum",
        ("int",),
        "sum({g})",
        ("the sum of {m}", "the total of {m}", "what {m} add up to"),
        "sum",
        "$TOTAL = 0",
        ("$TOTAL += {v}",),
        "$TOTAL",
        weight=7,
    ),
    Reduce(
        "prod",
        ("int",),
        "",
        ("the product of {m}", "the product of all of {m}", "what {m} give when multiplied together"),
        "product",
        "$TOTAL = 1",
        ("$TOTAL *= {v}",),
        "$TOTAL",
    ),
    Reduce(
        "max",
        ("int",),
        "max({l}, default=0)",
        (
            "the largest of {m}, or 0 if there are none",
            "the maximum of {m} (0 when there are none)",
            "the biggest of {m}, 0 if nothing is left",
        ),
        "max",
        "$BEST = None",
        ("if $BEST is None or {v} > $BEST:", "    $BEST = {v}"),
        "0 if $BEST is None else $BEST",
        weight=4,
    ),
    Reduce(
        "min",
        ("int",),
        "min({l}, default=0)",
        (
            "the smallest of {m}, or 0 if there are none",
            "the minimum of {m} (0 when there are none)",
            "the least of {m}, 0 if nothing is left",
        ),
        "min",
        "$BEST = None",
        ("if $BEST is None or {v} < $BEST:", "    $BEST = {v}"),
        "0 if $BEST is None else $BEST",
    ),
    Reduce(
        "count",
        ("int", "str", "elem"),
        "len({l})",
        ("the number of {m}", "how many {m} there are", "the count of {m}"),
        "count",
        "$COUNT = 0",
        ("$COUNT += 1",),
        "$COUNT",
        bare=True,
        weight=5,
    ),
    Reduce(
        "list",
        ("int", "str"),
        "{l}",
        ("a list of {m}", "{m} as a list", "{m}, collected in a list"),
        "list",
        "$RESULT = []",
        ("$RESULT.append({v})",),
        "$RESULT",
        weight=7,
    ),
    Reduce(
        "tuple",
        ("int", "str"),
        "tuple({l})",
        ("a tuple of {m}", "{m} as a tuple", "{m}, packed in a tuple"),
        "tuple",
        "$RESULT = []",
        ("$RESULT.append({v})",),
        "tuple($RESULT)",
        weight=1,
    ),
    Reduce(
        "sorted",
        ("int", "str"),
        "sorted({g})",
        ("a sorted list of {m}", "{m} in ascending order", "{m}, arranged from low to high"),
        "sorted",
        "$RESULT = []",
        ("$RESULT.append({v})",),
        "sorted($RESULT)",
    ),
    Reduce(
        "desc",
        ("int", "str"),
        "sorted({l}, reverse=True)",
        ("{m} in descending order", "a list of {m}, sorted from largest to smallest", "{m}, arranged from high to low"),
        "descending",
        "$RESULT = []",
        ("$RESULT.append({v})",),
        "sorted($RESULT, reverse=True)",
    ),
    Reduce(
        "rev",
        ("int", "str"),
        "{l}[::-1]",
        ("a reversed list of {m}", "{m} in reverse order", "{m}, from the last to the first"),
        "reversed",
        "$RESULT = []",
        ("$RESULT.insert(0, {v})",),
        "$RESULT",
    ),
    Reduce(
        "uniq",
        ("int", "str"),
        "sorted(set({g}))",
        (
            "a sorted list of {m} without duplicates",
            "the distinct values among {m}, sorted",
            "{m}, each once and in order",
        ),
        "unique",
        "$RESULT = []",
        ("if {v} not in $RESULT:", "    $RESULT.append({v})"),
        "sorted($RESULT)",
    ),
    Reduce(
        "distinct",
        ("int", "str"),
        "len(set({g}))",
        (
            "the number of distinct values among {m}",
            "how many different values {m} have",
            "the count of unique values among {m}",
        ),
        "distinct",
        "$SEEN = set()",
        ("$SEEN.add({v})",),
        "len($SEEN)",
    ),
    Reduce(
        "first",
        ("int", "str"),
        "",
        (
            "the first of {m}, or None if there are none",
            "the first of {m} (None when there are none)",
            "whichever of {m} comes first, else None",
        ),
        "first",
        "",
        ("return {v}",),
        "None",
    ),
    Reduce(
        "lastone",
        ("int", "str"),
        "",
        (
            "the last of {m}, or None if there are none",
            "the last of {m} (None when there are none)",
            "whichever of {m} comes last, else None",
        ),
        "last",
        "$RESULT = None",
        ("$RESULT = {v}",),
        "$RESULT",
    ),
    Reduce(
        "firstk",
        ("int", "str"),
        "{l}[:$P]",
        ("the first $P of {m} as a list", "a list of the first $P of {m}", "{m}, but no more than $P of them"),
        "first_few",
        param="$P",
        hint="int",
        draw=_few,
        weight=2,
    ),
    Reduce(
        "topk",
        ("int",),
        "sorted({l})[-$P:]",
        (
            "the $P largest of {m} in ascending order",
            "a sorted list of the $P largest of {m}",
            "the top $P of {m}, ascending",
        ),
        "largest",
        param="$P",
        hint="int",
        draw=_few,
        weight=2,
    ),
    Reduce(
        "running",
        ("int",),
        "",
        (
            "the running totals of {m}",
            "a list of the cumulative sums of {m}",
            "the partial sums of {m}, one after the other",
        ),
        "running",
        "$TOTAL = 0\n$RESULT = []",
        ("$TOTAL += {v}", "$RESULT.append($TOTAL)"),
        "$RESULT",
        weight=2,
    ),
    Reduce(
        "alt",
        ("int",),
        "",
        (
            "the alternating sum of {m}, starting with a plus",
            "{m} with alternating signs, added up",
            "what {m} give when added and subtracted in turn",
        ),
        "alternating",
        "$TOTAL = 0\n$I = 1",
        ("$TOTAL += $I * {v}", "$I = -$I"),
        "$TOTAL",
        weight=1,
    ),
    Reduce(
        "join",
        ("str",),
        '"".join({g})',
        ("{m} joined into one string", "a string made of {m}", "{m}, glued together"),
        "join",
        '$RESULT = ""',
        ("$RESULT += {v}",),
        "$RESULT",
        weight=5,
    ),
    Reduce(
        "spaced",
        ("str",),
        '" ".join({g})',
        ("{m} joined with spaces", "a string of {m} separated by spaces", "{m}, with a blank between each"),
        "spaced",
        "$RESULT = []",
        ("$RESULT.append({v})",),
        '" ".join($RESULT)',
    ),
    Reduce(
        "comma",
        ("str",),
        '",".join({g})',
        ("{m} joined with commas", "a string of {m} separated by commas", "{m}, with a comma between each"),
        "comma",
        "$RESULT = []",
        ("$RESULT.append({v})",),
        '",".join($RESULT)',
        weight=2,
    ),
    Reduce(
        "sep",
        ("str",),
        "$SEP.join({g})",
        ("{m} joined with $SEP", "a string of {m} separated by $SEP", "{m}, with $SEP between each"),
        "joined",
        param="$SEP",
        hint="str",
        draw=lambda r: r.choice(("-", "+", "/", ", ")),
        weight=2,
    ),
    Reduce(
        "longest",
        ("str",),
        'max({l}, key=len, default="")',
        (
            "the longest of {m}, or an empty string",
            "the longest of {m} (empty when there are none)",
            "whichever of {m} is longest, else an empty string",
        ),
        "longest",
        '$BEST = ""',
        ("if len({v}) > len($BEST):", "    $BEST = {v}"),
        "$BEST",
    ),
    Reduce(
        "alpha",
        ("str",),
        'min({l}, default="")',
        (
            "the alphabetically first of {m}, or an empty string",
            "the alphabetically smallest of {m} (empty when there are none)",
            "whichever of {m} sorts first, else an empty string",
        ),
        "alphabetic",
        weight=2,
    ),
    Reduce(
        "totlen",
        ("str",),
        "sum(len({v}) {for})",
        ("the total length of {m}", "the sum of the lengths of {m}", "how many characters {m} have together"),
        "total_length",
        "$TOTAL = 0",
        ("$TOTAL += len({v})",),
        "$TOTAL",
        weight=2,
    ),
    Reduce(
        "counts",
        ("int", "str"),
        "",
        (
            "a dictionary with the counts of {m}",
            "how often each of {m} occurs, as a dictionary",
            "a tally of {m} as a dictionary",
        ),
        "tally",
        "$GROUPS = {{}}",
        ("$GROUPS[{v}] = $GROUPS.get({v}, 0) + 1",),
        "$GROUPS",
    ),
    Reduce(
        "any",
        ("elem",),
        "any({c} {each})",
        (
            "whether any of the {n} {p}",
            "True if at least one of the {n} {s}",
            "whether there is one among the {n} that {s}",
        ),
        "any",
        "",
        ("return True",),
        "False",
        bare=True,
    ),
    Reduce(
        "all",
        ("elem",),
        "all({c} {each})",
        (
            "whether all of the {n} {p}",
            "True if every one of the {n} {s}",
            "whether there is none among the {n} but {s}",
        ),
        "all",
        "",
        ("return False",),
        "True",
        bare=True,
    ),
)

FILTERS = {"int": INT_FILTERS, "char": CHAR_FILTERS, "word": WORD_FILTERS}
MAPS = {"int": INT_MAPS, "char": CHAR_MAPS, "word": WORD_MAPS}
ELEMENT_TYPE = {"int": "int", "char": "str", "word": "str"}
