"""Runs a program and its unittest in one sandboxed process, for tests that need the program's real objects.

Weaker than the split in tester.py, and said to be so: a hostile program shares the process with its tests and can
forge their outcome. What it cannot do is harm the machine, end early and count as passed, or answer without knowing
the nonce that arrives with the job.
"""

from __future__ import annotations

import io
import os
import sys
import types
import unittest
from typing import NoReturn

from selfboot.grading.wire import PROGRAM, FdStream, clean, describe, from_frame, to_frame


def serve(fd: int) -> NoReturn:
    """Answer one job ``[program, tests, nonce]`` with ``[nonce, status, detail, line]``; never returns."""
    try:
        stream = FdStream(fd)
        program, tests, nonce = from_frame(stream.recv())
        verdict = run(program, tests)
        stream.send(to_frame([nonce, *verdict]))
    finally:
        os._exit(0)


def run(program: str, tests: str) -> tuple[str, str, int | None]:
    """Load program and tests as one module and run its test cases. At least one must run, and all must succeed."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        exec(compile(program, PROGRAM, "exec", dont_inherit=True), vars(module))
        exec(compile(tests, "<tests>", "exec", dont_inherit=True), vars(module))
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        result = unittest.TextTestRunner(stream=io.StringIO(), failfast=True).run(suite)
    except BaseException as error:
        kind, text, line, *_ = describe(error)
        return "error", clean(f"{kind}: {text}"), line
    if result.wasSuccessful() and result.testsRun:
        return "passed", "", None
    return explain(result)


def explain(result: unittest.TestResult) -> tuple[str, str, int | None]:
    found = [("error", report) for _, report in result.errors] + [("wrong", report) for _, report in result.failures]
    if not found:
        return "wrong", "AssertionError: no test ran", None
    status, report = found[0]
    return status, clean(report.strip().splitlines()[-1]), None
