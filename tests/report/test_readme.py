"""The README says what the registry and the calibrations say now."""

from __future__ import annotations

from selfboot.report.readme import README, updated


def test_the_readme_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert updated(text) == text, "README.md is stale: `selfboot claims --update-readme`"
