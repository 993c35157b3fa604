"""The control without training: who is asked how, and that a reading never draws again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from selfboot.benchmarks.base import load_benchmark
from selfboot.errors import DataError
from selfboot.formats import CodeFormat, code_format
from selfboot.formats.few_shot import FewShot
from selfboot.formats.tolerant import Forgiving
from selfboot.judging.results import Beside, Part
from selfboot.lab import Lab, by_script
from selfboot.protocols.arms import in_arm
from selfboot.protocols.base import Arm
from selfboot.protocols.catalogue import run_protocol
from selfboot.protocols.dryrun import DryRun, Step
from selfboot.registry import ArmName, Settings, registry
from selfboot.report.cells import without_training
from selfboot.store import RunStore

MINI = registry()["training-free"].scales["mini"]
TASK = load_benchmark("minieval").tasks[0]
SHOTS = load_benchmark("miniseeds-functions:3").tasks


def steps(settings: Settings, lab: Lab) -> list[Step]:
    run = DryRun(lab)
    run_protocol(run, settings, 0)
    return run.steps


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(RunStore(tmp_path_factory.mktemp("store")))


@pytest.mark.parametrize("arm", ["ours", "paper"])
def test_two_readings_of_one_question(lab: Lab, arm: ArmName) -> None:
    """Strict and tolerant share prompt and sampling, so the store holds their answers once."""
    found = steps(in_arm(MINI, arm), lab)
    asked = [form(step).prompt(TASK, repr) for step in found]
    drawn = [step.options["sampling"] for step in found]
    assert asked[0] == asked[1] != asked[2] == asked[3] != asked[4]
    assert drawn[0] == drawn[1] == drawn[2] == drawn[3]
    assert all(not step.options.get("adapter") and not step.options["sampling"].temperature for step in found)


def form(step: Step) -> CodeFormat:
    named: str | CodeFormat = step.options["format"]
    return code_format(named) if isinstance(named, str) else named


def test_only_the_papers_own_reading_is_judged_by_its_verdict() -> None:
    paper, ours = code_format("chat-as-paper"), code_format("chat")
    assert by_script(paper)
    assert by_script(FewShot(paper, SHOTS))
    assert not any(map(by_script, (ours, FewShot(ours, SHOTS), Forgiving(paper), Forgiving(FewShot(paper, SHOTS)))))


def test_a_tolerant_reading_takes_what_the_format_leaves() -> None:
    run_on = f"{TASK.prompt}{TASK.canonical}\nassert {TASK.entry_point}() == 'no such thing'\n"
    strict, forgiving = code_format("chat"), Forgiving(code_format("chat"))
    assert "no such thing" in strict.program(TASK, run_on)
    assert "no such thing" not in forgiving.program(TASK, run_on)
    assert forgiving.stop == strict.stop


def test_shots_are_programs(lab: Lab) -> None:
    with pytest.raises(DataError, match="'minimath:3': a benchmark of answers"):
        steps(replace(MINI, options={"shots": "minimath:3"}), lab)


def scored(arm: Arm, value: float) -> Beside:
    return Beside(arm, (value,), (value,), 164, 0, 0)


def test_the_last_lines_say_what_costs_no_training(result: Any) -> None:
    lift = result("recipe-7b", Part("contrast", "contrast", "as calibrated", "", None, (90.0,), (25.0,)))  # type: ignore[arg-type]
    arms = [scored(Arm("base"), 25), scored(Arm("base", shots=3), 71), scored(Arm("base", reading="tolerant"), 40)]
    free = replace(result("training-free"), beside=tuple(arms))
    (line,) = without_training([lift, free])
    assert "untrained 25, trained 90 (recipe-7b); without training 3 shots 71, tolerant 40." in line
    assert line.endswith("Of the 65 tasks gained 46 are had without training.")
    more = replace(free, beside=(arms[0], scored(Arm("base", reading="raw, tolerant"), 111)))
    assert without_training([lift, more])[0].endswith("Of the 65 tasks gained 65 are had without training.")
    assert without_training([free]) == without_training([lift]) == []
    assert without_training([replace(lift, model="organism-1"), free]) == []


@pytest.fixture
def result() -> Any:
    from selfboot.judging.results import Result

    def make(claim: str, *parts: Part) -> Result:
        return Result(claim, "mini", "", "", "fastpath", "mini", "organism-0", "", "none", None, parts)

    return make
