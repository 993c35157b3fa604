"""A session of claims leaves its summary where CI asks for one, once, whatever its tests start themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from report_parts import contrast

from selfboot.judging.results import Result, to_json
from selfboot.paths import ROOT

CASE = """
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from selfboot.judging.results import from_json

RESULTS = [from_json(Path("result.json").read_text(encoding="utf-8"))]

@pytest.mark.claim("recipe-7b")
@pytest.mark.paper
@pytest.mark.parametrize("case", [SimpleNamespace(
    id="paper-7", claim=SimpleNamespace(id="recipe-7b"), scale="paper", results=RESULTS,
    settings=SimpleNamespace(minutes=1), runnable=SimpleNamespace(model="m", protocol="p"))])
def test_claim(case):
    assert "GITHUB_STEP_SUMMARY" not in os.environ, "what a test starts would write there too"
"""
NOTHING_LACKS = """
def pytest_configure(config):
    import selfboot.planning.availability as availability
    availability.lacks = lambda *what: iter([])
"""


@pytest.mark.parametrize("place", ["summary.md", "no such folder/summary.md"])
def test_a_session_appends_its_summary(tmp_path: Path, place: str) -> None:
    result = Result("recipe-7b", "paper-7", "§3.2", "t", "fastpath", "paper", "qwen2.5-7b", "25 → 104", "up", None,
                    (contrast("up", "reproduced"),))  # fmt: skip
    for name, text in (
        ("result.json", to_json(result)),
        ("test_made_up.py", CASE),
        ("nothing_lacks.py", NOTHING_LACKS),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "test_made_up.py", "-c", str(ROOT / "pytest.ini"), "-q"]
    command += ["-p", "nothing_lacks", "-p", "conftest", "-p", "no:xdist", "-p", "no:cacheprovider"]
    command += ["--store", "store", "--rootdir", str(tmp_path)]
    paths = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin", "GITHUB_STEP_SUMMARY": str(tmp_path / place)}
    done = subprocess.run(command, cwd=tmp_path, env=paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if "/" in place:
        assert "no summary: " in done.stdout
        return
    text = (tmp_path / place).read_text(encoding="utf-8")
    assert text.count("## selfboot, ") == 1
    assert "| What agrees with the paper |" in text
    assert "1 reproduced: recipe-7b" in text
