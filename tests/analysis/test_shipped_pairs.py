"""Every pair file that the repository ships passes the audit, in the sandbox, against the benchmark it is scored on.

Released files are read too where `selfboot fetch` has put them: their known faults are the paper's, not ours to hide.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.cli.audit import audit_files, name, row
from selfboot.paths import DATA

PAIRS = DATA / "pairs"
SHIPPED = sorted(PAIRS.rglob("*.jsonl"))
RELEASED = sorted((DATA / "released").glob("*.jsonl"))
README = (PAIRS / "README.md").read_text(encoding="utf-8")
COMMAND = "selfboot audit data/pairs/*.jsonl data/pairs/*/*.jsonl --benchmark minieval --table"


def test_there_are_shipped_pairs() -> None:
    assert SHIPPED
    shown = README.partition("<!-- audit:start -->")[2].partition("<!-- audit:end -->")[0]
    assert shown.count("\n| `") == len(SHIPPED), f"data/pairs/README.md has other files: `{COMMAND}`"


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_a_shipped_file_passes_the_audit(path: Path) -> None:
    wrong_on_purpose = ["fixed fails"] if path.stem.startswith("form-only") else []
    found = audit_files([path], "minieval", jobs=1)[path]
    assert [finding.message for finding in found.failed(allow=wrong_on_purpose)] == []
    assert "benchmark structure" not in found.counts, "a training solution is a benchmark's, up to renaming"
    if wrong_on_purpose:
        assert found.counts["fixed fails"] == found.items
    assert row(name(path), found, not found.failed()) in README, f"data/pairs/README.md is stale: `{COMMAND}`"


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_a_shipped_file_says_how_it_was_made(path: Path) -> None:
    assert path.with_suffix(".provenance.json").is_file()
    made = {name(path), name(path).replace(path.parent.name, "organism-N")}
    assert any(f"--out data/pairs/{one}" in README for one in made), f"data/pairs/README.md does not name {path.name}"


@pytest.mark.skipif(not RELEASED, reason="no released pairs here: selfboot fetch --only pairs_7b_40")
def test_released_files_can_be_read_and_their_faults_are_named() -> None:
    for path, found in audit_files(RELEASED, jobs=1).items():
        assert found.items > 0
        assert "schema" not in found.counts, path.name
