"""Where claims stand: a column a scale, words by the policy, and a first screen that says no more than the results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_parts import BASE, contrast

from selfboot.analysis.verdict import VerdictStatus
from selfboot.errors import StoreError
from selfboot.judging.results import Result
from selfboot.registry import Direction, registry
from selfboot.report.answer import CAVEAT, Answer, answer, cost, kind_of
from selfboot.report.brief import LINES, append, compact
from selfboot.report.evidence import Shelf
from selfboot.report.gather import CaseView, Shown, gather
from selfboot.report.standing import Column, columns, headline, standings


def made(
    claim: str, scale: str, status: VerdictStatus = "as calibrated", direction: Direction = "up", **more: Any
) -> Result:
    known = registry()[claim]
    own = {"model": "organism-0" if scale == "mini" else "qwen2.5-7b", "case": scale, **more}
    return Result(
        claim=claim, section=known.section, title=known.title, tier=known.tier, scale=scale, paper=known.published,
        expects=known.expects, effect=None, parts=(contrast(direction, status),), **own,
    )  # fmt: skip


def answered(results: Iterable[Result], tmp_path: Path) -> Answer:
    return answer(gather(list(results), Shelf(tmp_path)))


def told(found: Answer, question: str, column: str) -> list[str]:
    place = [one.name for one in found.columns].index(column)
    cell = next(one for one in found.questions if one.words.startswith(question)).cells[place]
    return [", ".join([line.words, *(one.claim for one in line.standings)]) for line in cell]


@pytest.mark.parametrize(("scale", "status", "direction", "says", "word"), [
    ("mini", "as calibrated", "up", "agrees", "same direction"),
    ("mini", "drifted", "up", "agrees", "same direction"),
    ("mini", "as calibrated", "down", "contradicts", "opposite"),
    ("mini", "as calibrated", "none", "no effect", "no effect"),
    ("mini", "unsettled", "none", "open", "unsettled"),
    ("mini", "unsettled", "down", "contradicts", "opposite"),
    ("mini", "as calibrated", None, "open", "silent"),
    ("small", "unsettled", "up", "agrees", "same direction"),
    ("paper", "reproduced", "up", "agrees", "reproduced"),
    ("paper", "direction only", "up", "agrees", "direction only"),
    ("paper", "not reproduced", "up", "contradicts", "not reproduced"),
    ("paper", "protocol mismatch", "up", "open", "protocol mismatch"),
    ("paper", "inconclusive", "down", "open", "inconclusive"),
])  # fmt: skip
def test_what_a_claim_says(scale: str, status: Any, direction: Any, says: str, word: str) -> None:
    (one,) = standings([made("recipe-7b", scale, status, direction)])
    assert (one.says, one.word) == (says, word)


def test_the_worst_of_several_cases_counts() -> None:
    cases = [made("recipe-7b", "mini", status, direction, case=f"mini-{seed}")
             for seed, status, direction in ((7, "as calibrated", "up"), (13, "drifted", "down"))]  # fmt: skip
    (one,) = standings(cases)
    assert (one.verdict, one.agreement) == ("drifted", "opposite")


def test_every_scale_that_is_found_has_a_column_and_the_papers_comes_last() -> None:
    places = ("paper", "qwen2.5-7b"), ("small", "b"), ("small", "a"), ("mini", "organism-0"), ("mini", "organism-1")
    results = [made("recipe-7b", scale, model=model) for scale, model in (*places, ("huge", "c"))]
    assert [one.name for one in columns(results)] == [
        "Mini model", "Small model: a", "Small model: b", "huge scale: c", "Paper's models"
    ]  # fmt: skip
    assert [one.scale for one in columns([])][-1] == "paper"


def test_trial_runs_stand_nowhere() -> None:
    trial = made("recipe-7b", "small", weights="random")
    assert standings([trial]) == []
    assert Column("small", "qwen2.5-7b") not in columns([trial])


def test_the_headline_names_scales_without_bands_by_direction() -> None:
    small = [made("recipe-7b", "small", "inconclusive"), made("control", "small", "inconclusive", "up")]
    total = len(registry())
    papers = sum("paper" in claim.scales for claim in registry().values())
    said = headline(small)
    assert said[0] == f"Paper's models: 0 of {papers} claims run."
    assert said[1].startswith("Small model: qwen2.5-7b: 2 of ")
    assert said[1].endswith("of their directions 1 like the paper, 1 opposite (control).")
    assert "control" not in headline(small, named=False)[1]
    assert total >= papers


def test_the_first_screen_says_what_was_found(tmp_path: Path) -> None:
    mini = [made("recipe-7b", "mini"), made("control", "mini"), made("recipe-14b", "mini", "unsettled", "none")]
    found = answered([*mini, made("recipe-7b", "paper", "not reproduced", "none")], tmp_path)
    assert told(found, "What agrees", "Mini model") == ["1 same direction, recipe-7b"]
    assert told(found, "What contradicts", "Mini model") == ["1 opposite, control"]
    assert told(found, "What contradicts", "Paper's models") == ["1 not reproduced, recipe-7b"]
    assert "1 unsettled, recipe-14b" in told(found, "What cannot", "Mini model")
    assert any(line.endswith("run pytest --scale paper)") for line in told(found, "What cannot", "Paper's models"))
    assert told(found, "What was run", "Paper's models")[1] == "on qwen2.5-7b"


@given(st.data())
def test_every_claim_is_said_once_in_each_column(data: st.DataObject) -> None:
    """Whatever came out: what agrees, contradicts, has no effect or cannot be said is every claim that ran, once."""
    words = {
        "mini": ("as calibrated", "drifted", "unsettled"),
        "paper": ("reproduced", "direction only", "not reproduced", "protocol mismatch", "inconclusive"),
    }
    ways = st.sampled_from(("up", "down", "none", None))
    results = [
        made(claim, scale, data.draw(st.sampled_from(words[scale])), data.draw(ways))
        for claim, known in registry().items() for scale in known.scales if scale in words and data.draw(st.booleans())
    ]  # fmt: skip
    found = answered(results, Path("nowhere"))
    for place, column in enumerate(found.columns):
        said = [one.claim for question in found.questions if not question.words.startswith("What was run")
                for line in question.cells[place] for one in line.standings]  # fmt: skip
        assert sorted(said) == sorted({r.claim for r in results if r.scale == column.scale})


def test_an_empty_cell_of_a_scale_that_was_not_run_does_not_read_as_nothing_agrees(tmp_path: Path) -> None:
    text = compact(gather([made("recipe-7b", "mini")], Shelf(tmp_path)))
    assert "| What agrees with the paper | 1 same direction: recipe-7b | not run |" in text
    assert "| What contradicts it | none | not run |" in text


def test_the_summary_has_at_most_sixty_lines(tmp_path: Path) -> None:
    scales = ("mini", "small", "paper")
    results = [made(claim, scale) for claim in registry() for scale in scales]
    more = [made(claim, "small", model=f"m{n}") for claim in registry() for n in range(3)]
    for some in (results, [*results, *more]):
        text = compact(gather(some, Shelf(tmp_path)))
        assert len(text.splitlines()) <= LINES == 60
        assert text.count("| boundary |") == 1
        assert CAVEAT in text


def test_claims_that_find_no_room_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfboot.report.brief.LINES", 30)
    text = compact(gather([made(claim, "mini") for claim in registry()], Shelf(tmp_path)))
    assert len(text.splitlines()) == 30
    shown = sum(f"| {claim} |" in text for claim in registry())
    assert f"| and {len(registry()) - shown} more, in the report |" in text


def test_the_summary_is_appended(tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    append([made("recipe-7b", "mini")], tmp_path, page)
    assert page.read_text().startswith("before\n## selfboot, ")
    with pytest.raises(StoreError, match="nowhere"):
        append([made("recipe-7b", "mini")], tmp_path, tmp_path / "nowhere" / "s.md")


def test_nothing_judged_is_said(tmp_path: Path) -> None:
    trial = made("recipe-7b", "mini", weights="random")
    text = compact(gather([trial], Shelf(tmp_path)))
    assert "No claim has been judged yet" in text
    assert "Not counted: 1 trial run on other weights" in text


def manifest(id: str, seconds: float, device: str = "", **engine: str) -> dict[str, Any]:
    return {"id": id, "seconds": seconds, "provenance": {"engine": {"device": device, **engine}} if device else {}}


def case(*manifests: dict[str, Any]) -> CaseView:
    arms = tuple(Shown(BASE, "samples", one["id"], one) for one in manifests)
    return CaseView(made("recipe-7b", "paper"), None, arms, ())


def test_a_gpu_costs_dollars_and_a_cpu_time() -> None:
    h100 = manifest("a", 7200, "cuda NVIDIA H100 80GB HBM3")
    four = manifest("b", 1800, "cuda NVIDIA H100 80GB HBM3", tensor_parallel="4")
    cpu = manifest("c", 90)
    assert cost([case(h100, cpu)]) == "2.0 h on NVIDIA H100 80GB HBM3 (about $6.00); 90 s on a CPU"
    assert cost([case(four)]) == "30 min on 4 × NVIDIA H100 80GB HBM3 (about $6.00)"
    assert cost([case(h100), case(h100)]) == cost([case(h100)]), "shared evidence is paid for once"
    assert cost([case(manifest("d", 60, "cuda Unheard-of 9000"))]) == "60 s on Unheard-of 9000 (price unknown)"
    trained = {"id": "e", "seconds": 3600, "provenance": {"training": {"engine": {"device": "cuda NVIDIA L40S"}}}}
    assert cost([case(trained)]) == "60 min on NVIDIA L40S (about $1.00)"


@pytest.mark.parametrize(("device", "name"), [
    ("NVIDIA H100 80GB HBM3", "h100"), ("NVIDIA H200", "h200"), ("NVIDIA A100-SXM4-80GB", "a100-80"),
    ("NVIDIA A100-SXM4-40GB", None), ("NVIDIA GeForce RTX 4090", "rtx-4090"), ("NVIDIA L40S", "l40s"),
    ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"), ("Tesla T4", None),
])  # fmt: skip
def test_a_gpu_is_known_by_its_makers_name(device: str, name: str | None) -> None:
    found = kind_of(device)
    assert (found.name if found else None) == name


def test_links_lead_to_the_case_that_made_the_claim_bad(tmp_path: Path) -> None:
    from selfboot.report.answer import first_result

    good, bad = made("recipe-7b", "mini", case="mini-7"), made("recipe-7b", "mini", "drifted", case="mini-13")
    (one,) = standings([good, bad])
    assert first_result(one) == bad
    assert replace(one, results=(good,)).verdict == "as calibrated"
