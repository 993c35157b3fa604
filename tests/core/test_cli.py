"""The command line: help with examples, one-line errors, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.cli import main, parser


def test_claims_lists_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims"]) == 0
    out = capsys.readouterr().out
    assert "recipe-7b" in out
    assert "§3.6" in out


@pytest.mark.parametrize("command", ["mine", "train", "evaluate", "calibrate"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"selfboot {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "gpt-9", "minieval"], "unknown model 'gpt-9'"),
        (["evaluate", "organism-0", "bigbench"], "unknown benchmark 'bigbench'"),
        (["train", "organism-0", "nowhere.jsonl", "--out", "a"], "nowhere.jsonl: no such file"),
        (["calibrate", "organism-0", "--only", "nonsense"], "unknown measure 'nonsense'"),
    ],
)
def test_errors_are_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--store", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_every_command_runs_something() -> None:
    choices = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert all(sub.get_default("run") for sub in choices.values())  # type: ignore[union-attr]
