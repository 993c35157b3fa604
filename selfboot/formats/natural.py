"""Problems as real models write them: what the strict rule reads, and what people read in spite of its form.

``formats/problems.py`` and ``formats/word_problems.py`` want one form to the letter, which a model trained on it
keeps. Others write comments between function and tests, leave a fence open, open a second one, forget the docstring,
label their parts, number their tests, or put a unit behind a number. Whatever the strict rule reads, this one reads
the same; what neither can read says why (``Refusal``), so that a round without any problem can say it too.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfboot.formats.arithmetic import evaluate
from selfboot.formats.problems import MIN_TESTS, Problem, parse_problem
from selfboot.formats.tolerant import chunks, has_body, parse
from selfboot.formats.word_problems import MAX_CHARS, MIN_CHARS, TOLERANCE, WordProblem, decimal, parse_word_problem

_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)[^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_LISTED = re.compile(r"^[ \t]*(?:\d+[.)]|[-*•])[ \t]+`?(assert\b[^\n]*?)`?[ \t]*$", re.MULTILINE)
_LABEL = re.compile(r"^\W*(?:problem|task|question|description|exercise)\b\W*:?\W*$|^\W*\w+\W*:\W*$", re.IGNORECASE)
_MAIN = re.compile(r"^if __name__\b[^\n]*:[ \t]*$", re.MULTILINE)
MAX_DESCRIPTION = 400


@dataclass(frozen=True)
class Refusal:
    """Why a text is no problem, in a few words."""

    why: str


def read_problem(text: str, min_tests: int = MIN_TESTS) -> Problem | Refusal:
    """The problem in a completion: one function with a body, and at least ``min_tests`` asserts that call it."""
    strict = parse_problem(text, min_tests)
    if strict is not None:
        return strict
    refusals = []
    for code in _codes(text.replace("\r\n", "\n")):
        found = _assembled(code, _prose(text), min_tests)
        if isinstance(found, Problem):
            return found
        refusals.append(found)
    return max(refusals, key=lambda one: _PROGRESS.index(one.why))


_PROGRESS = ("no function", "no function with a body", "too few tests that call the function")


def _codes(text: str) -> Iterator[str]:
    """Texts that may hold the code: all fenced blocks together, then everything."""
    blocks = [textwrap.dedent(block) for block in _FENCED.findall(text)]
    if blocks:
        yield "\n".join(blocks)
    yield _LISTED.sub(r"\1", textwrap.dedent(text))


def _assembled(code: str, prose: str, min_tests: int) -> Problem | Refusal:
    """The first function that enough asserts call, with the imports above it."""
    pieces = [source for _, _, source in chunks(_spread(code))]
    nodes = [(source, tree.body[0]) for source in pieces if (tree := parse(source)) is not None and tree.body]
    functions = [(at, source, node) for at, (source, node) in enumerate(nodes) if isinstance(node, ast.FunctionDef)]
    if not functions:
        return Refusal(_PROGRESS[0])
    whole = [one for one in functions if has_body(one[2])]
    for at, source, node in whole:
        tests = _tests([n for _, n in nodes], node.name)
        if len(tests) >= min_tests:
            imports = [s.rstrip() for s, n in nodes[:at] if isinstance(n, ast.Import | ast.ImportFrom)]
            return _problem(imports, source, node, tests, prose)
    return Refusal(_PROGRESS[2] if whole else _PROGRESS[1])


def _spread(code: str) -> str:
    """Asserts under ``if __name__`` brought to the margin; asserts in test functions are found as they stand."""
    found = _MAIN.search(code)
    return code if found is None else code[: found.start()] + textwrap.dedent(code[found.end() :].lstrip("\n"))


def _tests(nodes: Sequence[ast.stmt], name: str) -> tuple[str, ...]:
    """Every assert that calls the function, at the margin or in a test function, written on one line."""
    found = (one for node in nodes for one in _asserts(node) if getattr(node, "name", "") != name)
    return tuple(dict.fromkeys(ast.unparse(one) for one in found if _calls(one, name)))


def _asserts(node: ast.stmt) -> list[ast.Assert]:
    if isinstance(node, ast.Assert):
        return [node]
    tests = isinstance(node, ast.FunctionDef) and node.name.startswith(("test", "check", "main"))
    return [one for one in getattr(node, "body", []) if isinstance(one, ast.Assert)] if tests else []


def _calls(node: ast.AST, name: str) -> bool:
    called = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return any(isinstance(function, ast.Name) and function.id == name for function in called)


def _problem(imports: Sequence[str], source: str, node: ast.FunctionDef, tests: tuple[str, ...], prose: str) -> Problem:
    """The signature ends with the docstring; where there is none, what was said of the function becomes it."""
    lines = source.rstrip().split("\n")
    documented = ast.get_docstring(node, clean=False) is not None
    first = node.body[1] if documented else node.body[0]
    header, body = lines[: first.lineno - 1], lines[first.lineno - 1 :]
    while len(header) > 1 and not header[-1].strip():
        header.pop()
    if not documented and (said := _comment(header) or prose):
        header = [line for line in header if not line.lstrip().startswith("#")]
        header.append(" " * first.col_offset + f'"""{said}"""')
    signature = "\n".join([*imports, *header]) + "\n"
    return Problem(signature, node.name, tests, signature + "\n".join(body) + "\n")


def _comment(lines: Sequence[str]) -> str:
    said = [line.lstrip().lstrip("# ").rstrip() for line in lines if line.lstrip().startswith("#")]
    return _quotable(" ".join(said))


def _prose(text: str) -> str:
    """What stands before the code, labels aside, as one line; nothing where it is long or could not be quoted."""
    before = re.split(r"^[ \t]*(?:```|~~~|def |import |from |class |#)", text, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line.strip(" *#") for line in before.split("\n") if not _LABEL.match(line)]
    return _quotable(" ".join(re.sub(r"^(?:problem|task|question)\s*:\s*", "", line, flags=re.I) for line in lines))


def _quotable(said: str) -> str:
    said = " ".join(said.split()).replace("\\", "")
    return said if 0 < len(said) <= MAX_DESCRIPTION and '"' not in said else ""


# ---------------------------------------------------------------- word problems

_PARTS = {
    "text": r"(?:word[ ]|math[ ]|harder[ ]|easier[ ]|new[ ])*(?:problem|question)(?:[ ]statement)?",
    "expression": r"(?:python[ ]|arithmetic[ ])*(?:expression|equation|calculation)",
    "answer": r"(?:final[ ]|numerical[ ]|correct[ ])*answer",
}
_HEADS = re.compile(
    r"^[ \t>*_#\-\d.)(`]*(?:" + "|".join(f"(?P<{name}>{words})" for name, words in _PARTS.items()) + r")[ \t*_`]*[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_AMOUNT = re.compile(r"(?P<sign>-?)[$€£]?\s*(?P<minus>-?)(?P<digits>\d{1,3}(?:,\d{3})+|\d+)(?P<rest>\.\d+)?", re.ASCII)
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "$": " ", "€": " ", "£": " "})


def read_word_problem(text: str, agree: bool = True) -> WordProblem | Refusal:
    """The first word problem in a completion; the parts may be labelled, marked up and spaced in any usual way."""
    strict = parse_word_problem(text, agree)
    if strict is not None:
        return strict
    parts = _labelled(text)
    missing = [name for name in ("expression", "answer") if not parts.get(name)]
    if not parts.get("text"):
        return Refusal("no problem text")
    if missing:
        return Refusal(f"no {missing[0]}")
    said = " ".join(parts["text"].split())
    if not MIN_CHARS <= len(said) <= MAX_CHARS:
        return Refusal("a problem text too short or too long")
    return _checked(said, parts["expression"], parts["answer"], agree)


def _labelled(text: str) -> dict[str, str]:
    """What stands behind the first label of each kind, up to the next label; fence marks are no text."""
    heads = list(_HEADS.finditer(text))
    found: dict[str, str] = {}
    for at, head in enumerate(heads):
        end = heads[at + 1].start() if at + 1 < len(heads) else len(text)
        part = re.sub(r"^[ \t]*(?:```|~~~)[^\n]*$", "", text[head.end() : end], flags=re.MULTILINE)
        found.setdefault(str(head.lastgroup), part.strip(" \t\n*_"))
    return found


def _checked(said: str, expression: str, answer: str, agree: bool) -> WordProblem | Refusal:
    amount = _AMOUNT.search(answer.split("\n")[0])
    if amount is None:
        return Refusal("no number in the answer")
    written = _arithmetic(expression.split("\n")[0])
    try:
        value = evaluate(written)
    except ValueError:
        return Refusal("no arithmetic in the expression")
    sign = -1 if amount["sign"] or amount["minus"] else 1
    claimed = sign * evaluate(amount["digits"].replace(",", "").lstrip("0") + (amount["rest"] or "") or "0")
    if agree and abs(value - claimed) > TOLERANCE:
        return Refusal("expression and answer differ")
    return WordProblem(said, written, decimal(value))


def _arithmetic(text: str) -> str:
    """The arithmetic of a line: signs as Python has them, no currency, no thousands' commas, no units, no "= 14"."""
    line = text.strip("` *_").replace("^", " ** ").translate(_SIGNS)
    line = re.sub(r"(?<=\d),(?=\d{3}\b)", "", line)
    line = re.sub(r"(?<=[\d\s)])[xX](?=[\s\d(])", "*", line)
    line = re.sub(r"(\d+(?:\.\d+)?)\s*%(?!\s*[\d(])", r"(\1 / 100)", line)
    bare = re.sub(r"[A-Za-z_°][\w']*", " ", line)
    sides = [" ".join(side.split()).strip(" .;:,`") for side in bare.split("=")]
    return next((side for side in sides if re.search(r"\d\s*[)]*\s*[-+*/%]", side)), sides[0])
