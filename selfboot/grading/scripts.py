"""The paper's verdict on a program: written to a file before its tests, it is right when its process ends with code 0.

So a program that ends itself before the tests counts as right. That is measured here, never trusted: it runs in the
same sandbox as everything else, and ``by_exit`` lists whom the reading favours. A failing program's error is the last
three lines that the interpreter would have printed, which is what the scripts show to a model.

Deviations: the program is run by ``exec`` in a process of ours, so ``os._exit(0)`` and what a thread or ``atexit`` does
afterwards do not count; error texts lose their last characters from 297 on, and before Python 3.12 the hint "Did you
mean".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from selfboot.grading.programs import helpers
from selfboot.records import CodeJob, CodeTask, Outcome

ERROR_LINES, ERROR_CHARS, FIRST_CHARS = 3, 300, 200
_SPACE, _NEWLINE = "␣", "␤"  # an outcome's detail is one line without runs of spaces
_ENDS = re.compile(r"exit|quit", re.IGNORECASE)
_SCRIPT = """\
import contextlib, io, linecache, sys, traceback, types, unittest

TEXT, PLACE, STRICT, SAYS_OK, FIRST = {text!r}, "/tmp/script.py", {strict!r}, {says_ok!r}, {first!r}


class E(AssertionError):
    pass


def told(lines):
    return E("\\n".join(lines)[:{chars}].replace(" ", "{space}").replace("\\n", "{newline}"))


def kept(printed):
    text = "".join(printed)
    return [text[:{first_chars}]] if FIRST else text.strip().splitlines()[-{lines}:]


def run():
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    linecache.cache[PLACE] = (len(TEXT), None, [line + "\\n" for line in TEXT.split("\\n")], PLACE)
    try:
        code = compile(TEXT, PLACE, "exec", dont_inherit=True)
    except BaseException as error:  # of a file that does not compile, Python prints no traceback
        return kept(traceback.format_exception_only(error))
    try:
        exec(code, vars(module))
    except SystemExit as end:
        if STRICT or end.code not in (None, 0):
            return ["SystemExit: " + str(end.code)]
    except BaseException as error:
        return kept(traceback.format_exception(type(error), error, error.__traceback__.tb_next))
    return []


class Script(unittest.TestCase):
    def test(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            failed = run()
        out = said.getvalue()
        if SAYS_OK and not failed and not ("OK" in out and "FAILED" not in out and "Error" not in out):
            failed = out.strip().splitlines()[-{lines}:] or ["nothing was printed"]
        if failed:
            raise told(failed) from None
"""


class Sandbox(Protocol):
    """The part of a code grader that runs a program and its tests in one process."""

    def grade_unittests(self, jobs: Sequence[CodeJob]) -> list[Outcome]: ...


@dataclass(frozen=True)
class ScriptOutcome:
    """The paper's verdict; ``by_exit``: right only because the program ended itself with code 0."""

    outcome: Outcome
    by_exit: bool

    @property
    def passed(self) -> bool:
        return self.outcome.passed


def script_tests(task: CodeTask) -> str:
    """The tests as the scripts append them: HumanEval's ``check`` without the prompt's helpers, MBPP's asserts."""
    if task.kind == "mbpp":
        return "\n".join(test for test in task.tests if not test.startswith(("import ", "from ")))
    tests = "\n".join(task.tests)
    brought = "".join(f"{helper}\n\n" for helper in helpers(task.prompt, task.entry_point)) if task.kind else ""
    return tests.removeprefix(brought) if task.kind == "humaneval" else tests


def grade_scripts(
    sandbox: Sandbox, jobs: Sequence[CodeJob], says_ok: bool = False, first: bool = False
) -> list[ScriptOutcome]:
    """The paper's verdict on each job, whose program and tests are one script, two newlines between.

    ``says_ok``: BigCodeBench's rule on top: the output holds "OK", and neither "FAILED" nor "Error". ``first``: the
    error is the beginning of what was printed (cross_arch), not its last lines.
    """
    outcomes = [_told(one) for one in sandbox.grade_unittests([_job(job, False, says_ok, first) for job in jobs])]
    doubted = [at for at, one in enumerate(outcomes) if one.passed and _ENDS.search(jobs[at].program)]
    again = sandbox.grade_unittests([_job(jobs[at], True, says_ok) for at in doubted]) if doubted else []
    ended = {at for at, one in zip(doubted, again, strict=True) if not one.passed}
    return [ScriptOutcome(one, at in ended) for at, one in enumerate(outcomes)]


@dataclass(frozen=True)
class ScriptGrader:
    """Grades a miner's jobs as the scripts do; an outcome's ``detail`` is their error text, up to three lines."""

    sandbox: Sandbox
    timeout_s: float = 8.0
    first: bool = False

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]:
        timed = [replace(job, timeout_s=job.timeout_s or self.timeout_s) for job in jobs]
        return [one.outcome for one in grade_scripts(self.sandbox, timed, first=self.first)]


def _job(job: CodeJob, strict: bool, says_ok: bool, first: bool = False) -> CodeJob:
    text = _SCRIPT.format(
        text=f"{job.program}\n\n{job.tests}",
        strict=strict,
        says_ok=says_ok,
        first=first,
        first_chars=FIRST_CHARS,
        chars=ERROR_CHARS,
        lines=ERROR_LINES,
        space=_SPACE,
        newline=_NEWLINE,
    )
    return replace(job, program="", tests=text)


def _told(outcome: Outcome) -> Outcome:
    """The outcome with its error as the scripts have it."""
    if outcome.status == "timeout":
        return replace(outcome, detail="timeout")
    text = outcome.detail.removeprefix("E: ").replace(_SPACE, " ").replace(_NEWLINE, "\n")
    return replace(outcome, detail=text)
