"""What a synthetic task is (Spec) and one way of writing it down (Program).

A Spec says what to compute; a Program fixes the names, the docstring's wording and the body's style.
Texts hold placeholders such as ``$NUMS`` or ``$K``; one mapping per Program replaces them everywhere.
Not covered: grading. ``Program.run`` executes our own generated code, never a model's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

POOLS: dict[str, tuple[str, ...]] = {
    "NUMS": ("numbers", "nums", "values", "xs", "arr", "data", "items", "lst"),
    "OTHER": ("other", "allowed", "second", "ys", "others"),
    "TEXT": ("text", "s", "string", "line", "phrase"),
    "TEXT2": ("other", "t", "second", "pattern"),
    "WORDS": ("words", "strings", "names", "tokens", "parts"),
    "TABLE": ("table", "scores", "prices", "mapping", "stock", "d"),
    "MAT": ("matrix", "grid", "rows", "board"),
    "N": ("n", "num", "number", "amount", "size"),
    "A": ("a", "x", "first", "left"),
    "B": ("b", "y", "second", "right"),
    "K": ("k", "limit", "threshold", "bound"),
    "M": ("m", "step", "factor", "offset"),
    "P": ("p", "count", "size", "width"),
    "LO": ("low", "lo", "start", "minimum"),
    "HI": ("high", "hi", "end", "maximum"),
    "C": ("c", "char", "letter", "ch"),
    "S": ("prefix", "part", "piece", "sub"),
    "SEP": ("sep", "separator", "delimiter"),
    "X": ("x", "n", "v", "value", "num", "item"),
    "Y": ("y", "w", "b", "other"),
    "CH": ("c", "ch", "char", "letter"),
    "W": ("w", "word", "item", "name"),
    "PART": ("part", "piece", "entry"),
    "TOTAL": ("total", "result", "acc"),
    "TOTAL2": ("total2", "second_total", "rest"),
    "COUNT": ("count", "cnt", "total"),
    "RESULT": ("result", "out", "res", "output"),
    "BEST": ("best", "result", "top"),
    "SEEN": ("seen", "found", "known"),
    "GROUPS": ("groups", "result", "out"),
    "KEY": ("key", "group", "label"),
    "VAL": ("val", "amount", "v"),
    "I": ("i", "idx", "index"),
    "J": ("j", "pos", "k"),
    "ROW": ("row", "r", "line"),
    "STACK": ("stack", "pending"),
    "LEFT": ("left", "lo"),
    "RIGHT": ("right", "hi"),
    "MID": ("mid", "middle"),
    "TMP": ("tmp", "rest", "current"),
}
PLACEHOLDER = re.compile(r"\$([A-Z]+\d?)")
INDENT = "    "

Args = tuple[Any, ...]


@dataclass(frozen=True)
class Spec:
    """One task. ``key`` names what is computed, without any surface form; ``args`` draws one argument tuple.

    ``docs(rng, held)`` gives a sentence (held: wordings reserved for the benchmarks); ``bodies(rng)`` the body's lines
    without the outer indentation. ``head`` are import lines. Higher ``level`` = more parts.
    """

    key: str
    kind: str
    level: int
    names: tuple[str, ...]
    params: tuple[str, ...]
    hints: tuple[str, ...]
    docs: Callable[[Random, bool], str]
    bodies: Callable[[Random], list[str]]
    args: Callable[[Random], Args]
    head: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """A Spec written down. ``body`` lines are indented, ``doc`` is one sentence."""

    spec: Spec
    name: str
    params: tuple[str, ...]
    doc: str
    body: tuple[str, ...]
    hints: tuple[str, ...] = ()
    returns: str = ""
    _space: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def signature(self) -> str:
        """``def name(a, b):``, with annotations where the program has them."""
        params = self.params
        if self.hints:
            params = tuple(f"{p}: {h}" for p, h in zip(params, self.hints, strict=True))
        arrow = f" -> {self.returns}" if self.returns else ""
        return f"def {self.name}({', '.join(params)}){arrow}:"

    @cached_property
    def head(self) -> str:
        return "".join(f"{line}\n" for line in self.spec.head) + ("\n\n" if self.spec.head else "")

    def docstring(self, examples: Sequence[tuple[Args, Any]] = ()) -> str:
        """The docstring's lines, with doctest examples when given."""
        if not examples:
            return f'{INDENT}"""{self.doc}"""\n'
        shown = "".join(f"{INDENT}>>> {self.call(a)}\n{INDENT}{v!r}\n" for a, v in examples)
        return f'{INDENT}"""{self.doc}\n\n{shown}{INDENT}"""\n'

    def prompt(self, examples: Sequence[tuple[Args, Any]] = ()) -> str:
        """Imports, header and docstring: what a model is asked to complete."""
        return f"{self.head}{self.signature}\n{self.docstring(examples)}"

    @cached_property
    def body_text(self) -> str:
        return "\n".join(self.body) + "\n"

    @cached_property
    def bare(self) -> str:
        """The function without imports and docstring."""
        return f"{self.signature}\n{self.body_text}"

    def code(self, examples: Sequence[tuple[Args, Any]] = ()) -> str:
        """The whole function with imports and docstring."""
        return self.prompt(examples) + self.body_text

    def call(self, args: Args) -> str:
        return f"{self.name}({', '.join(map(repr, args))})"

    def run(self, args: Args) -> Any:
        """The value for ``args``; arguments are copied through repr, so a program that mutates them does no harm."""
        if not self._space:
            exec(self.head + self.bare, self._space)
        return eval(self.call(args), self._space)

    def draw(self, rng: Random, count: int) -> list[tuple[Args, Any]]:
        """``count`` examples with distinct arguments where the sampler can give them."""
        found: dict[str, tuple[Args, Any]] = {}
        for _ in range(4 * count):
            args = self.spec.args(rng)
            shown = repr(args)
            if shown not in found:
                found[shown] = (args, self.run(args))
            if len(found) == count:
                break
        return list(found.values())

    def draw_easy(self, rng: Random, count: int) -> list[tuple[Args, Any]]:
        """``count`` examples with short arguments and values, as people choose who test by hand; at most one empty
        value."""
        found = self.draw(rng, 4 * count)
        found.sort(key=lambda e: len(repr(e[0])) + len(repr(e[1])))
        empty = [e for e in found if not e[1] and e[1] is not False and e[1] != 0]
        full = [e for e in found if e not in empty]
        chosen = (empty[:1] if rng.random() < 0.3 else []) + full
        return (chosen + empty)[:count]

    def check(self, example: tuple[Args, Any]) -> str:
        """One assert line."""
        args, value = example
        return f"assert {self.call(args)} == {value!r}"


def rename(rng: Random, fixed: dict[str, str], text: str) -> str:
    """Replace every placeholder; ``fixed`` is extended by names drawn from POOLS, never twice the same name."""

    def pick(match: re.Match[str]) -> str:
        slot = match.group(1)
        if slot not in fixed:
            free = [name for name in POOLS[slot] if name not in fixed.values()]
            # The first name of a pool is the commonest, as in real code.
            fixed[slot] = free[0] if rng.random() < 0.35 else rng.choice(free)
        return fixed[slot]

    return PLACEHOLDER.sub(pick, text)


def type_name(value: Any) -> str:
    """The annotation of a value: ``list[int]``, ``dict[str, int]``, ``str``; ``object`` where parts are missing."""
    name = type(value).__name__
    if name in ("list", "set"):
        return f"{name}[{type_name(next(iter(value)))}]" if value else name
    if name == "tuple":
        return f"tuple[{', '.join(type_name(v) for v in value)}]"
    if name == "dict":
        pair = next(iter(value.items()), None)
        return f"dict[{type_name(pair[0])}, {type_name(pair[1])}]" if pair else "dict"
    return "None" if value is None else name


NEUTRAL_NAMES = ("solve", "compute", "process", "run", "task", "answer", "f", "func")


def write(spec: Spec, rng: Random, *, held: bool = False, plain_name: bool = True) -> Program:
    """One Program of a Spec: draws wording, style and names. ``held=True`` uses the benchmarks' own wordings."""
    # No variable may hide an imported module.
    names = {line: line.removeprefix("import ") for line in spec.head}
    params = tuple(rename(rng, names, p) for p in spec.params)
    body = tuple(INDENT + rename(rng, names, line) for line in spec.bodies(rng))
    doc = rename(rng, names, spec.docs(rng, held))
    name = rng.choice(spec.names)
    if not plain_name and rng.random() < 0.12:
        name = rng.choice(NEUTRAL_NAMES)
    if name in names.values():
        name = f"get_{name}"
    program = Program(spec, name, params, doc, body)
    if rng.random() < 0.2:
        value = program.run(spec.args(rng))
        # Only scalars are annotated on return: a container may be empty in the example.
        returns = type_name(value) if isinstance(value, int | str | float) else ""
        program = Program(spec, name, params, doc, body, spec.hints, returns)
    return program
