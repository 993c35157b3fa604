"""Chat with TOLERANT extraction: the same prompt as ``chat``, but the reader forgives failures of form.

Where the strict program compiles and defines the asked name, that program is taken, without asserts, examples of use
and whatever else stands behind the last definition and is not needed; what it lacks and the prompt holds is put before
it. Elsewhere the first whole function of that name is looked for, and kept with what it needs. Forgiven so: an unclosed
or missing fence, text before the code, a draft between ``<think>`` and ``</think>``, whatever runs on, an echoed
prompt, a missing import or helper that the prompt holds, a body without its header or indentation. What chat scores
more under this reading than under its own is form, not skill (analysis/decomposition.py).

Not forgiven, so that the share of form is a lower bound: a function of another name, a cut or misspelt function. Not
seen, in a text that does not compile as a whole: a table that only a call of a helper fills. Where nothing is found,
the strict reading stands.
"""

from __future__ import annotations

import ast
import re
import symtable
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from selfboot.formats.base import Chat, CodeFormat
from selfboot.formats.chat import ChatFormat, fenced
from selfboot.records import CodeTask

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # what ast.parse raises on hostile text
_OPENED = re.compile(r"```[^\n`]*\n(.*)\Z", re.DOTALL)
_THOUGHT = re.compile(r"\A.*</think>", re.DOTALL)
_CODE = re.compile(
    r"(?:async\s|def|class|import|from)\s|@|(?:if|for|while|with|try)\b.*:|[A-Za-z_][\w.,\[\] ]*[^=]?=[^=]"
)
_GOES_ON = re.compile(r"(?:else|elif|except|finally)\b")
_CLOSERS = (" ", "\t", ")", "]", "}")
_QUOTES = re.compile(r'"""|\'\'\'')
_ALWAYS = frozenset({"*", "setrecursionlimit"})  # `from m import *` may bind any name; a limit serves every function
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True)
class Statement:
    """Whole top-level code found in a text, one statement as a rule: lines ``first`` to ``end`` (0-based, half open).

    ``binds``: names that it defines; ``changes``: names of what it alters in place; ``reads``: global names that it,
    or a function in it, looks up.
    """

    source: str
    first: int
    end: int
    tree: ast.Module = field(repr=False, compare=False)
    binds: frozenset[str]
    reads: frozenset[str]

    @cached_property
    def changes(self) -> frozenset[str]:
        """Roots of ``T[0] = 1``, ``T.x = 1`` and ``T.append(1)``, and the method's name."""
        found = {_root(node) for node in ast.walk(self.tree) if isinstance(getattr(node, "ctx", None), ast.Store)}
        for node in ast.walk(self.tree):
            match node:
                case ast.Expr(value=ast.Call(func=ast.Attribute(attr=attr) as called)):
                    found |= {_root(called), attr}
        return frozenset(found) - {""}

    @property
    def answers(self) -> bool:
        """Is it a function with more in it than a docstring?"""
        return len(self.tree.body) == 1 and has_body(self.tree.body[0])

    @property
    def imports(self) -> bool:
        return all(isinstance(node, ast.Import | ast.ImportFrom) for node in self.tree.body)

    def defines(self, name: str) -> bool:
        """Does it give ``name`` a meaning: no empty shell, and no use of what the name meant before?"""
        hollow = all(isinstance(node, ast.FunctionDef) and not has_body(node) for node in self.tree.body)
        return name in self.binds and not hollow and not self.uses(name)

    def uses(self, name: str) -> bool:
        """Does it call ``name`` as soon as it runs, or only assert something?"""
        called = (node.func for node in _run_at_once(self.tree) if isinstance(node, ast.Call))
        return any(isinstance(func, ast.Name) and func.id == name for func in called) or all(
            isinstance(node, ast.Assert) for node in self.tree.body
        )


def _root(node: ast.AST) -> str:
    """The name that ``a.b[c].d`` begins with; "" for anything else."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module does: not the inside of functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _FUNCTIONS):
            yield from _run_at_once(child)


def parse(source: str) -> ast.Module | None:
    """The syntax tree, or None when there is none; silent about warnings that the text provokes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except UNREADABLE:
        return None


def compiles(program: str) -> bool:
    """``ast.parse`` lets a ``return`` outside a function pass; the compiler does not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(program, "<program>", "exec", dont_inherit=True)
    except UNREADABLE:
        return False
    return True


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
    """Everything at the margin of a text that is code by itself and binds or changes a name; prose is passed over."""
    found = (_statement(source, first, end) for first, end, source in _joined(text))
    return [one for one in found if one is not None and (one.binds or one.changes)]


def _joined(text: str) -> Iterator[tuple[int, int, str]]:
    """``chunks``, with decorators before what they decorate, and ``else`` and its kind behind what they belong to."""
    lines, spans, decorated = text.split("\n"), list[tuple[int, int]](), False
    for first, end, piece in chunks(text):
        goes_on = spans and (decorated or _GOES_ON.match(piece))
        spans.append((spans.pop()[0] if goes_on else first, end))
        decorated = piece.startswith("@")
    for first, end in spans:
        yield first, end, "\n".join(lines[first:end]).rstrip() + "\n"


def _statement(source: str, first: int, end: int) -> Statement | None:
    tree = parse(source)
    if tree is None or not compiles(source):
        return None
    top = symtable.symtable(source, "<program>", "exec")
    symbols = top.get_symbols()
    binds = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
    stars = {a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names if a.name == "*"}
    reads = {s.get_name() for s in symbols if s.is_referenced()} | set(_globals(top))
    return Statement(source, first, end, tree, frozenset(binds | stars), frozenset(reads))


def _globals(scope: symtable.SymbolTable) -> Iterator[str]:
    """Names that functions and classes in ``scope`` look up outside of themselves."""
    for inner in scope.get_children():
        yield from (symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global())
        yield from _globals(inner)


def _whole(text: str) -> list[Statement]:
    """The statements of a text that compiles, all of them; those that share a line are one."""
    lines, spans = text.split("\n"), list[list[int]]()
    for node in ast.parse(text).body:
        first = min(n.lineno for n in [node, *getattr(node, "decorator_list", [])]) - 1
        if spans and first < spans[-1][1]:
            spans[-1][1] = node.end_lineno or 0
        else:
            spans.append([first, node.end_lineno or 0])
    found = (_statement("\n".join(lines[first:end]) + "\n", first, end) for first, end in spans)
    return [one for one in found if one is not None]


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
    return None if asked is None else _source(found, _with_needs(found, {found.index(asked)}, name))


def _with_needs(found: Sequence[Statement], kept: set[int], name: str) -> set[int]:
    """Places of ``kept`` and of what its names stand for, where ``found`` has it; no other meaning of ``name``."""
    rest = [at for at, s in enumerate(found) if name not in s.binds and at not in kept]
    modules = {bound for s in found if s.imports for bound in s.binds}  # `unittest.main()` changes nothing of ours
    wanted, more = set(_ALWAYS), sorted(kept)
    while more:  # names needed by what is needed
        wanted |= {read for at in more for read in found[at].reads}
        more = [at for at in rest if (found[at].binds | (found[at].changes - modules)) & wanted]
        rest = [at for at in rest if at not in set(more)]
        kept = kept | set(more)
    return kept


def _source(found: Sequence[Statement], kept: set[int]) -> str:
    return "\n\n".join(found[at].source.rstrip("\n") for at in sorted(kept)) + "\n"


def readable(text: str, name: str, prompt: str = "") -> str | None:
    """The program that a text holds; None when it does not define ``name``. ``prompt`` lends what is missing."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lent = statements(prompt)
    if not compiles(text):
        return assemble([*lent, *statements(text)], name)
    own = _whole(text)
    last = max((at for at, s in enumerate(own) if s.defines(name)), default=-1)
    if last < 0:
        return None
    known = {bound for s in own for bound in s.binds}
    found = [*(s for s in lent if not s.binds & known), *own]
    start = len(found) - len(own)
    kept = _with_needs(found, {start + at for at, s in enumerate(own[: last + 1]) if not s.uses(name)}, name)
    return text if kept == set(range(start, len(found))) else _source(found, kept)


def aligned(prompt: str, completion: str) -> str:
    """A completion whose first line has lost some of its indentation, with that of the prompt's last line."""
    lines = prompt.rstrip().rpartition("\n")[2]
    return lines[: len(lines) - len(lines.lstrip())] + completion.lstrip(" \t")


def _readings(task: CodeTask, completion: str) -> Iterator[str | None]:
    """Ways to read a completion: as the strict reading does, as a function anywhere, as a body, indented or not."""
    text, name, prompt = _THOUGHT.sub("", completion), task.entry_point, task.prompt
    strict = ChatFormat().program(task, text)
    opened, block = _OPENED.search(text), fenced(text)
    code = textwrap.dedent(opened.group(1) if block == text and opened else block)
    if compiles(strict):
        yield readable(strict, name, "" if strict.startswith(prompt) else prompt)
    if compiles(code):
        yield readable(code, name, prompt)
    yield readable(text, name, prompt)
    yield readable(code, name, prompt)
    if "def " not in code or not compiles(code):
        yield readable(prompt + block, name)
        yield readable(prompt + textwrap.indent(code, "    "), name)
        yield readable(prompt + aligned(prompt, code), name)


@dataclass(frozen=True)
class TolerantFormat:
    name: str = "chat-tolerant"
    stop: tuple[str, ...] = ()

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        return ChatFormat().prompt(task, chat)

    def program(self, task: CodeTask, completion: str) -> str:
        found = _readings(task, completion)
        return next((program for program in found if program), ChatFormat().program(task, completion))


@dataclass(frozen=True)
class Forgiving:
    """``inner``'s question, with TOLERANT extraction: the very same answers, their form forgiven."""

    inner: CodeFormat

    @property
    def name(self) -> str:
        return f"{self.inner.name}, read tolerantly"

    @property
    def stop(self) -> tuple[str, ...]:
        return self.inner.stop

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        """As ``inner`` asks."""
        return self.inner.prompt(task, chat)

    def program(self, task: CodeTask, completion: str) -> str:
        """As ``chat-tolerant`` reads."""
        return FORMAT.program(task, completion)


FORMAT = TolerantFormat()
