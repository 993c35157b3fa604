"""Solved tasks before the question."""

from __future__ import annotations

import pytest

from selfboot.benchmarks.base import load_benchmark
from selfboot.formats import code_format
from selfboot.formats.few_shot import FewShot, solved

TASK = load_benchmark("minieval").tasks[0]
SHOTS = load_benchmark("miniseeds-functions:3").tasks


def shown(messages: object) -> str:
    return repr(messages)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_chat_has_them_as_earlier_turns(count: int) -> None:
    said: list[dict[str, str]] = []
    FewShot(code_format("chat"), SHOTS[:count]).prompt(TASK, lambda turns: said.extend(turns) or "")
    assert [turn["role"] for turn in said] == ["system", *["user", "assistant"] * count, "user"]
    assert all(TASK.prompt.strip() not in turn["content"] for turn in said[:-1]), "the question comes last"
    assert all(solved(shot) in said[2 + 2 * at]["content"] for at, shot in enumerate(SHOTS[:count]))


def test_without_shots_it_is_the_format_itself() -> None:
    for name in ("chat", "raw", "chat-tolerant"):
        form = code_format(name)
        assert FewShot(form, ()).prompt(TASK, shown) == form.prompt(TASK, shown)


def test_plain_text_has_them_in_front() -> None:
    prompt = FewShot(code_format("raw"), SHOTS).prompt(TASK, shown)
    assert prompt.startswith(SHOTS[0].prompt)
    assert prompt.endswith("\n\n" + TASK.prompt)
    compile(prompt + "    pass\n", "shots", "exec")


def test_it_reads_as_the_format_does() -> None:
    form = FewShot(code_format("raw"), SHOTS)
    assert form.program(TASK, TASK.canonical) == code_format("raw").program(TASK, TASK.canonical)
    assert form.stop == code_format("raw").stop


def test_the_shots_are_not_of_the_benchmark() -> None:
    assert not {shot.prompt for shot in SHOTS} & {task.prompt for task in load_benchmark("minieval").tasks}
