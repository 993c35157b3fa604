"""The symbolic checker's process: imports sympy once, forks one short-lived child a question.

LaTeX is read by latex2sympy2_extended, with every decimal as an exact fraction, so no float ever arises. Two values are
equal when sympy proves it (``Expr.equals``); where it can neither prove nor refute, they must agree to PRECISION
digits, relative to their size: 1/2**98 is not 1/2**99, however small both are. Everything else counts as different.

A child that computes for more than its CPU seconds, or wants too much memory, is killed by the kernel; the process
itself never looks at hostile text. Run by answers.py with ``python -P``; speaks one JSON line a question:
{"gold": …, "answer": …} → {"equal": true | false, "status": "ok" | "timeout" | "memory" | "error"}.
"""

from __future__ import annotations

import gc
import json
import logging
import math
import os
import re
import resource
import select
import signal
import sys
from typing import Any

MISSING: ImportError | None = None
try:
    import sympy
    from latex2sympy2_extended import NormalizationConfig, latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig
except ImportError as error:  # said to whoever started this process
    MISSING = error

MEMORY_BYTES = 1 << 30  # of address space beyond what the process has when it forks
WALL_PER_CPU = 10  # a contended machine may take this many times longer than the CPU limit

PRECISION = 200  # digits
WARM_UP = (
    ("x^2+2x+1", "(x+1)^2"),
    (r"\frac{\sqrt{3}}{2}", r"\cos x"),
    (r"\sqrt[3]{2}", r"\log_{2}{8}"),
    ("n!", "[1,2]"),
)
_KILLED = (signal.SIGPROF, signal.SIGXCPU, signal.SIGKILL)


_DECIMAL = re.compile(r"([0-9]*)\.([0-9]+)")
_DEGREES = re.compile(r"(\\frac\{[0-9]+\}\{[0-9]+\}|[0-9]+) ?\\degree")
_IMAGINARY = re.compile(r"(?<![A-Za-z\\])i(?![A-Za-z])")


def equal(gold: str, answer: str) -> bool:
    """Whether two LaTeX texts, as spelling.py writes them, are proven to mean the same."""
    return bool(same(parsed(gold), parsed(answer)))


def parsed(latex: str) -> Any:
    """The sympy object of a LaTeX text. Raises whatever the parser raises, or ValueError for what is not exact."""
    exact = _DECIMAL.sub(lambda found: rf"\frac{{{int(found[1] + found[2])}}}{{{10 ** len(found[2])}}}", latex)
    exact = _DEGREES.sub(r"{(\1 \\cdot \\frac{\\pi}{180})}", exact)
    complexes = bool(_IMAGINARY.search(exact))
    found = latex2sympy(
        exact,
        is_real=None if complexes else True,
        normalization_config=NormalizationConfig(malformed_operators=True, boxed="none"),
        conversion_config=ConversionConfig(lowercase_symbols=False),
    )
    if complexes:
        found = found.subs({symbol: sympy.I for symbol in found.free_symbols if symbol.name == "i"})
    found = found.replace(_odd_root, _real_root)
    if found.has(sympy.Float, sympy.nan, sympy.zoo):
        raise ValueError(f"not exact: {latex}")
    return found


def _odd_root(power: Any) -> bool:
    whole = power.is_Pow and power.exp.is_Rational and power.exp.q % 2 == 1 < power.exp.q
    return bool(whole and power.base.is_negative)


def _real_root(power: Any) -> Any:
    """The cube root of -8 is -2: sympy means a complex one."""
    return sympy.Integer(-1) ** power.exp.p * (-power.base) ** power.exp


def same(a: Any, b: Any) -> bool:
    """Whether two sympy objects are the same: values by proof, sets and matrices by part, equations up to a factor."""
    a, b = (side.doit() if isinstance(side, sympy.MatrixExpr) else side for side in (a, b))
    if isinstance(a, sympy.MatrixBase) and isinstance(b, sympy.MatrixBase):
        return a.shape == b.shape and all(map(same, a.flat(), b.flat()))
    if isinstance(a, sympy.Expr) and isinstance(b, sympy.Expr):
        return vanishes(a, b)
    if isinstance(a, sympy.Eq) and isinstance(b, sympy.Eq):
        ratio = sympy.simplify((a.lhs - a.rhs).doit() / (b.lhs - b.rhs).doit())
        return bool(ratio.is_number and ratio.is_finite and ratio.is_nonzero)
    if isinstance(a, sympy.Interval) and isinstance(b, sympy.Interval):
        open_ends = (a.left_open, a.right_open) == (b.left_open, b.right_open)
        return bool(open_ends) and same(a.start, b.start) and same(a.end, b.end)
    if isinstance(a, sympy.FiniteSet) and isinstance(b, sympy.FiniteSet):
        return len(a) == len(b) and all(any(same(x, y) for y in b.args) for x in a.args)
    return type(a) is type(b) and bool(a == b)


def vanishes(a: Any, b: Any) -> bool:
    """Whether a - b is zero: proven, or, for numbers that sympy is not sure of, to PRECISION digits of their size."""
    a, b = a.doit(), b.doit()
    if a.has(sympy.oo, -sympy.oo) or b.has(sympy.oo, -sympy.oo):
        return bool(a == b)
    difference = a - b
    verdict = difference.equals(0)
    if verdict is None and not difference.free_symbols:
        size = max(abs(sympy.N(a, PRECISION + 20)), abs(sympy.N(b, PRECISION + 20)))
        verdict = abs(sympy.N(difference, 20, maxn=4 * PRECISION)) < size * sympy.Rational(1, 10**PRECISION)
    return bool(verdict)


def _address_space() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - no pathlib in this small process
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _child(writer: int, question: dict[str, str], cpu_s: float, address_space: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit, ceiling = address_space + MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling),) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    whole = math.ceil(cpu_s)
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))  # in case a library resets the timer
    signal.setitimer(signal.ITIMER_PROF, cpu_s)  # nobody handles SIGPROF: it ends the process
    try:
        verdict = b"1" if equal(question["gold"], question["answer"]) else b"0"
    except MemoryError:
        verdict = b"m"
    except BaseException:  # whatever the library does on hostile text, it is not equality
        verdict = b"e"
    os.write(writer, verdict)
    os._exit(0)


def ask(question: dict[str, str], cpu_s: float, address_space: int) -> dict[str, Any]:
    """Fork, wait, reap; the verdict of the child or the reason why there is none."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _child(writer, question, cpu_s, address_space)
        finally:
            os._exit(1)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], cpu_s * WALL_PER_CPU)
    verdict = os.read(reader, 1) if ready else b""
    os.close(reader)
    if not ready:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    late = not ready or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in _KILLED)
    reasons = {b"1": "ok", b"0": "ok", b"m": "memory", b"e": "error"}
    return {"equal": verdict == b"1", "status": reasons.get(verdict, "timeout" if late else "error")}


def main() -> None:
    """Serve questions until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what a library prints must not look like a reply
    logging.disable(logging.CRITICAL)
    os.setsid()
    try:
        if MISSING:
            raise MISSING
        for gold, answer in WARM_UP:
            equal(gold, answer)  # fills the parser's caches, which every child then inherits
    except ImportError as error:
        replies.write(json.dumps({"ready": False, "why": str(error)}) + "\n")
        return
    gc.collect()
    gc.freeze()
    address_space, cpu_s = _address_space(), float(sys.argv[1])
    replies.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        replies.write(json.dumps(ask(json.loads(line), cpu_s, address_space)) + "\n")


if __name__ == "__main__":
    main()
