"""The control's pairs by its script's rules: one random stream, real failures only, its own signatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.benchmarks.base import load_benchmark
from selfboot.benchmarks.mbpp import PATH_ENV
from selfboot.grading.code import CodeGrader
from selfboot.grading.scripts import ScriptGrader
from selfboot.mining.scripts_control import control_pairs, corruptions, signature_of
from selfboot.records import CodeJob, Pair
from tests.shared_files import shared


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("if a <= b and c <= d:", ["if a < b and c <= d:"]),
        ("if a == b: return a.b[0]", ["if a != b: return a.b[0]", "if a == b: return -a.b[0]"]),
        ("for i in range(n): x = i + 1", ["for i in range(n+1): x = i + 1", "for i in range(n): x = i - 1"]),
        ("return (a)", []),
    ],
)
def test_corruptions_are_the_scripts_in_its_order(code: str, found: list[str]) -> None:
    assert [broken for _, broken in corruptions(code)] == found


@pytest.mark.parametrize(
    ("code", "signature"),
    [
        ("def f(x):\n    return x", "def f(x):"),
        ('def f(x):\n    """Twice."""\n    return x', 'def f(x):\n    """Twice."""'),
        ('def f(x):\n    """\n    Twice.\n    """\n    return x', 'def f(x):\n    """\n        Twice.\n        """'),
        ("import re\ndef f(x):\n    return x", None),
        ("def f(x: int) -> int:\n    return x", None),
    ],
)
def test_signatures_are_the_scripts(code: str, signature: str | None) -> None:
    assert signature_of(code) == signature


def test_twenty_one_pairs_of_mbpp_fail_and_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the real train split: always the same ones, ``fixed`` passes, ``broken`` fails with the error recorded."""
    path: Path = shared("datasets/sanitized-mbpp.json")
    monkeypatch.setenv(PATH_ENV, str(path))
    tasks = load_benchmark("mbpp-train").tasks
    with CodeGrader(workers=1) as sandbox:
        grader = ScriptGrader(sandbox)
        pairs = [one for one in control_pairs(tasks, grader) if isinstance(one, Pair)]
        assert len(pairs) == len({pair.meta["task_id"] for pair in pairs}) == 21
        again = grader.grade([CodeJob(pair.broken, "", "\n".join(pair.tests)) for pair in pairs])
    assert [one.detail for one in again] == [pair.error for pair in pairs]
    assert not any(one.passed for one in again)
    assert all(pair.signature.startswith("def ") and pair.fixed.startswith(pair.signature[:4]) for pair in pairs)
