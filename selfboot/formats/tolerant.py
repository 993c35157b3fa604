"""Chat with TOLERANT extraction: the same prompt as ``chat``, but the reader forgives failures of form.

Forgiven: an unclosed or missing fence, text before the code, whatever runs on after the asked function, an echoed
prompt, a missing import or helper that the prompt holds, a body without its header. Kept: the first complete function
of the asked name that has a body, with the imports, constants and helpers that it needs. What chat scores more under
this reading than under its own is form, not skill (analysis/decomposition.py).

Not forgiven, so that the share of form is a lower bound: a function of another name, a cut or misspelt function,
decorators, a function that is itself indented. Where nothing is found, the strict reading stands.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from selfboot.formats.base import Chat
from selfboot.formats.chat import ChatFormat, fenced
from selfboot.records import CodeTask

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # what ast.parse raises on hostile text
_OPENED = re.compile(r"```[^\n`]*\n(.*)\Z", re.DOTALL)
_CODE = re.compile(r"(?:def|class|import|from)\s|[A-Za-z_]\w*\s*=[^=]")
_CLOSERS = (" ", "\t", ")", "]", "}")
_QUOTES = re.compile(r'"""|\'\'\'')


@dataclass(frozen=True)
class Statement:
    """A whole top-level statement found in a text: lines ``first`` to ``end`` (0-based, half open) and its names."""

    source: str
    first: int
    end: int
    binds: frozenset[str]
    reads: frozenset[str]
    answers: bool  # a function with more in it than a docstring


def parse(source: str) -> ast.Module | None:
    """The syntax tree, or None when there is none; silent about warnings that the text provokes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except UNREADABLE:
        return None


def chunks(text: str) -> Iterator[tuple[int, int, str]]:
    """The pieces of a text that start at the margin, as (first line, end line, source); triple quotes hold together."""
    lines = text.split("\n")
    starts, quoted = [], ""
    for number, line in enumerate(lines):
        if not quoted and line.strip() and not line.startswith(_CLOSERS):
            starts.append(number)
            code = _CODE.match(line) is not None
        if starts and code:
            quoted = _quoted(line, quoted)
    for first, end in pairwise([*starts, len(lines)] if starts else []):
        yield first, end, "\n".join(lines[first:end]).rstrip() + "\n"


def _quoted(line: str, opened: str) -> str:
    """The triple quote that is still open after ``line``."""
    for mark in _QUOTES.findall(line):
        opened = "" if mark == opened else opened or mark
    return opened


def statements(text: str) -> list[Statement]:
    """Every import, assignment, function and class at the margin of a text that parses by itself."""
    found = []
    for first, end, source in chunks(text):
        tree = parse(source) if _CODE.match(source) else None
        if tree is not None and len(tree.body) == 1 and (binds := _binds(tree.body[0])):
            reads = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
            found.append(Statement(source, first, end, frozenset(binds), frozenset(reads), has_body(tree.body[0])))
    return found


def _binds(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def has_body(node: ast.stmt) -> bool:
    """Whether a function does anything: more than a docstring stands in it."""
    if not isinstance(node, ast.FunctionDef):
        return False
    first = node.body[0]
    docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return len(node.body) > 1 or not docstring


def answer(found: Sequence[Statement], name: str) -> Statement | None:
    """The first whole function called ``name`` that has a body."""
    return next((s for s in found if s.answers and name in s.binds), None)


def assemble(found: Sequence[Statement], name: str) -> str | None:
    """The answer with all that it needs, in the order of the text; None when there is no answer."""
    asked = answer(found, name)
    if asked is None:
        return None
    kept, wanted = [asked], set(asked.reads)
    for _ in found:  # names needed by what is needed: settles in as many rounds as there are statements
        more = [s for s in found if s not in kept and name not in s.binds and s.binds & wanted]
        if not more:
            break
        kept += more
        wanted |= {read for s in more for read in s.reads}
    return "\n\n".join(s.source.rstrip("\n") for s in found if s in kept) + "\n"


def _readings(task: CodeTask, completion: str) -> Iterator[list[Statement]]:
    """Ways to read a completion: as a whole function, else as a body, well indented or not."""
    yield [*statements(task.prompt), *statements(completion)]
    opened = _OPENED.search(completion)
    code = fenced(completion)
    code = opened.group(1) if code == completion and opened else code
    yield statements(task.prompt + code)
    if "def " not in code:
        yield statements(task.prompt + textwrap.indent(textwrap.dedent(code), "    "))


@dataclass(frozen=True)
class TolerantFormat:
    name: str = "chat-tolerant"
    stop: tuple[str, ...] = ()

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        return ChatFormat().prompt(task, chat)

    def program(self, task: CodeTask, completion: str) -> str:
        found = (assemble(reading, task.entry_point) for reading in _readings(task, completion))
        return next((program for program in found if program), ChatFormat().program(task, completion))


FORMAT = TolerantFormat()
