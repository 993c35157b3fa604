"""Why did an attempt fail: on FORM (nothing usable handed in) or on SKILL (a whole program that does the wrong thing)?

Every attempt gets exactly one class, from the text alone and the grader's outcome; no model, no execution. The text is
the extracted program, since that is what was graded; the completion only tells empty from missing and echo from code.

Not covered: two faults at once (the one that keeps the program from being run counts), and a run-on that spoils a right
answer without leaving a trace in the text (a redefinition, say), unless the outcome of the tolerant extraction of the
same completion is given as well. "run-on" says that a whole answer came before, not that it was right: only
that same outcome can tell.
"""

from __future__ import annotations

import ast
import builtins
import codeop
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence

from selfboot.formats.tolerant import UNREADABLE, Statement, answer, chunks, compiles, has_body, parse, statements
from selfboot.records import CodeTask, Outcome, Pair, Status

FORM = (
    "empty",
    "no answer",
    "text only",
    "asserts only",
    "prompt echoed",
    "other function",
    "unclosed fence",
    "text before",
    "run-on",
    "unterminated",
    "syntax error",
)
SKILL = ("wrong value", "exception", "time-out", "memory", "blocked")
PASSED = "passed"
UNKNOWN = "unknown"  # failed, but the task is not at hand to tell how
CLASSES = (PASSED, *FORM, *SKILL, UNKNOWN)
MEANING = {
    "passed": "solves the task",
    "empty": "no text at all",
    "no answer": "no final answer can be read out of the solution",
    "text only": "prose, no code for the task",
    "asserts only": "tests instead of a function",
    "prompt echoed": "the prompt again, without a body",
    "other function": "a function of another name than the one asked",
    "unclosed fence": "a whole answer in a code block that is never closed (or opened)",
    "text before": "a whole answer behind text that is no code, outside a code block",
    "run-on": "a whole answer, then more text or code that spoils it",
    "unterminated": "the answer breaks off before it is whole",
    "syntax error": "the answer is not valid Python",
    "wrong value": "runs, and returns something else",
    "exception": "raises inside",
    "time-out": "does not end in time",
    "memory": "wants more memory than there is",
    "blocked": "does what the sandbox forbids",
    "unknown": "failed; its task is not at hand to tell how",
}
_SKILL_OF: dict[Status, str] = {
    "wrong": "wrong value",
    "error": "exception",
    "timeout": "time-out",
    "memory": "memory",
    "blocked": "blocked",
}


def side(name: str) -> str:
    """ "form", "skill", "passed" or "unknown": what a class counts as."""
    return "form" if name in FORM else "skill" if name in SKILL else name


def tally(names: Iterable[str]) -> dict[str, int]:
    """How often each class occurs, in the order of ``CLASSES``, those that occur only."""
    counts = Counter(names)
    return {name: counts[name] for name in CLASSES if counts[name]}


def classify(task: CodeTask, completion: str, program: str, outcome: Outcome, tolerant: Outcome | None = None) -> str:
    """The class of one attempt: ``program`` is what was graded, ``outcome`` how that ended.

    ``tolerant``: the outcome of the tolerant extraction (formats/tolerant.py) of the same completion, where known: a
    program that only passes there failed on form, whatever it looks like.
    """
    if outcome.passed:
        return PASSED
    if not completion.strip():
        return "empty"
    if not well_formed(program, task.entry_point):
        return _form(task, completion, program)
    if (tolerant is not None and tolerant.passed) or _fails_behind(program, task.entry_point, outcome.line):
        return "run-on"
    return _SKILL_OF.get(outcome.status, "exception")


def classify_answer(completion: str, passed: bool, extracted: str | None) -> str:
    """The class of one attempt at a problem with a final answer: ``extracted`` is the answer that was read out."""
    if passed:
        return PASSED
    if not completion.strip():
        return "empty"
    return "no answer" if extracted is None else "wrong value"


def well_formed(program: str, name: str) -> bool:
    """Whether the program compiles and binds ``name`` at its top level to something that is not an empty shell."""
    tree = parse(program)
    if tree is None or not compiles(program):
        return False
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.AsyncFunctionDef)}
    return has_body(functions[-1]) if functions else name in bound


def _fails_behind(program: str, name: str, line: int | None) -> bool:
    """Whether line ``line`` (1-based), where it failed, is loose code behind the asked function."""
    tree = parse(program)
    asked = next((n for n in tree.body if getattr(n, "name", "") == name), None) if tree else None
    if tree is None or asked is None or line is None or line <= (asked.end_lineno or 0):
        return False
    loose = (n for n in tree.body if not isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom))
    return any(n.lineno <= line <= (n.end_lineno or 0) for n in loose)


def _form(task: CodeTask, completion: str, program: str) -> str:
    """The class of a program that is not well formed."""
    if _echoes(completion, task.prompt):
        return "prompt echoed"
    found = statements(program)
    asked = answer(found, task.entry_point)
    if asked is not None:
        return _spoilt(program, asked)
    if (piece := _piece(program, task.entry_point)) is not None:
        return _cut(piece, program)
    return _elsewhere(task, completion, found)


def _echoes(completion: str, prompt: str) -> bool:
    """Whether nothing but lines of the prompt stands in the completion (the last one may be cut)."""
    known = [line.strip() for line in prompt.split("\n") if line.strip()]
    said = [line.strip() for line in completion.split("\n") if line.strip() and not line.startswith("```")]
    return bool(said) and all(line in known for line in said[:-1]) and any(k.startswith(said[-1]) for k in known)


def _spoilt(program: str, asked: Statement) -> str:
    """What keeps a program from running that holds a whole answer."""
    lines = program.split("\n")
    if any(line.startswith("```") for line in lines[: asked.first]) or lines[asked.end : asked.end + 1] == ["```"]:
        return "unclosed fence"
    return "run-on" if any(line.strip() for line in lines[asked.end :]) else "text before"


def _piece(program: str, name: str) -> tuple[int, str] | None:
    """The end line and the source of a function called ``name`` that does not parse, if there is one."""
    header = f"def {name}"
    pieces = ((end, source) for _, end, source in chunks(program) if source.startswith((header + "(", header + " (")))
    return next((piece for piece in pieces if parse(piece[1]) is None), None)


def _cut(piece: tuple[int, str], program: str) -> str:
    """Whether a function that does not parse just ends too early."""
    end, source = piece
    last = not any(line.strip() for line in program.split("\n")[end:])
    return "unterminated" if last and _incomplete(source) else "syntax error"


def _incomplete(source: str) -> bool:
    """Whether more text could have made it valid, or the fault is in its very last line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return codeop.compile_command(source, "<program>", "exec") is None
    except SyntaxError as error:
        return (error.lineno or 0) >= len(source.rstrip().split("\n"))
    except UNREADABLE:
        return False


def _elsewhere(task: CodeTask, completion: str, found: Sequence[Statement]) -> str:
    """The class of a program without any piece of an answer."""
    lines = [line for line in completion.split("\n") if line.strip()]
    header = f"def {task.entry_point}"
    if any(s.answers for s in found) or any(line.startswith("def ") and not line.startswith(header) for line in lines):
        return "other function"
    if any(line.startswith("assert ") for line in lines):
        return "asserts only"
    return "prompt echoed" if any(line.startswith(header) for line in lines) else "text only"


# ---------------------------------------------------------------- pairs


def asked_name(signature: str, tests: Sequence[str]) -> str:
    """The function that a pair is about: a function of the signature that the tests call, else the one called most."""
    called = Counter(name for test in tests for name in called_names(test))
    named = [line[4:].partition("(")[0].strip() for line in signature.split("\n") if line.startswith("def ")]
    wanted = [name for name in reversed(named) if called[name]] or [name for name, _ in called.most_common()] or named
    return wanted[0] if wanted else ""


def called_names(source: str) -> list[str]:
    """Names of plain functions that a piece of code calls, builtins aside, outermost first."""
    tree = parse(source)
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)] if tree else []
    names = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
    return [name for name in names if name not in _BUILTINS]


_BUILTINS = frozenset(vars(builtins))


def pair_task(pair: Pair) -> CodeTask:
    """The task that a pair is about."""
    return CodeTask("", pair.signature, asked_name(pair.signature, pair.tests), pair.tests, "")


def outcome_of(error: str) -> Outcome:
    """The outcome that a pair's ``error`` line stands for."""
    kind = error.partition(":")[0].strip().rpartition(".")[2].lower()
    if "timeout" in kind or "timed out" in error.lower():
        return Outcome("timeout", error)
    if kind == "memoryerror":
        return Outcome("memory", error)
    return Outcome("wrong" if kind == "assertionerror" else "error", error)


def classify_broken(pair: Pair, outcome: Outcome | None = None) -> str:
    """The class of a pair's ``broken``, by ``outcome`` where it was run again, else by the pair's ``error``.

    A broken program that passes its tests is "passed": such a pair teaches nothing (the audit refuses it).
    """
    completion = pair.broken.removeprefix(pair.signature) if pair.broken != pair.signature else pair.broken
    return classify(pair_task(pair), completion, pair.broken, outcome or outcome_of(pair.error))
