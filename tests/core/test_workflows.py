"""The workflows and the container file, read: whole YAML, declared inputs, and commands that `selfboot` has."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfboot.cli.main import parser
from selfboot.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CONTAINER = ROOT / "Containerfile"


def read(path: Path) -> dict[Any, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_uses_an_action_or_runs_a_command(path: Path) -> None:
    found = read(path)
    assert set(found) <= {"name", True, "jobs"}, "`on` is a truth value of YAML"
    assert all(("uses" in step) != ("run" in step) for step in steps(path))
    assert all(re.fullmatch(r"[\w/-]+@v\d+", step["uses"]) for step in steps(path) if "uses" in step)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_inputs_are_declared_and_reach_a_shell_as_variables_only(path: Path) -> None:
    declared = set(((read(path)[True] or {}).get("workflow_dispatch") or {}).get("inputs") or ())
    used = set(re.findall(r"\$\{\{ inputs\.(\w+)", path.read_text(encoding="utf-8")))
    assert used == declared
    for step in steps(path):
        assert "${{" not in step.get("run", ""), "what a user types would be part of the script"
        own = set(re.findall(r"\$\{?([A-Z]+)\b", step.get("run", ""))) & {name.upper() for name in declared}
        assert own <= set(step.get("env", ())), "a variable that no env gives"


@pytest.mark.parametrize("command", [
    shlex.split(words)
    for path in WORKFLOWS
    for step in steps(path)
    for words in re.findall(r"\$SELFBOOT (.+?)(?: &&|$)", re.sub(r"\n +", " ", step.get("run", "")), re.MULTILINE)
] + [
    shlex.split(line)
    for line in re.findall(r"^#.* selfboot ((?:doctor|fetch|run|plan) .+)$", CONTAINER.read_text(), re.MULTILINE)
], ids=" ".join)  # fmt: skip
def test_every_command_is_one_that_selfboot_has(command: list[str]) -> None:
    values = {"$WORKERS": "2", "$WEIGHTS": "random", "$MARKS": "fastpath"}
    args = parser().parse_args([values.get(word, word) for word in command])
    assert callable(args.run)


def test_the_container_installs_what_there_is() -> None:
    text = CONTAINER.read_text(encoding="utf-8")
    (constraint, extra) = re.findall(r"pip install .*-c (\S+) -e '\.\[(\w+)\]'", text)[0]
    assert (ROOT / constraint).is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extra in project["optional-dependencies"]
    python = re.findall(r"FROM \S+python:(3\.\d+)", text)[0]
    assert tuple(map(int, python.split("."))) >= (3, 11)
    assert text.index("WORKDIR") < text.index("COPY") < text.index("pip install")
    assert 'ENTRYPOINT ["selfboot"]' in text
