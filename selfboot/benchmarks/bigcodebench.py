"""BigCodeBench-Hard v0.1.4: 148 tasks that need libraries (§3.10), in the instruct form.

Its tests are unittest cases that need the program's real objects: grade them by ``CodeGrader.grade_unittests`` (weaker
isolation). The libraries are those of data/constraints/bigcodebench.txt; ``absent`` names the ones that are not here.
Not covered: four tasks (101, 590, 1006, 1012) fetch pages of the internet, which no graded program reaches.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
from typing import Any

from selfboot.benchmarks.base import Benchmark
from selfboot.datasets import read_source
from selfboot.grading.code import LIBRARIES_ENV, library_python
from selfboot.paths import DATA
from selfboot.records import CodeTask

KIND, TOKENS = "bigcodebench", 700
REQUIREMENTS = DATA / "constraints" / "bigcodebench.txt"
LIST_PACKAGES = """
import json
from importlib.metadata import distributions
print(json.dumps([found.metadata["Name"] for found in distributions()]))
"""


def load(name: str) -> Benchmark:
    """The tasks; ``prompt`` is the instruction, ``canonical`` a whole program (imports, header and body)."""
    tasks = tuple(task(row) for row in read_source("bigcodebench-hard"))
    return Benchmark(name, tasks, format="bcb", tokens=TOKENS, unittest=True)


def task(row: dict[str, Any]) -> CodeTask:
    """One row of the data set."""
    whole = row["code_prompt"] + row["canonical_solution"]
    return CodeTask(row["task_id"], row["instruct_prompt"], row["entry_point"], (row["test"],), whole, kind=KIND)


def required() -> list[str]:
    """The packages that the tasks need, by name."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [re.split("[=<>]", line)[0] for line in lines if line and not line.startswith("#")]


def absent() -> list[str]:
    """Those of them that the interpreter whose libraries count (``library_python``) lacks."""
    have = set(map(plain_name, packages(library_python())))
    return [name for name in required() if plain_name(name) not in have]


def remedy(missing: list[str]) -> str:
    """One sentence about packages that are absent."""
    return (
        f"bigcodebench-hard lacks {len(missing)} of its {len(required())} libraries here ({', '.join(missing)}):"
        f" pip install -r {REQUIREMENTS}, into an environment of Python 3.11 whose interpreter {LIBRARIES_ENV} names"
    )


@functools.cache
def packages(python: str) -> list[str]:
    run = subprocess.run([python, "-c", LIST_PACKAGES], check=True, capture_output=True, text=True, timeout=60)
    return [str(name) for name in json.loads(run.stdout)]


def plain_name(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub("[-_.]+", "-", name).lower()
