"""Twenty natural ways in which a real model may write down an invented problem, code and word problems apart."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selfboot.records import Pair, Solution


@dataclass(frozen=True)
class Parts:
    """A problem taken apart: header, docstring (one line), body (indented), asserts."""

    name: str
    header: str
    docstring: str
    body: str
    tests: tuple[str, ...]

    @property
    def function(self) -> str:
        return f'{self.header}\n    """{self.docstring}"""\n{self.body}'

    @property
    def bare(self) -> str:
        return f"{self.header}\n{self.body}"

    @property
    def asserts(self) -> str:
        return "\n".join(self.tests)


def parts_of(pair: Pair) -> Parts:
    """The function that the tests call, out of the fixed side, with the first words of the signature's docstring."""
    tree = ast.parse(pair.fixed)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    node = next(one for one in functions if f"{one.name}(" in pair.tests[0])
    said = ast.get_docstring(node) or _docstring(pair.signature) or f"Compute {node.name}."
    statements = node.body[1:] if ast.get_docstring(node) else node.body
    helpers = [ast.unparse(one) for one in tree.body if one is not node and isinstance(one, ast.FunctionDef)]
    imports = [ast.unparse(one) for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    inner = textwrap.indent("\n".join([*imports, *helpers, *map(ast.unparse, statements)]), "    ")
    header = ast.unparse(ast.FunctionDef(node.name, node.args, [ast.Pass()], [], node.returns, lineno=1))
    line = " ".join(said.split("\n")[0].split()).replace('"', "'").replace("\\", "")
    return Parts(node.name, header.split("\n")[0], line, inner, pair.tests)


def _docstring(signature: str) -> str:
    for tail in ("", "\n    pass", '"""\n    pass'):
        try:
            node = ast.parse(signature.split("\n# tests")[0] + tail).body[0]
        except SyntaxError:
            continue
        return ast.get_docstring(node) or "" if isinstance(node, ast.FunctionDef) else ""
    return ""


def fenced(text: str, info: str = "python", closed: bool = True) -> str:
    return f"```{info}\n{text}\n" + ("```" if closed else "")


def _commented(tests: Sequence[str]) -> str:
    return "\n".join(f"# case {number}\n{test}" for number, test in enumerate(tests, 1))


def _listed(tests: Sequence[str]) -> str:
    return "\n".join(f"{number}. {test}" for number, test in enumerate(tests, 1))


def _in_test(parts: Parts) -> str:
    return f"def test_{parts.name}():\n" + textwrap.indent(parts.asserts, "    ") + f"\n\ntest_{parts.name}()"


SEMICOLONS = "x = 1\nassert x == 1"
CODE: dict[str, Callable[[Parts], str]] = {
    "the paper's form": lambda p: fenced(f"{p.function}\n\n# tests\n{p.asserts}"),
    "no line above the tests": lambda p: fenced(f"{p.function}\n{p.asserts}"),
    "blank lines": lambda p: fenced(f"{p.function}\n\n\n" + "\n\n".join(p.tests)),
    "open fence": lambda p: fenced(f"{p.function}\n\n# tests\n{p.asserts}", closed=False),
    "info string py": lambda p: fenced(f"{p.function}\n\n# tests\n{p.asserts}", "py"),
    "bare fence": lambda p: fenced(f"{p.function}\n\n# tests\n{p.asserts}", ""),
    "no fence": lambda p: f"{p.function}\n\n# tests\n{p.asserts}",
    "prose around": lambda p: (
        f"Here is a problem:\n\n{fenced(p.function + chr(10) * 2 + p.asserts)}\n\nThe tests cover the usual cases."
    ),
    "two fences": lambda p: f"{fenced(p.function)}\n\nTests:\n\n{fenced(p.asserts)}",
    "a comment on every test": lambda p: fenced(f"{p.function}\n\n# Test cases\n{_commented(p.tests)}"),
    "trailing comments": lambda p: fenced(p.function + "\n\n" + "\n".join(f"{t}  # checked" for t in p.tests)),
    "a test function": lambda p: fenced(f"{p.function}\n\n\n{_in_test(p)}"),
    "under main": lambda p: fenced(
        f'{p.function}\n\n\nif __name__ == "__main__":\n' + textwrap.indent(p.asserts, "    ")
    ),
    "no docstring": lambda p: fenced(f"{p.bare}\n\n# tests\n{p.asserts}"),
    "docstring as prose": lambda p: f"Problem: {p.docstring}\n\n{fenced(p.bare + chr(10) * 2 + p.asserts)}",
    "an import first": lambda p: fenced(f"import math\n\n\n{p.function}\n\n# tests\n{p.asserts}"),
    "labels without a fence": lambda p: f"Problem:\n{p.docstring}\n\nSolution:\n{p.function}\n\nTests:\n{p.asserts}",
    "a numbered list of tests": lambda p: f"{fenced(p.function)}\n\nTests:\n{_listed(p.tests)}",
    "a last print": lambda p: fenced(f'{p.function}\n\n# tests\n{p.asserts}\nprint("All tests passed!")'),
    "another problem behind": lambda p: (
        fenced(f"{p.function}\n\n# tests\n{p.asserts}")
        + "\n\n"
        + fenced(f'def other(x):\n    """Other."""\n    return x\n\n# tests\n{SEMICOLONS}')
    ),
}

_Words = Callable[[str, str, str], str]
WORDS: dict[str, _Words] = {
    "the paper's form": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: {e}\nANSWER: {a}",
    "a unit": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: {e}\nANSWER: {a} apples",
    "a currency": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: {e}\nANSWER: ${a}",
    "title case": lambda p, e, a: f"Problem: {p}\nExpression: {e}\nAnswer: {a}",
    "bold labels": lambda p, e, a: f"**PROBLEM:** {p}\n**EXPRESSION:** {e}\n**ANSWER:** {a}",
    "blank lines": lambda p, e, a: f"PROBLEM: {p}\n\nEXPRESSION: {e}\n\nANSWER: {a}",
    "own lines": lambda p, e, a: f"PROBLEM:\n{p}\n\nEXPRESSION:\n{e}\n\nANSWER:\n{a}",
    "with its result": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: {e} = {a}\nANSWER: {a}",
    "a variable": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: total = {e}\nANSWER: {a}",
    "in code marks": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: `{e}`\nANSWER: `{a}`",
    "in a fence": lambda p, e, a: f"```\nPROBLEM: {p}\nEXPRESSION: {e}\nANSWER: {a}\n```",
    "a sentence before": lambda p, e, a: f"Sure! Here it is.\n\nPROBLEM: {p}\nEXPRESSION: {e}\nANSWER: {a}",
    "numbered labels": lambda p, e, a: f"1. PROBLEM: {p}\n2. EXPRESSION: {e}\n3. ANSWER: {a}",
    "signs of print": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: {e.replace('*', '×').replace('/', '÷')}\nANSWER: {a}",
    "a float": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: {e}\nANSWER: {float(a)}",
    "two lines of text": lambda p, e, a: f"PROBLEM: {p}\nGive a number.\nEXPRESSION: {e}\nANSWER: {a}",
    "a full stop": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: {e}.\nANSWER: {a}.",
    "a sentence as answer": lambda p, e, a: f"PROBLEM: {p}\nEXPRESSION: {e}\nANSWER: The result is {a}.",
    "another label": lambda p, e, a: f"QUESTION: {p}\nEQUATION: {e}\nFINAL ANSWER: {a}",
    "another problem behind": lambda p, e, a: (
        f"PROBLEM: {p}\nEXPRESSION: {e}\nANSWER: {a}\n\nPROBLEM: Two and two?\nEXPRESSION: 2 + 2\nANSWER: 4"
    ),
}


def words_of(solution: Solution, number: int) -> tuple[str, str, str]:
    """A released word problem with an expression for its answer (the file has none), whole and positive."""
    answer = int(float(solution.answer))
    expression = (f"{answer - 1} + 1", f"{2 * answer} / 2", f"({answer} + 3) - 3", f"{answer} * 1")[number % 4]
    return " ".join(solution.problem.split()), expression, str(answer)
