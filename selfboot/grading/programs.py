"""Test programs of the public benchmarks, made from their records: pure text to text.

A test program runs where the candidate cannot reach it, so it must bring along what it needs: HumanEval's prompts hold
helpers that the tests call, MBPP's tests use modules that only the reference solution imports. Taken from the trusted
record, such a name cannot be redefined by the program under test.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from selfboot.grading.plus import RULES, cases_text


def humaneval_tests(record: Mapping[str, str]) -> str:
    """The prompt's helpers, the ``check`` program and its call. ``record`` as in HumanEval.jsonl."""
    entry_point = record["entry_point"]
    return "\n\n".join((*helpers(record["prompt"], entry_point), record["test"], f"check({entry_point})"))


def parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reference solutions' odd escapes are not the reader's business
        return ast.parse(source)


def helpers(prompt: str, entry_point: str) -> list[str]:
    """Source of what stands in a prompt besides the function asked for."""
    others = [node for node in parse(prompt).body if getattr(node, "name", None) != entry_point]
    return [ast.get_source_segment(prompt, node) or "" for node in others]


def mbpp_tests(record: Mapping[str, Any]) -> str:
    """The record's imports and asserts, and the imports of the reference solution that the asserts use."""
    asserts = "\n".join(record["test_list"])
    used = {node.id for node in ast.walk(parse(asserts)) if isinstance(node, ast.Name)}
    imports = [
        ast.unparse(node)
        for node in parse(record["code"]).body
        if isinstance(node, ast.Import | ast.ImportFrom) and used & {alias.asname or alias.name for alias in node.names}
    ]
    return "\n".join(dict.fromkeys((*record["test_imports"], *imports, asserts)))


def mbpp_entry_point(record: Mapping[str, Any]) -> str:
    """The function of the reference solution that the asserts name first."""
    defined = {getattr(node, "name", None) for node in parse(record["code"]).body}
    named = (node.id for node in ast.walk(parse("\n".join(record["test_list"]))) if isinstance(node, ast.Name))
    return next(name for name in named if name in defined)


def plus_tests(
    entry_point: str,
    inputs: Sequence[Sequence[Any]],
    expected: Sequence[Any] | None,
    atol: float = 0.0,
    reference: tuple[str, str] = ("", ""),
) -> str:
    """Tests by inputs and expected results (HumanEval+); calls are batched.

    ``expected=None``: the results of ``reference``, a program and the name of its function.
    """
    text = cases_text([list(args) for args in inputs], None if expected is None else list(expected))
    rule = entry_point if entry_point in RULES else ""
    return (
        "from selfboot.grading.plus import check_cases\n"
        f"check_cases({entry_point}, {text!r}, atol={atol!r}, rule={rule!r}, reference={reference!r})\n"
    )
