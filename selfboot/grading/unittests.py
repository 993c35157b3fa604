"""Runs a program and its unittest in one sandboxed process, for tests that need the program's real objects.

Weaker than the split in tester.py, and said to be so: a hostile program shares the process with its tests. Refused are
the ways that need no more than Python: skips, expected failures, ``load_tests``, cases of the program's own, a changed
``unittest``, an early end, an answer without the nonce, which is read only after the tests. What remains possible in
one process: objects that claim to be equal to everything, and a program that reads the nonce off the channel itself.
"""

from __future__ import annotations

import os
import sys
import types
import unittest
import unittest.case
import unittest.loader
import unittest.result
import unittest.suite
from typing import Any, NoReturn

from selfboot.grading import kernel
from selfboot.grading.wire import PROGRAM, FdStream, clean, describe, from_frame, to_frame

UNITTEST = (unittest, unittest.case, unittest.loader, unittest.result, unittest.suite)
Found = tuple[str, str, int | None]  # status, detail, line


def serve(fd: int) -> NoReturn:
    """Answer ``[program, tests, CPU seconds]`` and a nonce with ``[nonce, status, detail, line]``; never returns."""
    try:
        stream = FdStream(fd)
        program, tests, cpu_s = from_frame(stream.recv())
        kernel.limit_cpu(cpu_s)
        verdict = run(program, tests)
        stream.send(to_frame([from_frame(stream.recv()), *verdict]))
    finally:
        os._exit(0)


def run(program: str, tests: str) -> Found:
    """Load program and tests as one module and run the tests' cases. At least one must run, and all must succeed."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    suite_of, result = unittest.defaultTestLoader.loadTestsFromTestCase, unittest.TestResult()
    result.failfast = True
    try:
        clean_state = state()
        exec(compile(program, PROGRAM, "exec", dont_inherit=True), vars(module))
        refuse_change(clean_state)
        before = set(map(id, vars(module).values()))
        exec(compile(tests, "<tests>", "exec", dont_inherit=True), vars(module))
        clean_state = state()
        suite = unittest.TestSuite([suite_of(case) for case in cases(module) if id(case) not in before])
        planned = suite.countTestCases()
        suite.run(result)
        refuse_change(clean_state)
    except BaseException as error:
        kind, text, line, *_ = describe(error)
        return "error", clean(f"{kind}: {text}"), line
    return explain(result, planned)


def cases(module: types.ModuleType) -> list[type[unittest.TestCase]]:
    found = [value for value in vars(module).values() if isinstance(value, type)]
    return [case for case in dict.fromkeys(found) if issubclass(case, unittest.TestCase)]


def state() -> dict[tuple[str, str], Any]:
    """What unittest consists of: its modules' names, and those of their classes."""
    found: dict[tuple[str, str], Any] = {}
    for module in UNITTEST:
        for name, value in [pair for pair in vars(module).items() if pair[0] != "__warningregistry__"]:
            found[module.__name__, name] = value
            if isinstance(value, type):
                found |= {(f"{module.__name__}.{name}", inner): each for inner, each in vars(value).items()}
    return found


def refuse_change(before: dict[tuple[str, str], Any]) -> None:
    after = state()
    changed = [".".join(key) for key in before | after if before.get(key, before) is not after.get(key, before)]
    if changed:
        raise PermissionError(f"{changed[0]} of unittest was changed")


def explain(result: unittest.TestResult, planned: int) -> Found:
    """The first thing that keeps the tests from having passed, else that they have."""
    for status, found in (("error", result.errors), ("wrong", result.failures)):
        if found:
            return status, clean(found[0][1].strip().splitlines()[-1]), None
    for what, tests in (("was skipped", result.skipped), ("was expected to fail", result.expectedFailures)):
        if tests:
            return "wrong", clean(f"AssertionError: {tests[0][0]} {what}"), None
    if not planned:
        return "wrong", "AssertionError: no test ran", None
    if result.unexpectedSuccesses or result.testsRun != planned:
        return "wrong", f"AssertionError: {result.testsRun} of {planned} tests ran as planned", None
    return "passed", "", None
