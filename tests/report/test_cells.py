"""What a result says in a table: the same in terminal, page, Markdown and README."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from report_parts import contrast

from selfboot.judging.checks import checks
from selfboot.judging.decide import decide
from selfboot.judging.results import Asked, Part, to_json
from selfboot.judging.weights import honest
from selfboot.protocols.base import Arm, Run
from selfboot.registry import Direction, registry
from selfboot.report.cells import band, direction, label, markdown_table, measured, natural, properties
from selfboot.report.terminal import render


def test_a_difference_stands_beside_the_band_of_differences(empty_lab: Any) -> None:
    result = empty_lab.result("recipe-7b", "mini-7", {}, parts=(contrast(before=25, after=96),))
    assert measured(result) == "25 → 96 (+71)"
    assert "25 → 96 (+71)" in render([result], 160)
    score = replace(result, parts=(contrast(before=25, after=96, difference=False),))
    assert measured(score) == "25 → 96", "its band is one of scores"
    thirds = replace(contrast(), details={"difference": -2.666})
    assert measured(replace(result, parts=(thirds,))) == "25 → 96 (-2.7)"


def test_a_retry_shows_both_figures(empty_lab: Any) -> None:
    first = contrast(before=25, after=150)
    result = empty_lab.result("recipe-7b", "mini-7", {}, parts=(replace(contrast(), first=first),))
    assert measured(result) == "25 → 150; then 25 → 96 (+71)"


@pytest.mark.parametrize(("part", "said"), [
    (Part("rate", "rate", "as calibrated", "", Asked("rate below", limit=0.05), (1,), of=64), ("1 of 64", "< 5%")),
    (Part("identical", "identical", "as calibrated", "", Asked("all"), (342,), of=342),
     ("342 of 342 identical", "all")),
    (Part("plateau", "plateau", "as calibrated", "", Asked("plateau"), (98, 97), (25,)),
     ("25 → 98 → 97", "round 1 brings most")),
    (Part("sweep", "sweep", "as calibrated", "", Asked("rise", limit=27), (51, 91.3)), ("51 → 91", "rise ≥ 27")),
    (Part("base", "figure", "as calibrated", "", Asked("band", 18.9, 31.2), (25.0,)), ("25", "19–31")),
    (Part("s", "synergy", "as calibrated", "", Asked("above zero"), (21, 20, 19)), ("21, 20, 19", "> 0")),
])  # fmt: skip
def test_every_kind_of_part_says_its_figures_and_its_band(empty_lab: Any, part: Part, said: tuple[str, str]) -> None:
    result = empty_lab.result("recipe-7b", "mini-7", {}, parts=(part,))
    assert (measured(result), band(result)) == said


@pytest.mark.parametrize(("claim", "ours", "shown"), [
    ("control", "none", "same direction"), ("control", None, "silent"),
    ("control", "up", "opposite: paper none, ours up"), ("recipe-7b", "down", "opposite: paper up, ours down"),
    ("recipe-7b", "none", "no effect"),
])  # fmt: skip
def test_a_direction_is_one_of_four_words(empty_lab: Any, claim: str, ours: Direction | None, shown: str) -> None:
    result = empty_lab.result(claim, "mini", {}, parts=(replace(contrast(), direction=ours),))
    assert direction(result) == shown


def test_a_size_is_a_share_of_the_tasks(empty_lab: Any) -> None:
    """The paper's recipe gains 78.7 of 164; ours as many of as many, and a tenth of it."""
    for gained, shown in ((78.7, "same direction, 1.0 × its size"), (7.9, "same direction, 0.1 × its size")):
        part = replace(contrast(), of=164, details={"difference": gained})
        assert direction(empty_lab.result("recipe-7b", "mini-7", {}, parts=(part,))) == shown


def test_reproduced_is_never_said_of_our_own_model(empty_lab: Any) -> None:
    claim = registry()["recipe-7b"]
    outcomes = {"base": [i < 25 for i in range(164)], "trained": [i < 96 for i in range(164)]}
    arms = {"base": Arm("base"), "trained": Arm("trained", seed=7)}
    run = Run({name: float(sum(flags)) for name, flags in outcomes.items()}, arms, outcomes, drawn=honest(arms))
    ours, papers = (
        decide(checks(claim, scale, replace(claim.scales[scale], seeds=(7,))), lambda _: [run])
        for scale in ("mini", "paper")
    )
    result = empty_lab.result("recipe-7b", "mini-7", {}, parts=ours.parts)
    assert "reproduced" not in " ".join(properties(result).values()) + to_json(result)
    assert {part.status for part in papers.parts} == {"reproduced"}


@pytest.mark.parametrize(("arm", "said"), [
    (Arm("base"), "base"),
    (Arm("trained", seed=13), "trained, seed 13"),
    (Arm("trained", count=40, seed=7), "40 pairs, seed 7"),
    (Arm("trained", pairs="control-own", count=21, seed=7), "control-own 21, seed 7"),
    (Arm("trained", model="organism-0", seed=7), "organism-0 trained, seed 7"),
    (Arm("trained", round=2, seed=7), "round 2, seed 7"),
    (Arm("base", "minimath:20", greedy=False, draws=8, judged="any", seed=7), "base, best of 8, minimath:20, seed 7"),
    (Arm("base", reading="wrong stop strings"), "base, wrong stop strings"),
])  # fmt: skip
def test_an_arm_in_words(arm: Arm, said: str) -> None:
    assert label(arm) == said


def test_names_of_cases_are_whole_in_the_terminal(empty_lab: Any) -> None:
    result = empty_lab.result("pair-count-sweep", "mini", {})
    assert "pair-count-sweep[mini]" in render([result], 110)


def test_numbers_in_names_are_sorted_as_numbers() -> None:
    assert sorted(["mini-13", "mini-7", "mini"], key=natural) == ["mini", "mini-7", "mini-13"]


def test_cells_stay_text() -> None:
    *_, row = markdown_table(("a", "b"), [("x|y", "<b>`1`\n2")])
    assert row == "| x\\|y | &lt;b&gt;\\`1\\` 2 |"
