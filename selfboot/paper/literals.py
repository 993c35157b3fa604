"""String literals read out of a script's syntax tree, by their place in the file. The script is never run.

A literal may be a plain string, an f-string, a sum with strings in it, or a list of strings. What stands in it beside
text is a slot: its expression's own source in braces, so ``"a " + p["x"]`` gives ``a {p['x']}``.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

from selfboot.errors import DataError


def template_at(source: str, at: tuple[int, int], within: str, where: str) -> str:
    """The template of the outermost literal that begins at line and column ``at``; a list of strings as JSON.

    ``within``: the function (``outer.inner``) or the assigned name around it. Raises DataError, which names ``where``,
    for a source that does not parse and for a place without such a literal.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise DataError(f"{where}: not a Python file ({error}); fetch it again") from None
    for names, node in _literals(tree, (), ""):
        if (node.lineno, node.col_offset) == at and within in names:
            return json.dumps(_strings(node)) if isinstance(node, ast.List) else _template(node)
    raise DataError(f"{where}:{at[0]}:{at[1]}: no string literal begins here in {within!r}; is it the pinned commit?")


def _literals(node: ast.AST, functions: tuple[str, ...], target: str) -> Iterator[tuple[tuple[str, str], ast.expr]]:
    """Every literal with the names around it (functions, assigned name), an outer one before those inside it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        functions = (*functions, node.name)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        target = node.targets[0].id
    if isinstance(node, ast.expr) and _is_literal(node):
        yield (".".join(functions), target), node
    for child in ast.iter_child_nodes(node):
        yield from _literals(child, functions, target)


def _is_literal(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _is_literal(left) or _is_literal(right)
        case ast.List(elts=elements):
            return bool(elements) and all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in elements)
    return False


def _template(node: ast.expr) -> str:
    """The text of a literal, its slots in braces."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_template, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _template(left) + _template(right)
        case ast.FormattedValue(value=value):
            return f"{{{ast.unparse(value)}}}"
    return f"{{{ast.unparse(node)}}}"


def _strings(node: ast.List) -> list[str]:
    return [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
