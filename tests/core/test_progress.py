"""What a session says while it runs: how many claims are done, what runs, how long the rest will take."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims.cases import Case
from selfboot.paths import ROOT
from selfboot.progress import Board, Display, ProgressFolder, duration
from selfboot.registry import registry
from selfboot.session import order, process
from selfboot.session.order import longest_first, never_read_first
from selfboot.session.process import DEVICES


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def board(folder: Path, plan: dict[str, float], workers: int = 1) -> Board:
    ProgressFolder(folder).plan(plan)
    return Board(folder, workers)


def test_a_board_says_what_is_done_what_runs_and_how_long_the_rest_will_take(tmp_path: Path) -> None:
    shown = board(tmp_path, {"recipe-7b[mini]": 40.0, "control[mini]": 60.0, "sweep[mini]": 80.0}, workers=2)
    assert shown.line() == "0 of 3 claims done, about 2 min left"
    process = ProgressFolder(tmp_path)
    process.begin("control[mini]")
    assert shown.line().endswith(" | control[mini]")
    process.update("minieval, chat", 164, 164)
    shown.finished["recipe-7b[mini]"] = 40.0
    assert shown.line() == "1 of 3 claims done, about 80 s left | control[mini]: minieval, chat 164/164"
    process.begin("")
    shown.finished |= {"control[mini]": 1.0, "sweep[mini]": 1.0}
    assert shown.line() == "3 of 3 claims done"
    shown.finished["recipe-7b[paper]"] = 0.0
    assert shown.line() == "3 of 3 claims done", "a case that could not run was not planned"


def test_without_a_gpu_the_papers_cases_are_not_in_the_plan() -> None:
    """Their hours would stand in the time left: 5.6 h for a run of half an hour."""
    cases = [
        SimpleNamespace(id=scale, scale=scale, claim=SimpleNamespace(id="c"), settings=SimpleNamespace(minutes=2))
        for scale in ("mini", "paper")
    ]
    items: Any = [
        SimpleNamespace(callspec=SimpleNamespace(params={"case": case}), get_closest_marker=bool) for case in cases
    ]
    for devices, names in (((), {"c[mini]"}), (("0",), {"c[mini]", "c[paper]"})):
        config: Any = SimpleNamespace(stash={DEVICES: devices})
        assert order.planned(config, items) == dict.fromkeys(names, 120)


def test_before_there_is_a_plan_nothing_is_said(tmp_path: Path) -> None:
    assert Board(tmp_path / "nothing").line() == ""
    (tmp_path / "plan.json").write_text("{")
    assert Board(tmp_path).line() == ""


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=9), st.integers(1, 8), st.floats(0.01, 3))
def test_the_time_left_shrinks_to_nothing_and_follows_the_pace(
    tmp_path_factory: pytest.TempPathFactory, expected: list[float], workers: int, pace: float
) -> None:
    plan = {str(at): seconds for at, seconds in enumerate(expected)}
    shown, left = board(tmp_path_factory.mktemp("plan"), plan, workers), float("inf")
    for case, seconds in plan.items():
        assert shown.left_s() >= max(s for c, s in plan.items() if c not in shown.finished) * min(pace, 1.0) * 0.999
        shown.finished[case] = pace * seconds
        left = shown.left_s()
    assert left == 0.0


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "10 s"), (42.0, "40 s"), (150.0, "2 min"), (4000.0, "67 min"), (9000.0, "2.5 h")]
)
def test_a_time_is_rounded_to_what_is_known(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_terminals_line_is_rewritten_and_leaves_nothing(tmp_path: Path) -> None:
    out = Terminal()
    display = Display(board(tmp_path, {"a": 10.0}), out, lambda text: print(text, file=out))
    display._show(display.board.line())
    display.say("a: as calibrated")
    display.close()
    written = out.getvalue()
    assert written.startswith("\r\x1b[2K0 of 1 claims done")
    assert written.split("\r\x1b[2K")[2] == "a: as calibrated\n"
    assert written.endswith("\r\x1b[2K")


def test_a_log_has_plain_lines(tmp_path: Path) -> None:
    out = io.StringIO()
    display = Display(board(tmp_path, {"a": 10.0}), out, lambda text: print(text, file=out))
    display._show(display.board.line())
    display.say("a: as calibrated")
    display.close()
    assert out.getvalue() == "\n0 of 1 claims done, about 10 s left\na: as calibrated\n"


def test_a_first_run_says_nothing_that_is_not_about_its_claims(tmp_path: Path) -> None:
    """No dot, no bar, no test of the library, no word of another plugin: a line for each claim and the table."""
    words = ["-m", "fastpath", "-k", "math and tts", "--scale", "mini", "-n", "1", f"--store={tmp_path / 'store'}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--weights", "random", "--tokens", "1", "-p", "no:cacheprovider"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    text = done.stdout + done.stderr
    assert "of 2 claims done" in text, text
    assert not any(word in text for word in ("Ray", "enchmarkWarning", "snapshot", "tests/")), text
    assert json.dumps(sorted(path.name for path in (tmp_path / "store" / "progress").iterdir())) == "[]"


@pytest.fixture
def suite(pytestconfig: pytest.Config) -> Any:
    """The conftest.py beside claims/."""
    return pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py"))


class Item:
    """A claim's test as pytest has collected it."""

    def __init__(self, case: Case) -> None:
        self.callspec = SimpleNamespace(params={"case": case})

    def get_closest_marker(self, name: str) -> bool:
        return name == "claim"


def test_long_claims_come_first_and_those_that_find_their_work_done_last() -> None:
    """recipe-14b-plus is scored with recipe-14b's adapter, self-consistency on tts-4b-math's samples."""
    fast = [claim for claim in registry().values() if claim.tier == "fastpath"]
    items = [Item(Case(claim, "mini", claim.scales["mini"])) for claim in fast]
    ordered = [item.callspec.params["case"] for item in longest_first(items)]
    assert {case.claim.id for case in ordered[-2:]} == {"recipe-14b-plus", "self-consistency"}
    minutes = [case.settings.minutes for case in ordered[:-2]]
    assert minutes == sorted(minutes, reverse=True)


def test_pairs_of_the_models_own_are_mined_by_one_worker() -> None:
    """Of the claims on them only the longest comes with the long ones: side by side, workers would wait."""
    small = [claim for claim in registry().values() if "small" in claim.scales and claim.tier != "fullpath"]
    items = [Item(Case(claim, "small", claim.scales["small"])) for claim in small]
    own = [one.callspec.params["case"].settings.pairs.startswith("own:") for one in longest_first(items)]
    assert sum(own) == 7
    assert own[-7:].count(True) == 6


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process to cores")
def test_a_worker_has_its_share_of_the_cores_that_it_may_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two cores that a process is pinned to on a large machine, each of two workers has one."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 7})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    assert process.own_cores() == 1
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT")
    assert process.own_cores() == 2


@pytest.mark.parametrize(
    ("marks", "left_out"),
    [
        ("fastpath", True),
        ("fastpath or negative", True),
        ("", False),
        ("not fastpath", False),
        ("fastpath and slow", False),
    ],
)
def test_only_a_tier_leaves_the_librarys_tests_uncollected(suite: Any, marks: str, left_out: bool) -> None:
    config = SimpleNamespace(getoption=lambda name: marks)
    for path in (ROOT / "tests", ROOT / "tests" / "core"):
        assert bool(suite.pytest_ignore_collect(path, config)) == left_out
    assert not suite.pytest_ignore_collect(ROOT / "claims", config)


def test_what_no_store_shortens_is_started_first() -> None:
    """With a full store everything else is only read, by the other worker meanwhile."""
    fast = [claim for claim in registry().values() if claim.tier == "fastpath"]
    items = [Item(Case(claim, "mini", claim.scales["mini"])) for claim in fast]
    ordered = [item.callspec.params["case"].claim.id for item in never_read_first(longest_first(items))]
    assert ordered == ["determinism", *(case for case in ordered if case != "determinism")]
    rest = [item.callspec.params["case"].claim.id for item in longest_first(items)]
    assert ordered[1:] == [name for name in rest if name != "determinism"]
