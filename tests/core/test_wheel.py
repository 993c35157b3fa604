"""Installed from a wheel, outside a checkout: every command works, and nothing is written into the installation."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from selfboot import __version__
from selfboot.paths import ROOT

pytest.importorskip("build", reason="not run: the wheel is built by the package build: pip install -e '.[dev]'")
pytest.importorskip("hatchling", reason="not run: the wheel is built by hatchling: pip install -e '.[dev]'")
LARGEST = 60e6  # bytes; a registry takes 100 MB
SAMPLE = {"task_id": "HumanEval/0", "completion": "    return 1"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it would be released."""
    out = tmp_path_factory.mktemp("dist")
    words = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True, timeout=300)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with the wheel in it; what it depends on is read from ours."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    (packages,) = home.glob("lib/python3*/site-packages")
    words = ["-m", "pip", "--python", str(home / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True, timeout=300)
    (packages / "dependencies.pth").write_text("".join(f"{folder}\n" for folder in site.getsitepackages()))
    return home / "bin" / "python"


def everything(python: Path) -> list[Path]:
    """All files of the installed package but Python's own."""
    (package,) = python.parent.parent.glob("lib/python3*/site-packages/selfboot")
    return sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def test_a_wheel_is_small_enough_and_has_this_version(wheel: Path) -> None:
    assert wheel.name == f"selfboot-{__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < LARGEST


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--version"], __version__),
        (["claims"], "recipe-7b"),
        (["doctor"], "shipped files             whole"),
        (["grade", "samples.jsonl", "--benchmark", "humaneval", "--allow-missing"], "pass@1"),
        (["diagnose", "organism-floor", "--tasks", "2", "--samples", "1"], "minieval"),
        (["bootstrap", "--help"], "--pairs"),
        (["run", "-m", "fastpath", "--scale", "mini", "--collect-only", "-q"], "test_3_5_synergy.py"),
        (["run", "-k", "determinism", "--scale", "mini", "-n", "0"], "1 of 1 claims as calibrated"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_wheel_works_in_an_empty_folder(python: Path, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "samples.jsonl").write_text(json.dumps(SAMPLE) + "\n")
    before = everything(python)
    environment = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "SELFBOOT_STORE")}
    environment |= {"HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("XDG_DATA_HOME", None)
    done = subprocess.run(
        [str(python), "-P", "-m", "selfboot", *words],
        cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=300, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert (done.returncode, message in done.stdout) == (0, True), done.stdout + done.stderr
    assert everything(python) == before, "something was written into the installation"
