"""HumanEval+: HumanEval's 164 tasks with many more inputs each (§3.2, §3.3), in either of its two published forms.

The hub's (``evalplus/humanevalplus``) holds test programs that need numpy and the program's own process: inputs and
expected results are read off them, as data. evalplus's own file holds inputs alone: expected is what the canonical
solution returns. Both are judged by the grader's batched comparison, whose rule is evalplus's (grading/plus.py).
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from selfboot.benchmarks.base import Benchmark
from selfboot.datasets import read_source
from selfboot.errors import DataError
from selfboot.grading.programs import helpers, plus_tests
from selfboot.records import CodeTask


@dataclass(frozen=True)
class Cases:
    """What is tested. ``reference``: source and name of the function to agree with where results are not listed."""

    inputs: list[list[Any]]
    results: list[Any] | None
    atol: float
    reference: tuple[str, str] = ("", "")


def load(name: str) -> Benchmark:
    """HumanEval+ with evalplus's prompts; the tests hold HumanEval's own inputs too."""
    return Benchmark(name, tuple(task(row) for row in read_source("humaneval-plus")), slow=True)


def task(row: Mapping[str, Any]) -> CodeTask:
    """One row of either form."""
    entry_point, prompt, canonical = row["entry_point"], row["prompt"], row["canonical_solution"]
    try:
        cases = inputs_only(row) if "plus_input" in row else read_cases(row["test"])
        plus = plus_tests(entry_point, cases.inputs, cases.results, cases.atol, cases.reference)
        tests = (*helpers(prompt, entry_point), plus)
    except (SyntaxError, ValueError) as error:
        raise DataError(f"{row['task_id']}: its tests cannot be read ({error}); fetch humaneval-plus again") from None
    return CodeTask(row["task_id"], prompt, entry_point, tests, canonical, kind="humaneval+")


def inputs_only(row: Mapping[str, Any]) -> Cases:
    """The cases of a row of evalplus's own file."""
    reference = (row["prompt"] + row["canonical_solution"], row["entry_point"])
    return Cases([*row["base_input"], *row["plus_input"]], None, row["atol"], reference)


@functools.cache
def read_cases(source: str) -> Cases:
    """Inputs, expected results and tolerance of a test program of the hub's; each is parsed once (10 MB take seconds).

    ValueError: no ``check`` with inputs, or they are not plain data; SyntaxError: not Python.
    """
    with _long_integers():
        functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        if "check" not in functions:
            raise ValueError("no function check")
        body = functions["check"].body
        lists = {
            target.id: ast.literal_eval(node.value)
            for node in body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        reference = (ast.unparse(functions["ref_func"]), "ref_func") if "ref_func" in functions else ("", "")
    inputs, results = lists.get("inputs"), None if any(reference) else lists.get("results", [])
    if inputs is None or (results is not None and len(results) != len(inputs)):
        raise ValueError(f"{len(inputs or [])} inputs and {len(results or [])} results")
    return Cases(inputs, results, _tolerance(body), reference)


def _tolerance(body: list[ast.stmt]) -> float:
    """The number that ``check`` compares with: the last constant of its loop (assertion(…, atol), or … <= atol)."""
    loop = next(node for node in body if isinstance(node, ast.For))
    numbers = [
        n.value for n in ast.walk(loop.body[-1]) if isinstance(n, ast.Constant) and isinstance(n.value, int | float)
    ]
    return float(numbers[-1]) if numbers else 0.0


@contextmanager
def _long_integers() -> Iterator[None]:
    """Some expected results have more digits than Python reads by default."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)
