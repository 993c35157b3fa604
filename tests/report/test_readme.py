"""The READMEs say what the registry, the calibrations and the last run say; they are short, and their links lead on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfboot.errors import DataError
from selfboot.judging.results import save
from selfboot.paths import ROOT
from selfboot.report import readme
from selfboot.report.others import short_table
from selfboot.report.readme import CLAIMS_README, OTHERS, README, RUN, update, update_run, updated


def test_the_tables_of_claims_are_up_to_date() -> None:
    text = CLAIMS_README.read_text(encoding="utf-8")
    assert updated(text) == text, "claims/README.md is stale: `selfboot claims --update-readme`"


def test_the_readme_is_short_and_has_the_last_run() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    assert all(text.count(marker) == 1 for marker in RUN)


def test_every_room_says_what_lives_there() -> None:
    packages = [path.parent for path in (ROOT / "selfboot").glob("*/__init__.py")]
    for room in (*packages, *(ROOT / name for name in ("claims", "data", "data/measured", "fixtures", "selfboot"))):
        assert (room / "README.md").exists(), f"{room.relative_to(ROOT)}/README.md is missing"


ROOMS = ("claims", "data", "fixtures", "selfboot")
PAGES = [*ROOT.glob("*.md"), *(page for room in ROOMS for page in (ROOT / room).rglob("README.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def test_other_peoples_numbers_in_the_readme_are_up_to_date(tmp_path: Path) -> None:
    """Where the markers stand; without them the file stays as it is."""
    text = README.read_text(encoding="utf-8")
    if OTHERS[0] in text:
        assert f"{OTHERS[0]}\n{short_table()}\n{OTHERS[1]}" in text, "`selfboot claims --update-readme`"
    claims, front = tmp_path / "claims.md", tmp_path / "README.md"
    claims.write_text(CLAIMS_README.read_text(encoding="utf-8"), encoding="utf-8")
    for before, after in ((f"a\n{OTHERS[0]}\nold\n{OTHERS[1]}\nb", short_table()), ("no markers", "no markers")):
        front.write_text(before, encoding="utf-8")
        update(claims, front)
        assert after in front.read_text(encoding="utf-8")
        assert "old" not in front.read_text(encoding="utf-8")


@pytest.fixture
def calibrated(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every claim has a band, whatever is being calibrated just now."""
    monkeypatch.setattr(readme, "lacking", lambda claim, settings: None)
    return monkeypatch


@pytest.mark.usefixtures("calibrated")
def test_the_last_fast_path_goes_between_its_markers(small_lab: Any, tmp_path: Path) -> None:
    """Without trial runs, and without another scale's or another mini model's results."""
    recipe = small_lab.results[0]
    other = (
        replace(recipe, model="organism-1", paper="organism-1's"),
        replace(recipe, case="paper-7", scale="paper"),
    )
    save(tmp_path / "results", [*small_lab.results, *other])
    page = tmp_path / "README.md"
    page.write_text(f"before\n{RUN[0]}\nold\n{RUN[1]}\nafter\n", encoding="utf-8")
    assert update_run(tmp_path / "results", page) == 7
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{RUN[0]}\n`pytest -m fastpath --scale mini -n 2` on 20")
    assert text.endswith(f"\n{RUN[1]}\nafter\n")
    cases = [line.split(" | ")[1].replace("\\", "") for line in text.splitlines() if "[mini" in line.replace("\\", "")]
    assert cases == ["stop-strings[mini]", "determinism[mini-7]", "recipe-7b[mini-7]", "recipe-7b[mini-13]",
                     "recipe-7b[mini-42]", "pair-count-sweep[mini]", "control[mini]"]  # fmt: skip
    assert "2 of 5 claims as calibrated, 1 drifted, 2 unsettled" in text
    assert "organism-1" not in text
    update_run(tmp_path / "results", page)
    assert page.read_text(encoding="utf-8") == text


def test_what_was_judged_by_other_settings_is_left_out(
    small_lab: Any, tmp_path: Path, calibrated: pytest.MonkeyPatch
) -> None:
    calibrated.setattr(readme, "lacking", lambda claim, settings: "other settings" if claim == "control" else None)
    save(tmp_path / "results", small_lab.results)
    page = tmp_path / "README.md"
    page.write_text("".join(RUN), encoding="utf-8")
    assert update_run(tmp_path / "results", page) == 6
    assert "control" not in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("calibrated")
def test_without_a_fast_path_the_readme_stays_as_it_is(small_lab: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no results of the fast path"):
        update_run(tmp_path / "none", tmp_path / "README.md")
    save(tmp_path / "results", small_lab.results)
    (tmp_path / "README.md").write_text("no markers")
    with pytest.raises(DataError, match="markers"):
        update_run(tmp_path / "results", tmp_path / "README.md")
