"""The terminal: a line for each case that is done, then the table, the report, the summary for CI, the exit status."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from selfboot.errors import DataError, SelfbootError
from selfboot.progress import Board, Display, tolerate
from selfboot.session.cases import CASE_PROPERTY, LACK_PROPERTY, RESULT_PROPERTY
from selfboot.session.options import store_root, trial
from selfboot.session.process import PROGRESS_ENV, SUMMARY

if TYPE_CHECKING:
    from selfboot.judging.results import Result  # with it comes scipy, which xdist's controller needs at the end only


class Table:
    """Collects the rows of all cases (from workers too) and prints one table; says meanwhile which are done."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.results: list[Result] = []
        self.skipped: dict[str, str] = {}
        self.lacks: dict[str, list[str]] = {}  # of the cases that did not run
        self.ran: set[str] = set()
        self.unmet = ""  # why this session is no success, though no test failed
        self.board = Board(Path(os.environ[PROGRESS_ENV]), max(1, len(config.getoption("tx", None) or ())))
        self.display: Display | None = None
        self.said: pytest.TestReport | None = None  # the report that a line of ours has told

    def pytest_sessionstart(self) -> None:
        tolerate(getattr(self.config.get_terminal_writer(), "_file", None))
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if self.config.getoption("collectonly") or terminal is None:
            return
        out = os.fdopen(os.dup(1), "w", errors="selfboot")  # the real terminal: a test's own output is captured
        self.display = Display(self.board, out, terminal.write_line)
        self.display.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """A claim that has a line of its own has no dot."""
        return (report.outcome, "", "") if report is self.said else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Iterator[None]:
        """Collect a case's rows, and say that it is done."""
        self._collect(report)
        case = str(dict(report.user_properties).get(CASE_PROPERTY, ""))
        over = report.when == "call" or (report.when == "setup" and not report.passed)
        if case and over:
            self.board.finished[case] = report.duration
        if case and report.when == "call" and self.display and self.config.get_verbosity() == 0:
            self.said = report
            self.display.say(f"{case}: {self._verdict(case, report)}, {report.duration:.0f} s ({self.board.head()})")
        yield
        self.said = None

    def _verdict(self, case: str, report: pytest.TestReport) -> str:
        """What was decided; where an error came before that, pytest's word."""
        return next((result.verdict for result in self.results[::-1] if result.name == case), report.outcome)

    def _collect(self, report: pytest.TestReport) -> None:
        told = [str(value) for name, value in report.user_properties if name == RESULT_PROPERTY]
        if report.when == "call" and told:
            from selfboot.judging.results import from_json

            self.results += [from_json(one) for one in told]
        case = dict(report.user_properties).get(CASE_PROPERTY)
        if report.when == "call" and case:
            self.ran.add(str(case))
        if report.skipped and isinstance(report.longrepr, tuple) and "not run: " in report.longrepr[2]:
            name = str(case or report.nodeid.split("::")[-1])
            self.skipped[name] = report.longrepr[2].split("not run: ")[-1]
            self.lacks[name] = [str(why) for key, why in report.user_properties if key == LACK_PROPERTY]

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """That nothing ran is no success, where a scale that lacks things was asked for by name."""
        if self.display:
            self.display.close()
        shutil.rmtree(self.board.folder, ignore_errors=True)
        if self.config.getoption("--scale") in ("paper", "small") and exitstatus == pytest.ExitCode.OK:
            self.unmet = self._unmet(self.config.getoption("--require"))
            session.exitstatus = pytest.ExitCode.TESTS_FAILED if self.unmet else exitstatus

    def _unmet(self, require: str) -> str:
        """Which cases should have run and did not, and what would make them run, in one line; "" where enough ran."""
        from selfboot.planning.availability import remedies

        waiting = {name: why for name, why in self.lacks.items() if why and name not in self.ran}
        if not waiting or require == "none" or (require == "any" and self.ran):
            return ""
        chosen = len(waiting) + len(self.ran)
        return (
            f"no success: {len(self.ran)} of {chosen} chosen cases ran (--require {require}); "
            f"what would make the others run: {remedies(waiting.values())}"
        )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.results:
            from selfboot.report.terminal import render

            other = trial(self.config)
            terminalreporter.section(f"claims, {other}: no reproduction" if other else "claims")
            terminalreporter.write(render(self.results))
        self._write_report(terminalreporter)
        self._write_summary(terminalreporter)
        if self.unmet:
            terminalreporter.write_line(self.unmet, red=True)

    def _write_report(self, terminalreporter: Any) -> None:
        """The session's results as a report, where one was asked for."""
        out = self.config.getoption("--report")
        if out is None:
            return
        from selfboot.report.html import write_report
        from selfboot.store import RunStore

        try:
            if not self.results:
                raise DataError("no claim was judged in this session; `selfboot report` shows what the store holds")
            path = write_report(self.results, RunStore(store_root(self.config)), out, self.skipped)
            terminalreporter.write_line(f"report: {path}")
        except SelfbootError as error:
            terminalreporter.write_line(f"no report: {error}", red=True)

    def _write_summary(self, terminalreporter: Any) -> None:
        """The session's results in a page of Markdown, where CI asks for one."""
        path = self.config.stash[SUMMARY]
        if not path or not self.results:
            return
        from selfboot.report.brief import append

        try:
            append(self.results, store_root(self.config), Path(path), self.skipped)
        except SelfbootError as error:
            terminalreporter.write_line(f"no summary: {error}", red=True)
