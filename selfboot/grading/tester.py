"""Runs tests against a program that lives in another process.

The tests see a function that looks like the program's; every call crosses to the other process as plain data (wire.py).
The same code serves two places: the trusted worker (tests of a benchmark) and a sandboxed process of its own (tests
that a model wrote). The verdict is what the tests did here. Nothing that the program sends can be read as one.
"""

from __future__ import annotations

import ast
import builtins
import functools
import os
import random
import symtable
import types
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from selfboot.grading import kernel
from selfboot.grading.values import TooLarge
from selfboot.grading.wire import STEERING, Broken, FdStream, Peer, clean, describe, from_frame, to_frame

TESTS = "<tests>"
MAX_TESTS = 32 << 20  # characters of test source
CACHE_BYTES = 64 << 20


class Verdict(NamedTuple):
    status: str
    detail: str = ""
    line: int | None = None


class Tests(NamedTuple):
    """Compiled tests and the names that they expect from the program besides the entry point."""

    code: types.CodeType
    source: str
    names: tuple[str, ...]
    steering: frozenset[str]  # exceptions that end loops or the interpreter (wire.py), as far as the tests name them


def compile_tests(source: str) -> Tests:
    """Raises what ``compile`` raises (``SyntaxError``, ``ValueError``, ``RecursionError``, ``MemoryError``)."""
    code = compile(source, TESTS, "exec", dont_inherit=True)
    return Tests(code, source, free_names(source), frozenset(name for name in STEERING if name in source))


def free_names(source: str) -> tuple[str, ...]:
    """Global names that the tests read, never bind and that Python does not provide."""
    read: set[str] = set()
    bound: set[str] = set()

    def walk(table: symtable.SymbolTable) -> None:
        for symbol in table.get_symbols():
            top = table.get_type() == "module"
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
                if top or symbol.is_declared_global():
                    bound.add(symbol.get_name())
            elif symbol.is_referenced() and (top or symbol.is_global()):
                read.add(symbol.get_name())
        for child in table.get_children():
            walk(child)

    walk(symtable.symtable(source, TESTS, "exec"))
    return tuple(sorted(name for name in read - bound if not hasattr(builtins, name) and not name.startswith("__")))


def wanted(tests: Tests, entry_point: str) -> list[str]:
    """What the program is asked for."""
    return [entry_point, *(name for name in tests.names if name != entry_point)]


def run_tests(tests: Tests, entry_point: str, offered: Any, peer: Peer) -> Verdict:
    """Execute the tests against the program that ``peer`` has loaded; ``offered`` is its answer to ``wanted``."""
    scope: dict[str, Any] = {"__name__": "tests"}
    peer.named = tests.steering
    try:
        scope.update(program_scope(peer, offered, wanted(tests, entry_point)))
        if entry_point not in scope:
            return Verdict("error", f"NameError: name '{clean(entry_point)}' is not defined")
        random.seed(0)  # tests that draw at random draw the same in every run
        exec(tests.code, scope)
    except Broken as broken:
        return Verdict(broken.status, broken.detail)
    except BaseException as error:
        return peer_verdict(peer) or explain(error, tests.source, peer)
    return peer_verdict(peer) or never_called(peer, entry_point) or Verdict("passed")


def program_scope(peer: Peer, offered: Any, names: list[str]) -> dict[str, Any]:
    """The offered names in the tests: functions to call over there, plain values as they are."""
    with peer.reading():
        found = {name: offered[name] for name in names if offered[name] is not False}
        return {name: remote_function(peer, name) if o is True else peer.decode(*o) for name, o in found.items()}


def peer_verdict(peer: Peer) -> Verdict | None:
    """A broken channel decides even where a test swallowed the exception that said so."""
    broken = peer.broken
    return None if broken is None else Verdict(broken.status, broken.detail)


def never_called(peer: Peer, entry_point: str) -> Verdict | None:
    return None if peer.calls else Verdict("wrong", f"AssertionError: the tests never call {entry_point}")


def remote_function(peer: Peer, name: str) -> Callable[..., Any]:
    def remote(*args: Any, **kwargs: Any) -> Any:
        return peer.call(name, args, kwargs)

    remote.__name__ = remote.__qualname__ = name
    remote.map = functools.partial(peer.map, name)  # type: ignore[attr-defined]
    return remote


def explain(error: BaseException, source: str, peer: Peer) -> Verdict:
    """What a failing test says: the program's own error, or the statement of the test that was not satisfied."""
    if error is peer.last_error:
        return Verdict("error", error.__dict__.get("summary", "Exception"), peer.last_line)
    if isinstance(error, TooLarge | RecursionError | MemoryError):
        return Verdict("error", summary(error))
    statement = clean(error.__dict__.get("statement") or failing_statement(source, error))
    if isinstance(error, AssertionError):
        return Verdict("wrong", clean(f"AssertionError: {statement}"))
    return Verdict("wrong", clean(f"{summary(error)} in {statement}"))


def summary(error: BaseException) -> str:
    text = clean(describe(error)[1])  # an exception may hold what has no text, such as an int of 5,000 digits
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def failing_statement(source: str, error: BaseException) -> str:
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TESTS:
            line = trace.tb_lineno
        trace = trace.tb_next
    return statement_at(source, line) if line else ""


@functools.lru_cache(maxsize=256)
def statement_at(source: str, line: int) -> str:
    """The innermost statement that covers ``line``, as source on one line, without an assertion's message."""
    best: ast.stmt | None = None
    for node in ast.walk(ast.parse(source)):
        covers = isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
        if covers and (best is None or node.lineno >= best.lineno):  # type: ignore[attr-defined]
            best = node  # type: ignore[assignment]
    if isinstance(best, ast.Assert):
        return f"assert {ast.get_source_segment(source, best.test) or ''}"
    return (ast.get_source_segment(source, best) if best is not None else "") or ""


def serve(worker_fd: int, candidate_fd: int) -> NoReturn:
    """The sandboxed tester: read tests from the worker, run them against the candidate, say how it went.

    The verdict carries a nonce that the candidate never sees and that only comes after the last test. Tests that exit
    early, or never call the program, are not passed.
    """
    try:
        worker = FdStream(worker_fd)
        source, entry_point, cpu_s = from_frame(worker.recv())
        kernel.limit_cpu(cpu_s)
        verdict = judge(source, entry_point, Peer(FdStream(candidate_fd)))
        worker.send(to_frame([from_frame(worker.recv()), *verdict]))
    finally:
        os._exit(0)


def judge(source: str, entry_point: str, peer: Peer) -> Verdict:
    try:
        tests = compile_tests(source)
    except BaseException as error:
        return Verdict("error", clean(f"{type(error).__name__} in the tests: {error}"))
    try:
        offered = peer.request("get", wanted(tests, entry_point))
    except Broken as broken:
        return Verdict(broken.status, broken.detail)
    except Exception as error:
        return explain(error, "", peer)
    return name_refusal(run_tests(tests, entry_point, offered, peer), peer.blocked)


def name_refusal(verdict: Verdict, refused: str) -> Verdict:
    """A failure says so where the sandbox refused something (``refused``, if known) or memory ran out."""
    kind = verdict.detail.partition(":")[0]
    if verdict.status == "passed":
        return verdict
    if refused or kind == "PermissionError":
        return Verdict("blocked", refused or verdict.detail, verdict.line)
    return verdict._replace(status="memory") if kind == "MemoryError" else verdict
