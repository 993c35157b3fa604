"""A value that cannot be is said at once: in one line that names it, with exit code 2, before any work."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfboot.cli.main import main, parser

COMMANDS = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
BAD = {"positive": "0", "seed_number": "-1", "temperature": "nan", "device": "nope", "int": "nope", "float": "nope"}


def checked() -> Iterator[tuple[str, str, str]]:
    """(command, option, a bad value) for each option that the parser itself can judge."""
    for command, made in COMMANDS.items():
        for action in made._actions:
            kind = getattr(action.type, "__name__", "")
            bad = "nope" if action.choices and action.option_strings else BAD.get(kind)
            if action.option_strings and action.nargs != 0 and bad:
                yield command, action.option_strings[0], bad


@pytest.mark.parametrize(("command", "option", "value"), list(checked()))
def test_an_option_refuses_what_it_cannot_be(
    command: str, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, f"{option}={value}"])
    line = capsys.readouterr().err.splitlines()[-1]
    assert stop.value.code == 2
    assert option in line
    assert repr(value) in line


def test_no_number_is_taken_as_it_comes() -> None:
    """A count may not be 0 and a seed not negative: each has a type that says so."""
    for command, made in COMMANDS.items():
        plain = [action.option_strings for action in made._actions if action.type in (int, float)]
        assert plain == ([["--max-cost"]] if command == "bootstrap" else []), command


@pytest.mark.parametrize(
    "words",
    [
        "claims show NOPE",
        "report --out OUT --model NOPE",
        "mine NOPE --out OUT",
        "mine organism-0 --out OUT --seeds NOPE",
        "mine organism-0 --out OUT --set NOPE=1",
        "mine organism-0 --out OUT --recipe NOPE",
        "mine organism-0 --out OUT --adapter NOPE",
        "mine organism-0 --out OUT --chat-template NOPE",
        "audit NOPE",
        "audit FILE --benchmark NOPE",
        "audit FILE --allow NOPE",
        "train organism-0 NOPE --out OUT",
        "evaluate NOPE minieval",
        "evaluate organism-0 NOPE",
        "evaluate organism-0 minieval:NOPE",
        "evaluate organism-0 minieval:1 --format NOPE",
        "evaluate organism-0 minieval:1 --adapter NOPE",
        "evaluate organism-0 minieval:1 --chat-template NOPE",
        "grade NOPE --benchmark minieval",
        "grade FILE --benchmark minieval --data NOPE",
        "replay NOPE --claim recipe-7b",
        "replay FILE --claim NOPE",
        "export --out OUT --claim NOPE",
        "export --out OUT --model NOPE",
        "compare NOPE NOPE",
        "pool NOPE",
        "calibrate NOPE",
        "calibrate NOPE --compare",
        "calibrate organism-0 --against NOPE",
        "calibrate organism-0 --only NOPE",
        "decompose NOPE",
        "decompose NOPE --show",
        "decompose organism-0 --chat-template NOPE",
        "arms NOPE",
        "arms NOPE --show",
        "diagnose NOPE",
        "diagnose organism-0 --benchmark NOPE",
        "diagnose organism-0 --budget NOPE",
        "diagnose organism-0 --gpu NOPE",
        "diagnose --family NOPE",
        "bootstrap NOPE --out OUT",
        "bootstrap organism-0 --out OUT --seeds NOPE",
        "bootstrap organism-0 --out OUT --recipe NOPE",
        "bootstrap organism-0 --out OUT --benchmark NOPE",
        "bootstrap organism-0 --out OUT --budget NOPE",
        "bootstrap organism-0 --out OUT --gpu NOPE",
        "spread -m NOPE --plan",
        "spread -k NOPE --plan",
        "spread -m fastpath --plan --seeds NOPE",
        "spread -m fastpath --plan --url NOPE://x",
        "plan -m NOPE",
        "plan --gpu NOPE",
        "plan --price NOPE",
        "plan --seeds NOPE",
        "fetch -m NOPE",
        "fetch --only NOPE",
        "fetch --models NOPE",
        "fetch --models NOPE --list",
    ],
)
def test_a_command_names_what_it_does_not_know(words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = words.replace("OUT", str(tmp_path / "out")).replace("FILE", str(tmp_path / "file")).replace("NOPE", "nope")
    (tmp_path / "file").write_text("{}\n", encoding="utf-8")
    command, *rest = given.split()
    stored = ["--store", str(tmp_path / "store")] if takes_store(COMMANDS[command]) else []
    assert main([command, *rest, *stored]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert line.startswith("selfboot: ")
    assert "nope" in line or "no results to report" in line
    assert not (tmp_path / "out").exists()


def takes_store(made: argparse.ArgumentParser) -> bool:
    return any("--store" in action.option_strings for action in made._actions)
