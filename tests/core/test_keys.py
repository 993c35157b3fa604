"""What enters the keys: logic, and nothing that a move or a reworded comment changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.keys import code_hash, logic


def test_code_hash_sees_logic_not_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in {"aa_one": '"""Doc."""\nx = 1  # why\n', "aa_two": "x = 1\n", "aa_three": "x = 2\n"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    assert code_hash("aa_one") == code_hash("aa_two") != code_hash("aa_three")


PARTS = """
def name(x: int, width: int) -> str:
    # a comment
    return f'{x!r:<{width}}' f"{x:>3} and " 'more' + f"{x}'s"
"""


def test_logic_is_written_alike_by_every_python() -> None:
    """Python 3.11 and 3.12 split and quote f-strings differently: this is what both, and 3.13, make of them."""
    assert logic(PARTS).split("\n")[1] == (
        "    return ((114, x, ('<', (-1, width))), (-1, x, ('>3',)), ' and more') + ((-1, x), \"'s\")"
    )


def test_logic_forgets_what_does_nothing() -> None:
    assert logic('def f():\n    """Said."""\n    return 1  # why') == logic("def f():\n    return 1")
    assert logic("f'{x} a'") != logic("f'{x} b'")
    assert logic("f'{x!r}'") != logic("f'{x}'")


def test_a_moved_module_keeps_its_hash() -> None:
    old = "from selfboot.a import J\nNAMES = ['selfboot.a']\n\ndef f():\n    import selfboot.a\n    return J"
    new = "from selfboot.judging.judge import J\nNAMES = ['selfboot.judging.judge']\n\ndef f():\n    return J"
    assert logic(old) == logic(new)
    assert logic("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import x\ny = 1") == "y = 1"
    assert logic("def f():\n    import x") == "def f():\n    pass"
