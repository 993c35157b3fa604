"""Functions up to renaming: a hash of the syntax tree.

It drops the names of the function, parameters and variables, annotations and the docstring. It keeps constants,
builtins, attributes and structure, and does not depend on the Python version. Not covered: programs that compute the
same in another way.
"""

from __future__ import annotations

import ast
import hashlib


def _dump(node: object, bound: set[str], numbers: dict[str, str]) -> str:
    """The tree as text, bound names numbered by first occurrence. ``ast.dump`` differs between Python versions."""
    if isinstance(node, list):
        return "[" + ",".join(_dump(item, bound, numbers) for item in node) + "]"
    if isinstance(node, str) and node in bound:
        return numbers.setdefault(node, f"v{len(numbers)}")
    if not isinstance(node, ast.AST):
        return repr(node)
    skipped = ("annotation", "returns", "ctx", "kind", "type_comment", "type_params", "decorator_list")
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in skipped and value is not None)
    if isinstance(node, ast.Constant):
        return f"Constant({node.value!r})"
    if isinstance(node, ast.Attribute):
        return f"Attribute({_dump(node.value, bound, numbers)},{node.attr!r})"
    return f"{type(node).__name__}({','.join(f'{name}={_dump(value, bound, numbers)}' for name, value in fields)})"


def fingerprint(source: str) -> str:
    """sha256[:16] of the first function in ``source`` without names, annotations and docstring.

    Raises SyntaxError where the source is none, ValueError where it holds no function.
    """
    function = next((node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)), None)
    if function is None:
        raise ValueError("no function in this source")
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:] or [ast.Pass()]
    bound = {function.name}
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    return hashlib.sha256(_dump(function, bound, {}).encode()).hexdigest()[:16]
