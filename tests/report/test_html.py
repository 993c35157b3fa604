"""The page: one file under 5 MB that asks nothing of a network, shows hostile text as text, and says what matters."""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report_parts import BASE, contrast

from selfboot.baselines import baselines
from selfboot.cli import report as cli_report
from selfboot.errors import DataError, StoreError
from selfboot.judging import calibration
from selfboot.judging.mutants import MUTANTS
from selfboot.judging.results import save
from selfboot.judging.seeds import recorded_of_paper
from selfboot.protocols.base import Arm
from selfboot.registry import registry
from selfboot.report import html
from selfboot.report.brief import compact
from selfboot.report.cells import number, seconds
from selfboot.report.evidence import Shelf
from selfboot.report.gather import gather
from selfboot.report.html import LIMIT, policy, write_report
from selfboot.report.noticed import noticed
from selfboot.report.rates import recorded


class Page(HTMLParser):
    """Elements, ids and addresses of a page, and whether its elements nest."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})
    FORGIVING = frozenset({"path", "use", "defs", "rect", "g"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.hrefs: list[str] = []
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.ids += [value or ""] if name == "id" else []
            self.hrefs += [value or ""] if name in ("href", "xlink:href") else []
            self.sources += [value or ""] if name in ("src", "srcset", "action", "data") else []
            self.handlers += [name] if name.startswith("on") else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"


def packed(text: str) -> dict[str, Any]:
    data = re.search(r'<script type="text/plain" id="packed">([A-Za-z0-9+/=]*)</script>', text)
    assert data is not None
    return dict(json.loads(gzip.decompress(base64.b64decode(data[1]))))


def test_one_file_under_the_limit(page: Path) -> None:
    assert 100_000 < page.stat().st_size < LIMIT == 5_000_000
    assert sorted(file.name for file in page.parent.iterdir()) == ["report.html", "report.json", "report.md"]


def test_the_page_is_well_formed_and_all_its_links_lead_somewhere(page: Path) -> None:
    read = Page(page.read_text(encoding="utf-8"))
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    inside = {href[1:] for href in read.hrefs if href.startswith("#") and not href.startswith("#samples/")}
    assert inside <= set(read.ids)
    scores = packed(page.read_text(encoding="utf-8"))["scores"]
    linked = {id for href in read.hrefs if href.startswith("#samples/") for id in href.split("/")[1:]}
    assert linked
    assert linked <= set(scores)


def test_nothing_is_asked_of_a_network(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    read = Page(text)
    assert read.sources == []
    assert read.handlers == []
    assert {href for href in read.hrefs if not href.startswith("#")} == {"report.md", "report.json"}
    assert "@import" not in text
    assert "url(http" not in text
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script is not None
    assert policy(script[1]).replace("'", "&#39;") in text
    assert "default-src 'none'" in policy("x")
    assert policy("x") != policy("y")


def test_what_a_model_wrote_never_becomes_markup(page: Path, hostile_text: str) -> None:
    text = page.read_text(encoding="utf-8")
    assert "owned" not in text
    assert Page(text).tags.count("script") == 2
    assert "img" not in Page(text).tags
    assert any(hostile_text in entry for entry in packed(text)["texts"])


def test_hostile_words_in_results_are_escaped(empty_lab: Any, hostile_text: str, tmp_path: Path) -> None:
    score = empty_lab.score("s", 0.5, [lambda task: (hostile_text, hostile_text, "error")])
    words = dict.fromkeys(("title", "paper", "model"), hostile_text)
    odd = replace(contrast(reason=hostile_text), name=hostile_text, details={hostile_text: hostile_text})
    arms = {BASE: ("score", score), Arm("trained", hostile_text, hostile_text, hostile_text): ("score", score)}
    result = empty_lab.result("recipe-7b", "mini-7", arms, parts=(odd,), **words)
    path = write_report([result], empty_lab.store, tmp_path)
    read = Page(path.read_text(encoding="utf-8"))
    assert read.handlers == []
    assert read.tags.count("script") == 2
    assert "img" not in read.tags
    assert "49" not in path.read_text(encoding="utf-8").split("&lt;/script&gt;")[1][:400], "a template ran"
    assert "<script" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_every_case_has_a_card_and_samples_in_reach(page: Path, lab: Any) -> None:
    text = page.read_text(encoding="utf-8")
    for result in lab.results:
        assert f"{result.section} · {result.name}" in text
    rows = re.findall(r'<tr(?: class="same")?>\n<th scope="row"><a (?:class="id" )?href="#(case-[^"]*)"', text)
    assert len(rows) == len(lab.results)
    for anchor in rows:
        card = text[text.index(f'id="{anchor}"') :]
        assert 'href="#samples/' in card[: card.index("</article>")]


def test_trial_runs_are_marked_and_kept_out_of_the_count(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    papers = sum("paper" in claim.scales for claim in registry().values())
    said = (
        f"Paper's models: 0 of {papers} claims run. Mini model: 2 of 5 claims as calibrated, 1 drifted, 2 unsettled;"
        " of their directions 3 like the paper, 1 opposite, 1 no effect."
    )
    assert said in text.replace("&#39;", "'")
    assert "trial run (random weights): no reproduction" in text
    assert text.index("The same tests on random weights") > text.index("Paper and measured")


def test_markup_in_a_reason_is_text(page: Path) -> None:
    assert "some &lt;b&gt;markup&lt;/b&gt;" in page.read_text(encoding="utf-8")


def test_the_map_leads_to_the_evidence_of_every_claim_that_was_run(page: Path, lab: Any) -> None:
    text = page.read_text(encoding="utf-8")
    found = text[text.index('<div class="map">') : text.index("Paper and measured")]
    links = re.findall(r'<a href="#(case-[^"]*)" title="([^;]*); ', found)
    assert len(links) == len({result.claim for result in lab.results})
    assert all(f'id="{anchor}"' in text for anchor, _ in links)
    assert ("case-organism-0-stop-strings-mini", "drifted") in links
    assert found.count("</th>") >= len(registry())


def test_other_peoples_numbers_and_error_rates_have_sections_of_their_own(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("&#39;", "'")
    others = text[text.index('id="others"') : text.index('id="claims"')]
    for one in baselines().values():
        assert one.source in others
        assert one.protocol in others
    errs = text[text.index('id="errs"') : text.index('id="environment"')]
    assert all(f">{claim}</th>" in errs for claim in (*recorded(), *recorded_of_paper(), *noticed()))
    assert all(name in errs for name in MUTANTS)


def test_the_copies_say_the_same(page: Path, lab: Any) -> None:
    table = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert table["counts"] == {"as calibrated": 4, "drifted": 1, "unsettled": 2}
    assert (len(table["results"]), len(table["trial_runs"])) == (7, 1)
    assert table["figures"][0]["id"] == "fig-headline"
    control = next(lift for lift in table["lifts"] if lift["claim"] == "control")
    assert set(control["groups"]["own 21"]["solved"]) == {"7", "13"}
    assert sum(control["base"]["failures"].values()) == 164
    text = (page.parent / "report.md").read_text(encoding="utf-8")
    assert "2 of 5 claims as calibrated" in text
    for result in lab.results:
        assert result.name.replace("[", r"\[").replace("]", r"\]") in text


def test_a_case_that_could_not_be_judged_today_says_so(
    small_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "lacking", lambda claim, _: "other settings" if claim == "control" else None)
    text = write_report(small_lab.results, small_lab.store, tmp_path).read_text(encoding="utf-8")
    said = "was judged by other settings or bands than there are now"
    assert text.count(said) == 1
    assert f"control[mini] {said}" in text


def test_the_same_results_give_the_same_page(small_lab: Any, tmp_path: Path) -> None:
    def bare(path: Path) -> str:
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", path.read_text(encoding="utf-8"))

    first, second = (write_report(small_lab.results, small_lab.store, tmp_path / name) for name in ("1", "2"))
    assert bare(first) == bare(second)


def test_a_store_without_results_gives_a_page_that_says_so(empty_lab: Any, tmp_path: Path) -> None:
    text = write_report([], empty_lab.store, tmp_path).read_text(encoding="utf-8")
    assert "No claim has been judged yet" in text
    assert Page(text).open == []
    assert 'id="packed"' not in text


def test_a_folder_that_cannot_be_written_is_named(empty_lab: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        write_report([], empty_lab.store, tmp_path / "file" / "out")


def test_a_page_over_the_limit_is_refused(empty_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "LIMIT", 1000)
    with pytest.raises(StoreError, match="more than 1,000"):
        write_report([], empty_lab.store, tmp_path)


def test_numbers_for_people() -> None:
    assert [seconds(x) for x in (0.44, 85, 700, 11000)] == ["0.4 s", "85 s", "12 min", "3.1 h"]
    assert [number(x) for x in (3, 2.98, 51.333)] == ["3", "3", "51.3"]


def command(*words: str) -> int:
    top = argparse.ArgumentParser()
    cli_report.add_parser(top.add_subparsers())
    args = top.parse_args(["report", *words])
    return int(args.run(args))


def test_the_command(small_lab: Any, tmp_path: Path, capsys: Any) -> None:
    root = small_lab.store.root
    with pytest.raises(DataError, match="no results to report; run `pytest` first"):
        command("--store", str(tmp_path / "none"), "--out", str(tmp_path / "out"))
    save(root / "results", small_lab.results)
    assert command("--store", str(root), "--out", str(tmp_path / "out")) == 0
    assert "8 results -> " in capsys.readouterr().out
    assert (tmp_path / "out" / "report.html").exists()
    assert command("--store", str(root), "--markdown") == 0
    assert capsys.readouterr().out == compact(gather(small_lab.results, Shelf(root)))
    with pytest.raises(DataError, match="no results of scale paper"):
        command("--store", str(root), "--out", str(tmp_path / "out"), "--scale", "paper")


def test_three_scales_have_three_columns(small_lab: Any, tmp_path: Path) -> None:
    recipe = next(result for result in small_lab.results if result.claim == "recipe-7b")
    others = [
        replace(recipe, case="small", scale="small", model="smollm2-135m"),
        replace(recipe, case="paper-7", scale="paper", model="qwen2.5-7b", parts=(contrast("up", "reproduced"),)),
    ]
    text = write_report([*small_lab.results, *others], small_lab.store, tmp_path).read_text(encoding="utf-8")
    assert re.findall(r'<th scope="col">([^<]*)</th>', text)[:3] == [
        "Mini model", "Small model: smollm2-135m", "Paper&#39;s models"
    ]  # fmt: skip
    row = text[text.index('">recipe-7b</th>', text.index('<div class="map">')) :]
    words = [re.sub(r"<[^>]*>", "", cell).split(", ")[-1] for cell in row[: row.index("</tr>")].split("</td>")[:3]]
    assert [word.strip() for word in words] == ["same", "same", "reproduced"]
