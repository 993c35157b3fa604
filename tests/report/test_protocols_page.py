"""The table of every claim against the paper's scripts: up to date, and no difference without a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from selfboot.errors import DataError
from selfboot.registry import Claim, registry
from selfboot.report import protocols
from selfboot.report.protocols import PAGE, Compared, check, compared, page


def changed(claim: Claim, **changes: object) -> list[str]:
    """The differences of a claim with other settings at the paper's scale."""
    other = replace(claim.scales["paper"], **changes)  # type: ignore[arg-type]
    found = compared(replace(claim, scales={**claim.scales, "paper": other}))
    assert found
    return list(found.differences())


def test_the_page_is_up_to_date() -> None:
    check()
    assert PAGE.read_text(encoding="utf-8") == page(), "claims/protocols.md is stale: `selfboot claims --protocols`"


def test_the_headline_has_no_difference() -> None:
    found = compared(registry()["recipe-7b"])
    assert isinstance(found, Compared)
    assert [draw.name for draw in found.made] == [
        f"{phase} on humaneval in paper-chat, greedy" for phase in ("base", "trained")
    ]
    assert list(found.differences()) == []


def test_pairs_are_those_that_the_arm_trains_on() -> None:
    """A claim's own file, those that it compares, what it mines; "none" only where nothing is trained."""
    said = {part.split("`")[0]: part for part in PAGE.read_text(encoding="utf-8").split("\n## `")[1:]}
    for name, pairs in (("recipe-7b", "pairs_7b_40"), ("control", "control-mbpp"), ("star", "mined in the run")):
        assert f"; pairs {pairs}\n" in said[name], name
    none = {name for name, part in said.items() if "; pairs none\n" in part}
    recipes = {name: registry()[name].scales["paper"].recipe for name in none}
    assert not any(recipes.values()), recipes


def test_what_is_changed_is_named() -> None:
    claim = registry()["recipe-7b"]
    assert changed(claim, benchmark="humaneval:80") == [
        "made by no script: base on humaneval:80 in paper-chat, greedy",
        "made by no script: trained on humaneval:80 in paper-chat, greedy",
        "evals/confirm.py, not made here: both on humaneval in paper-chat, greedy",
    ]
    two = changed(claim, scripts=("recipe/multi_pair_14b.py",))
    assert "evals/confirm.py is not followed" in two
    assert "recipe/multi_pair_14b.py mines, not here" in two


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"evals/confirm.py trains by confirm, not here"', '"evals/confirm.py trains"', "is no difference any more"),
        ('[cross-llama]\n"experiments', '[cross-coder]\n"experiments', r"\[cross-coder\].*is no difference any more"),
        (
            '"nothing is trained: that is the control"',
            '""',
            r"\[training-free\]: no reason for 'evals/confirm.py trains",
        ),
    ],
)
def test_a_reason_goes_with_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    text = protocols.DIFFERENCES.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "differences.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(protocols, "DIFFERENCES", tmp_path / "differences.toml")
    with pytest.raises(DataError, match=message):
        check()
