"""HumanEval+: HumanEval's 164 tasks with many more inputs each (§3.2, §3.3), from the hub's ``evalplus/humanevalplus``.

The hub's test programs need numpy and the program's own process. Their inputs and expected results are read off them
(as data, nothing is run) and judged by the grader's batched comparison, whose rule is evalplus's (grading/plus.py).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
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
    """What a test program of the hub's holds. ``reference``: source of ``ref_func`` where results are not listed."""

    inputs: list[list[Any]]
    results: list[Any] | None
    atol: float
    reference: str = ""


def load(name: str) -> Benchmark:
    """HumanEval+ with evalplus's prompts; the tests hold HumanEval's own inputs too."""
    return Benchmark(name, tuple(_task(row) for row in read_source("humaneval-plus")))


def _task(row: dict[str, Any]) -> CodeTask:
    try:
        cases = read_cases(row["test"])
        tests = (*helpers(row["prompt"], row["entry_point"]), test_program(row["entry_point"], cases))
    except (SyntaxError, ValueError, KeyError) as error:
        raise DataError(f"{row['task_id']}: its tests cannot be read ({error}); fetch humaneval-plus again") from None
    return CodeTask(
        row["task_id"], row["prompt"], row["entry_point"], tests, row["canonical_solution"], kind="humaneval+"
    )


def test_program(entry_point: str, cases: Cases) -> str:
    """The cases as a test program for our grader. Expected results that are not listed come from ``ref_func``."""
    if cases.results is not None:
        return plus_tests(entry_point, cases.inputs, cases.results, cases.atol)
    return (
        "from selfboot.grading.plus import cases_text, check_cases\n"
        f"{cases.reference}\ninputs = {cases.inputs!r}\n"
        "cases = cases_text(inputs, [ref_func(*args) for args in inputs])\n"
        f"check_cases({entry_point}, cases, atol={cases.atol!r})\n"
    )


def read_cases(source: str) -> Cases:
    """Inputs, expected results and tolerance of a test program of the hub's.

    KeyError: no ``check`` with inputs; ValueError: they are not plain data; SyntaxError: not Python.
    """
    with _long_integers():
        functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        body = functions["check"].body
        lists = {
            target.id: ast.literal_eval(node.value)
            for node in body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        reference = ast.unparse(functions["ref_func"]) if "ref_func" in functions else ""
    results = None if reference else lists["results"]
    if results is not None and len(results) != len(lists["inputs"]):
        raise ValueError(f"{len(lists['inputs'])} inputs but {len(results)} results")
    return Cases(lists["inputs"], results, _tolerance(body), reference)


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
