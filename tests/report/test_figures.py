"""The figures: both series, every seed a point, bands; SVG that fits both themes; present when their results are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from report_parts import contrast
from report_parts import figure as part

from selfboot.judging.results import Kind
from selfboot.protocols.base import Arm
from selfboot.registry import registry
from selfboot.report import gather as gather_module
from selfboot.report.evidence import Shelf
from selfboot.report.figures import FigureView, figures
from selfboot.report.figures.before_after import apart
from selfboot.report.figures.oracle import curve
from selfboot.report.gather import gather

SVG = "{http://www.w3.org/2000/svg}"
NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


@pytest.fixture(scope="module")
def drawn(lab: Any) -> dict[str, FigureView]:
    return {figure.id: figure for figure in figures(gather(lab.results, Shelf(lab.store.root)))}


def test_a_figure_exists_when_its_results_do(drawn: dict[str, FigureView], empty_lab: Any) -> None:
    assert list(drawn) == ["fig-headline", "fig-control", "fig-sweep", "fig-oracle", "fig-boundary"]
    assert figures(gather([], Shelf(empty_lab.store.root))) == []


def test_both_series_stand_in_every_figure(drawn: dict[str, FigureView]) -> None:
    for figure in drawn.values():
        names = [row[0] for row in figure.rows]
        assert any(name.startswith("paper") for name in names), figure.id
        assert any(name.startswith("organism-0") for name in names), figure.id
        assert "var(--paper)" in figure.svg
        assert "var(--ours)" in figure.svg


def test_every_seed_is_a_number_and_a_point(drawn: dict[str, FigureView]) -> None:
    rows = {row[0]: row for row in drawn["fig-headline"].rows}
    assert rows["paper: Qwen2.5-7B"][1:3] == ("25", "104, 112, 95")
    assert len(rows["organism-0, recipe-7b"][2].split(", ")) == 3
    assert rows["organism-0, recipe-7b"][3] == "84.3–122.8"
    assert drawn["fig-headline"].svg.count("<use") >= 3 + 1 + 3


def test_what_costs_no_training_stands_beside_the_lift(empty_lab: Any) -> None:
    weak, strong, most = (
        empty_lab.score(name, share, [lambda t: ("", "", "wrong")])
        for name, share in (("w", 0.1), ("s", 0.5), ("m", 1))
    )
    empty_lab.result("recipe-7b", "mini-7", {Arm("base"): ("score", weak), Arm("trained", seed=7): ("score", strong)})
    empty_lab.result("recipe-14b", "mini", {Arm("base"): ("score", weak), Arm("trained", seed=7): ("score", strong)})
    free = {Arm("base"): weak, Arm("base", shots=3): strong, Arm("base", reading="raw, tolerant"): most}
    empty_lab.result("training-free", "mini", {arm: ("score", id) for arm, id in free.items()})
    (headline, *_) = figures(gather(empty_lab.results, Shelf(empty_lab.store.root)))
    rows = {row[0]: row for row in headline.rows}
    assert rows["organism-0, no training: 3 shots"][2] == rows["organism-0, recipe-7b"][2]
    assert rows["organism-0, no training: raw, tolerant"][2] == "6"
    assert "solved tasks from outside the benchmark" in headline.caption
    assert not any(name.startswith("organism-0, training-free") for name in rows)
    names = list(rows)
    beside = names.index("organism-0, recipe-7b") + 1
    assert names[beside].startswith("organism-0, no training"), "not at the end, behind other claims' lifts"


def test_the_svg_is_whole_themed_and_named(drawn: dict[str, FigureView]) -> None:
    ids: set[str] = set()
    for figure in drawn.values():
        tree = ET.fromstring(figure.svg.replace("<svg ", f"<svg {NAMES} ", 1))
        own = {node.get("id") for node in tree.iter() if node.get("id")}
        assert all(str(id).startswith(figure.id) for id in own)
        assert not own & ids
        ids |= {str(id) for id in own}
        used = re.findall(r"(?:url\(|href=\")#([^)\"]*)", figure.svg)
        assert set(used) <= {str(id) for id in own}
        assert tree.get("role") == "img"
        assert figure.alt.startswith(figure.title)
        assert not re.search(r"#0([1-9])0\1(?:0\1)", figure.svg), "a colour is not themed"
        assert "DejaVu" not in figure.svg
        assert list(tree.iter(f"{SVG}text")), "text is text, not outlines"


def test_the_same_results_draw_the_same_figure(drawn: dict[str, FigureView], lab: Any) -> None:
    again = {figure.id: figure for figure in figures(gather(lab.results, Shelf(lab.store.root)))}
    assert again == drawn


@pytest.mark.parametrize("kind", ["contrast", "synergy"], ids=["as at mini scale", "as at paper scale"])
def test_synergy_is_drawn_in_percentage_points(lab: Any, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    """The difference and its band, not the scores that it is of, whichever part of the judgement it is."""
    claim = replace(registry()["control"], id="synergy-14b", kind="synergy")
    monkeypatch.setattr(gather_module, "registry", lambda: {"synergy-14b": claim})
    own = replace(contrast(before=0, after=16.4, ends=(-8.2, 41.0)), name=kind, kind=kind)
    parts = (part("raw best-of-8", 107.0, 104.7, 111.4), own)
    result = replace(lab.results[0], claim="synergy-14b", parts=parts)
    figure = next(f for f in figures(gather([result], Shelf(lab.store.root))) if f.id == "fig-synergy")
    assert [row for row in figure.rows if row[0].startswith("organism")] == [
        ("organism-0, synergy-14b", "+10.0", "-5.0 to +25.0")
    ]
    assert figure.rows[0] == ("paper: Qwen2.5-14B, 100 pairs", "+12.8", "")


def test_sampling_has_a_panel_a_benchmark_with_the_paper_s_of_its_kind(drawn: dict[str, FigureView]) -> None:
    rows = drawn["fig-oracle"].rows
    assert [row[:2] for row in rows if row[0].startswith("organism")] == [
        ("organism-0, humaneval", k) for k in ("1", "2", "4", "8")
    ]
    assert {row[0] for row in rows if row[0].startswith("paper")} == {
        "paper: Qwen3-4B-Base, HumanEval", "paper: Qwen3-8B-Base, HumanEval"
    }  # fmt: skip


def test_pass_at_k_over_tasks() -> None:
    assert [k for k, *_ in curve([8, 0], 8)] == [1, 2, 4, 8]
    assert curve([8, 0], 8)[0][1:] == pytest.approx((50.0, 50.0))
    assert curve([4, 4], 8)[0][1:] == pytest.approx((50.0, 0.0))


def test_equal_scores_are_drawn_beside_each_other() -> None:
    assert len(set(apart([5, 5, 5]))) == 3
    assert apart([1, 2, 3]) == [0, 0, 0]
