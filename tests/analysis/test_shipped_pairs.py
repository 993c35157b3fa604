"""Every pair file that the repository ships passes the audit, in the sandbox, against the benchmark it is scored on."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.analysis.audit import audit
from selfboot.benchmarks.base import load_benchmark
from selfboot.grading.code import CodeGrader
from selfboot.paths import DATA

SHIPPED = sorted((DATA / "pairs").rglob("*.jsonl"))


def test_there_are_shipped_pairs() -> None:
    assert SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(DATA / "pairs")))
def test_a_shipped_file_passes_the_audit(path: Path) -> None:
    wrong_on_purpose = ["fixed fails"] if path.stem.startswith("form-only") else []
    with CodeGrader(workers=1) as grader:
        found = audit(path.read_text(encoding="utf-8"), grader, "minieval", load_benchmark("minieval").tasks)
    assert [finding.message for finding in found.failed(allow=wrong_on_purpose)] == []
    assert "benchmark structure" not in found.counts, "a training solution is a benchmark's, up to renaming"
    if wrong_on_purpose:
        assert found.counts["fixed fails"] == found.items
