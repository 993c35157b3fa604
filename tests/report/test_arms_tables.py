"""What the arms change: gained tasks are counted once, intervals are right, the README shows what is recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from selfboot.cli.main import main
from selfboot.decomposition import arms, files
from selfboot.decomposition.arms import FREE, PAPERS, TRAINED, Measured, Trained, fingerprint, gains, path_of, read
from selfboot.errors import DataError
from selfboot.lab import Lab
from selfboot.report.arms import README, README_MODEL, interval, tables, updated
from selfboot.report.reviewer import topics
from selfboot.store import RunStore

N = 5
bits = st.lists(st.booleans(), min_size=N, max_size=N).map(tuple)


def flags(text: str) -> tuple[bool, ...]:
    return tuple(bit == "1" for bit in text)


def measured(ours: str, paper: str, free: dict[str, str], after: str) -> Measured:
    seeds = {7: {"ours": flags(after), "paper": flags(after)}}
    trained = Trained("recipe-7b", "trained", "mini-confirm", seeds)  # type: ignore[arg-type]
    ways = {name: flags(row) for name, row in free.items()}
    made = {"command": "c", "date": "d", "versions": {}}
    return Measured("m", {"ours": flags(ours), "paper": flags(paper)}, ways, (trained,), "", made)


def test_a_gained_task_counts_in_the_first_column_that_applies() -> None:
    free = {"base": "01000", "base, tolerant": "01100", "few-shot": "01110", "raw, tolerant": "00000"}
    found = measured("01000", "10000", free, "01111")
    took = gains(found, found.trained[0], "paper")
    assert (took.gained, took.lost) == (4, 1)
    assert (took.reading, took.tolerant, took.asking, took.new) == (1, 1, 1, 1)
    said = tables(found)
    assert "of the 4.0 tasks gained, 1.0 are won by reading the base's answers as ours does" in said
    assert "changes the untrained score by +0, a trained one by +0.0 to +0.0 tasks" in said
    assert gains(found, found.trained[0], "ours").reading == 0, "what the base solves already is not gained"


@given(bits, bits, bits, bits, bits)
def test_the_columns_add_up(
    ours: arms.Flags, paper: arms.Flags, free: arms.Flags, few: arms.Flags, after: arms.Flags
) -> None:
    found = measured("0" * N, "0" * N, {}, "0" * N)
    found = replace(found, base={"ours": ours, "paper": paper}, free={"base, tolerant": free, "few-shot": few})
    took = gains(found, Trained("c", "f", "r", {7: {"ours": after, "paper": after}}), "paper")
    assert took.reading + took.tolerant + took.asking + took.new == took.gained
    assert took.gained - took.lost == sum(after) - sum(paper)


def test_intervals_are_students() -> None:
    assert interval([3, 3, 3]) == "3.0"
    assert interval([4]) == "4.0"
    low, high = stats.t.interval(0.95, 2, 2.0, stats.sem([1, 2, 3]))
    assert interval([1, 2, 3], sign="+") == f"+2.0 [{low:+.1f}, {high:+.1f}]"


def test_the_readme_shows_what_is_recorded() -> None:
    text = README.read_text(encoding="utf-8")
    assert updated(text) == text, "stale: `selfboot arms --update-readme`"
    with pytest.raises(DataError, match="markers"):
        updated("no markers")


def test_claims_recipes_and_seeds_are_those_measured() -> None:
    found = read(path_of(README_MODEL))
    assert fingerprint(found.model) == found.settings, f"measured with other settings: `selfboot arms {found.model}`"
    assert {one.claim for one in found.trained} == set(TRAINED)
    assert {one.recipe for one in found.trained} == {*PAPERS, *PAPERS.values()}
    assert all(len(one.seeds) >= 3 for one in found.trained)
    assert found.free["base"] == found.base["ours"]


def test_what_a_reviewer_reads_of_it_is_what_was_measured() -> None:
    found = read(path_of(README_MODEL))
    one = next(one for one in found.trained if (one.claim, one.recipe) == ("recipe-7b", PAPERS["mini"]))
    took = gains(found, one, "paper")
    said = " ".join(point for topic in topics() for point in topic.points)
    assert f"gains {took.gained:.0f} tasks with forty pairs" in said
    assert f"solves {took.reading + took.tolerant + took.asking:.0f} of them" in said


def test_the_command_shows_and_refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["arms", "--show"]) == 0
    assert "are won by reading the base's answers as ours does" in capsys.readouterr().out
    store = ["--store", str(tmp_path)]
    assert main(["arms", "--seeds", "7", "7", *store]) == 2
    assert main(["arms", "--weights", "random", *store]) == 2
    assert main(["arms", "nobody", "--show"]) == 2
    error = capsys.readouterr().err
    assert "name each seed once" in error
    assert "--out" in error
    assert "selfboot arms nobody" in error


def test_one_small_claim_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pairs, six tasks: trained by both recipes, read in both ways, written, read back."""
    claims = {name: replace(one, benchmark="minieval:6") for name, one in arms.settings_of("organism-0").items()}
    small = {"pair-count-sweep": replace(claims["pair-count-sweep"], counts=(3,)), FREE: claims[FREE]}
    monkeypatch.setattr(arms, "settings_of", lambda model: small)
    monkeypatch.setattr(arms, "TRAINED", ("pair-count-sweep",))
    with Lab(RunStore(tmp_path / "store"), graders=1, tokens=40) as lab:
        content = arms.measure(lab, "organism-0", (7,), "a test")
    files.write(content, tmp_path / "out" / "organism-0.json")
    found = read(tmp_path / "out" / "organism-0.json")
    assert [(one.figure, one.recipe) for one in found.trained] == [("3 pairs", "mini"), ("3 pairs", "mini-confirm")]
    assert {len(row) for row in (*found.base.values(), *found.free.values())} == {6}
    assert "| `pair-count-sweep` | 3 pairs | `mini-confirm` |" in tables(found)
