"""The format-only control (§3.6): right solutions that the model did NOT write, each with one mechanical corruption.

Corruptions, as the paper's: ``<=`` to ``<``, ``==`` to ``!=``, a range one short, a negated return, ``+`` to ``-``.
A corruption is kept only where the program really fails the tests then. Two arms at mini scale:
``own`` keeps the corpus's own style; ``house`` rewrites the solution in a foreign house style first (``restyle``),
so that one can see how much of the control's outcome is the style and how much the author.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfboot.benchmarks.base import read_jsonl
from selfboot.benchmarks.miniseeds import seed_task
from selfboot.mining.base import Grader, derive
from selfboot.records import CodeJob, CodeTask, Outcome, Pair


class _Nth(ast.NodeTransformer):
    """Applies a rewrite to the n-th node that it fits, and to no other."""

    def __init__(self, rewrite: Callable[[ast.AST], ast.AST | None], n: int) -> None:
        self.rewrite, self.left, self.done = rewrite, n, False

    def visit(self, node: ast.AST) -> ast.AST:
        if not self.done and (new := self.rewrite(copy.deepcopy(node))) is not None:
            if self.left == 0:
                self.done = True
                return ast.copy_location(new, node)
            self.left -= 1
        return self.generic_visit(node)


def _comparison(old: type[ast.cmpop], new: type[ast.cmpop]) -> Callable[[ast.AST], ast.AST | None]:
    def rewrite(node: ast.AST) -> ast.AST | None:
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], old):
            return None
        node.ops[0] = new()
        return node

    return rewrite


def _short_range(node: ast.AST) -> ast.AST | None:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and node.args):
        return None
    last = 0 if len(node.args) == 1 else 1
    node.args[last] = ast.BinOp(node.args[last], ast.Sub(), ast.Constant(1))
    return node


def _negated_return(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Return) or node.value is None:
        return None
    boolean = isinstance(node.value, ast.Compare | ast.BoolOp)
    node.value = ast.UnaryOp(ast.Not() if boolean else ast.USub(), node.value)
    return node


def _minus(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
        return None
    node.op = ast.Sub()
    return node


CORRUPTIONS: dict[str, Callable[[ast.AST], ast.AST | None]] = {
    "<= to <": _comparison(ast.LtE, ast.Lt),
    "== to !=": _comparison(ast.Eq, ast.NotEq),
    "range off by one": _short_range,
    "negated return": _negated_return,
    "+ to -": _minus,
}


def corruptions(program: str) -> Iterator[tuple[str, str]]:
    """Every program that one corruption at one place makes of ``program``, with the corruption's name."""
    for name, rewrite in CORRUPTIONS.items():
        for n in range(len(program)):
            tree, transformer = ast.parse(program), _Nth(rewrite, n)
            broken = transformer.visit(tree)
            if not transformer.done:
                break
            yield name, ast.unparse(ast.fix_missing_locations(broken)) + "\n"


def restyle(program: str) -> str:
    """The same program in a house style foreign to the corpus: long prefixed names, tabs, parentheses, an end marker.

    Behaviour and the functions' own names are unchanged.
    """
    tree = ast.parse(program)
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    local = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    local |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    tree = _Rename({name: _camel(name) for name in local - functions}).visit(tree)
    lines = [_house_line(line) for line in ast.unparse(tree).splitlines() if line.strip()]
    return "\n".join([*lines, "#--- endOfRoutine ---"]) + "\n"


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self.names.get(node.arg, node.arg)
        return node


def _camel(name: str) -> str:
    return "theLocal" + "".join(part.capitalize() for part in name.split("_"))


def _house_line(line: str) -> str:
    body = line.lstrip(" ")
    indent = "\t" * ((len(line) - len(body)) // 4)
    if body.startswith("return ") and not body.endswith(("(", "[", "{")):
        body = f"return ( {body[7:]} )"
    return indent + body


def read_seeds(path: Path) -> list[CodeTask]:
    """The seeds of a JSON Lines file with task_id, text, code, tests."""
    return [seed_task(row["task_id"], row["text"], row["code"], row["tests"]) for row in read_jsonl(path)]


@dataclass(frozen=True)
class CorruptionControl:
    """``count`` pairs from the tasks' canonical solutions, in ``seed``'s order (the paper: 21 and 42)."""

    count: int = 21
    seed: int = 42
    style: str = "own"

    def pairs(self, tasks: Sequence[CodeTask], grader: Grader) -> list[Pair]:
        """One pair a task, from the first tasks whose solution is right and can be corrupted so that it fails."""
        order = list(tasks)
        random.Random(self.seed).shuffle(order)
        pairs: list[Pair] = []
        for task in order:
            if len(pairs) == self.count:
                break
            pair = self._pair(task, grader)
            pairs += [pair] if pair else []
        return pairs

    def _pair(self, task: CodeTask, grader: Grader) -> Pair | None:
        source = task.prompt + task.canonical
        options = _by_kind(list(corruptions(source)), random.Random(derive(self.seed, task.task_id)))
        style = restyle if self.style == "house" else str
        fixed, styled = style(source), [(name, style(code)) for name, code in options]
        outcomes = grader.grade([_job(task, code) for code in [fixed, *(code for _, code in styled)]])
        if not outcomes[0].passed:
            return None
        failing = ((n, c, o) for (n, c), o in zip(styled, outcomes[1:], strict=True) if not o.passed)
        return next((_as_pair(task, fixed, *found) for found in failing), None)


def _by_kind(options: list[tuple[str, str]], rng: random.Random) -> list[tuple[str, str]]:
    """Shuffled, kinds first: otherwise the kind that fits in most places would be nearly the only one."""
    kinds = sorted({name for name, _ in options})
    rng.shuffle(kinds)
    rng.shuffle(options)
    return sorted(options, key=lambda option: kinds.index(option[0]))


def _job(task: CodeTask, program: str) -> CodeJob:
    return CodeJob(program, task.entry_point, "\n".join(task.tests))


def _as_pair(task: CodeTask, fixed: str, name: str, broken: str, outcome: Outcome) -> Pair:
    meta = {"task_id": task.task_id, "corruption": name}
    return Pair(task.prompt, task.tests, broken, outcome.detail, fixed, meta)
