"""Problem generation (§2.1): the request, and reading a task with its tests out of what the model wrote.

A problem is one function with a docstring and a body, then at least two assert lines that call it. ``signature`` ends
with the docstring: unlike in the paper's released file the body never leaks into the prompt.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from selfboot.formats.base import Chat, wording
from selfboot.formats.chat import fenced
from selfboot.records import CodeTask

MIN_TESTS = 2


@dataclass(frozen=True)
class Problem:
    """A task that a model invented, with its own solution (``solution`` is a whole program)."""

    signature: str
    entry_point: str
    tests: tuple[str, ...]
    solution: str

    def task(self, task_id: str) -> CodeTask:
        """As a task that can be put to a model in any code format."""
        return CodeTask(task_id, self.signature, self.entry_point, self.tests, self.solution[len(self.signature) :])


def problem_prompt(chat: Chat, section: str = "problems", request: str = "user", problem: Problem | None = None) -> str:
    """The request for one new problem, in a section's words, or for another version of ``problem``."""
    code = "\n".join([problem.solution, *problem.tests]) if problem else ""
    user = wording(section, request, code=code)
    return chat([{"role": "system", "content": wording(section, "system")}, {"role": "user", "content": user}])


def parse_problem(text: str, min_tests: int = MIN_TESTS) -> Problem | None:
    """The problem in a completion, or None when there is no well-formed one with so many tests."""
    lines = fenced(text).split("\n")
    start = next((i for i, line in enumerate(lines) if line.startswith("def ")), None)
    if start is None:
        return None
    end = next((i for i in range(start + 1, len(lines)) if _at_margin(lines[i])), len(lines))
    imports = [line for line in lines[:start] if line.startswith(("import ", "from "))]
    code = "\n".join([*imports, *lines[start:end]]).rstrip() + "\n"
    function = _function(code)
    if function is None:
        return None
    tests = _tests(lines[end:], function.name)
    if len(tests) < min_tests:
        return None
    signature = "\n".join(code.split("\n")[: function.body[0].end_lineno]) + "\n"
    return Problem(signature, function.name, tests, code)


def _at_margin(line: str) -> bool:
    return bool(line.strip()) and not line.startswith((" ", "\t", ")"))


def _function(code: str) -> ast.FunctionDef | None:
    """The program's one function, if it has a docstring that ends its line and a body after it."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    function = tree.body[-1] if tree.body else None
    if not isinstance(function, ast.FunctionDef) or ast.get_docstring(function) is None or len(function.body) < 2:
        return None
    return function if function.body[1].lineno > (function.body[0].end_lineno or 0) else None


def _tests(lines: list[str], name: str) -> tuple[str, ...]:
    """The assert lines that follow directly (blank lines aside), each of which calls the function."""
    tests: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        if not line.startswith("assert ") or not _calls(line, name):
            break
        if line.rstrip() not in tests:
            tests.append(line.rstrip())
    return tuple(tests)


def _calls(line: str, name: str) -> bool:
    try:
        nodes = list(ast.walk(ast.parse(line)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name for n in nodes)
