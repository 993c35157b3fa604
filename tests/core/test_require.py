"""That nothing ran is no success: what a session at paper scale must have run, and what would make the rest run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from selfboot.paths import ROOT
from selfboot.planning.availability import remedies

NO_GPU = "qwen2.5-7b needs a GPU with 27 GB, this machine has no GPU; claims that fit here: none; or --scale mini"
CASES = """
import pytest
from types import SimpleNamespace

@pytest.mark.claim("x")
@pytest.mark.paper
@pytest.mark.parametrize("case", [SimpleNamespace(
    id=name, claim=SimpleNamespace(id="x"), scale="paper", settings=SimpleNamespace(name=name, minutes=1), results=[],
    runnable=SimpleNamespace(model="m", protocol="p")) for name in %r])
def test_claim(case):
    pass
"""
LACKS = """
import pytest
import selfboot.planning.availability as availability

def pytest_configure(config):
    availability.lacks = lambda settings, scale, weights: iter(
        [] if settings.name == "ran" else ["no data; `selfboot fetch --only aime` gets it"])
"""


Session = Callable[..., tuple[int, str]]


@pytest.fixture
def code(tmp_path: Path) -> Session:
    """The exit status and output of a session of made-up cases, under the project's own conftest."""

    def run(names: list[str], *words: str) -> tuple[int, str]:
        (tmp_path / "test_made_up.py").write_text(CASES % names)
        (tmp_path / "made_up_lacks.py").write_text(LACKS)
        command = [sys.executable, "-m", "pytest", str(tmp_path), "-c", str(ROOT / "pytest.ini"), "-q", *words]
        command += ["-p", "made_up_lacks", "-p", "conftest", "-p", "no:xdist", "-p", "no:cacheprovider"]
        command += ["--store", str(tmp_path / "store"), "--rootdir", str(tmp_path)]
        paths = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, cwd=tmp_path, env=paths, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("names", "words", "expected"),
    [
        (["waits"], ["--scale", "paper"], 1),
        (["waits"], ["--scale", "paper", "--require", "none"], 0),
        (["waits"], ["--scale", "auto"], 0),
        (["ran", "waits"], ["--scale", "paper"], 0),
        (["ran", "waits"], ["--scale", "paper", "--require", "all"], 1),
        (["ran"], ["--scale", "paper", "--require", "all"], 0),
    ],
)
def test_the_exit_status_says_whether_enough_ran(
    code: Session, names: list[str], words: list[str], expected: int
) -> None:
    status, said = code(names, *words)
    assert status == expected, said
    line = f"{len(names) - 1} of {len(names)} chosen cases ran"
    assert ("no success: " in said) == bool(expected)
    assert (line in said and "run: `selfboot fetch --only aime` (1 case)" in said) == bool(expected)


def test_remedies_are_grouped() -> None:
    missing = "{} is not on this machine: no /x; `selfboot fetch --only {}` gets it".format
    cases = [
        [NO_GPU, missing("aime", "aime")],
        [NO_GPU, missing("mbpp", "mbpp"), missing("mbpp", "mbpp")],
        [NO_GPU.replace("27", "40"), "q needs 2 GPUs with 88 GB each, this machine has no GPU"],
        ["p is missing; `selfboot mine m --out p` makes it"],
        [
            "no qwen3-4b; `selfboot fetch --models qwen3-4b` gets",
            "no qwen3-8b; `selfboot fetch --models qwen3-8b` gets",
        ],
        ["no bitsandbytes; install it"],
    ]
    assert remedies(cases) == (
        "a GPU with 40 GB (3 cases); `selfboot fetch --only aime mbpp` (2 cases); 2 GPUs with 88 GB (1 case); "
        "`selfboot mine m --out p` (1 case); `selfboot fetch --models qwen3-4b qwen3-8b` (1 case); "
        "no bitsandbytes (1 case)"
    )
