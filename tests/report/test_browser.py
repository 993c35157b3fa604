"""The page in a real browser, opened from disk: no request leaves, evidence in two clicks, keyboard, themes, print.

Needs Chromium (Debian: apt-get install chromium) and playwright (pip install playwright; its own browsers are not
used). Without them these tests are skipped; CHROMIUM names another executable.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
STILL = "document.documentElement.style.scrollBehavior = 'auto'"
TOP = "document.querySelector('#samples h2').getBoundingClientRect().top"
Open = Callable[..., Any]


def until(tab: Any, expression: str) -> None:
    """Wait until it is true. (The page's policy forbids the eval that playwright's own waiting needs.)"""
    for _ in range(100):
        if tab.evaluate(expression):
            return
        tab.wait_for_timeout(50)
    pytest.fail(f"never true: {expression}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright to check the page")
    if not CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in CHROMIUM")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any, page: Path) -> Iterator[Open]:
    """Opens the report; afterwards: nothing but the file itself was asked for, and nothing went wrong in the page."""
    asked: list[str] = []
    said: list[str] = []
    contexts = []

    def open_page(**options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(page.as_uri())
        if options.get("java_script_enabled", True):
            tab.wait_for_selector("#browser:not([hidden])")
            tab.evaluate(STILL)
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert set(asked) == {page.as_uri()}
    assert said == []


def test_no_request_leaves_and_no_script_but_ours_runs(opened: Open, hostile_text: str) -> None:
    tab = opened()
    tab.locator("#find").fill("onerror")
    assert "owned" not in tab.title()
    shown = tab.locator("#task .arm pre").first.text_content()
    assert shown.replace("\0", "\ufffd") == hostile_text.replace("\0", "\ufffd")
    assert tab.locator("#task img, #task svg, #task script").count() == 0


def test_even_a_script_in_the_page_could_not_reach_out(browser: Any, page: Path) -> None:
    tab = browser.new_page()
    failed: dict[str, str] = {}
    finished: list[str] = []
    tab.on("requestfailed", lambda request: failed.update({request.url: request.failure}))
    tab.on("requestfinished", lambda request: finished.append(request.url))
    tab.goto(page.as_uri())
    assert tab.evaluate("fetch('https://example.org/').then(() => 'left', () => 'kept')") == "kept"
    tab.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.org/a.png'}))")
    injected = "Object.assign(document.createElement('script'), {textContent: 'document.title = \\'owned\\''})"
    tab.evaluate(f"document.body.append({injected})")
    assert "owned" not in tab.title()
    tab.wait_for_timeout(100)
    assert finished == [page.as_uri()]
    assert set(failed.values()) <= {"csp"}, "blocked by the page's own policy, not by this machine's network"
    tab.close()


def test_any_evidence_in_two_clicks(opened: Open, lab: Any) -> None:
    tab = opened()
    claims = tab.locator(".cases tbody th a")
    assert claims.count() == len(lab.results)
    for place in range(claims.count()):
        claim = claims.nth(place)
        card = tab.locator(str(claim.get_attribute("href")))
        claim.click()
        assert card.is_visible()
        card.get_by_role("link", name="samples").last.click()
        until(tab, f"{TOP} >= 0 && {TOP} < 200")  # the page follows the address when it hears of it
        assert tab.locator("#task .arm").count() >= 1
        assert "def " in tab.locator("#task pre").first.text_content()


def test_two_runs_side_by_side_with_their_difference(opened: Open, lab: Any) -> None:
    tab = opened()
    tab.locator(".cases tbody tr", has_text="recipe-7b[mini-7]").first.get_by_role("link", name="samples").click()
    before, after = tab.locator("#task .arm h4").all_text_contents()
    assert after == "trained, seed 7, recipe-7b[mini-7]"
    assert before.endswith("[mini]"), "the base's score is named by the first claim that rests on it"
    tab.locator("#filter").select_option("gained")
    gained = tab.locator("#tasks button").count()
    tab.locator("#filter").select_option("lost")
    lost = tab.locator("#tasks button").count()
    base, trained = (lab.solved(e.id) for e in lab.results[0].evidence if e.kind == "score")
    assert gained - lost == trained - base
    assert tab.locator("#task .diff .add, #task .diff .del").count() > 0
    tab.locator("#filter").select_option("kind:empty")
    assert "(empty)" in tab.locator("#task .arm pre").first.text_content()


def test_several_draws_can_be_paged(opened: Open) -> None:
    tab = opened()
    tab.locator(".cases tbody tr", has_text="determinism").get_by_role("link", name="samples").click()
    assert "draw 1 of 8 shown" in tab.locator("#task .arm").text_content()
    tab.get_by_role("button", name="next").click()
    assert "draw 2 of 8 shown" in tab.locator("#task .arm").text_content()


def test_the_keyboard_is_enough(opened: Open) -> None:
    tab = opened()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.locator("#tasks button").first.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    assert tab.locator("#task h3").text_content() == "HumanEval/2"
    assert tab.evaluate("document.activeElement.getAttribute('aria-current')") == "true"
    assert tab.url.endswith("/2")
    tab.locator("#find").fill("no such words anywhere")
    assert "No task is left" in tab.locator("#task").text_content()


def test_an_address_leads_to_the_sample(opened: Open, lab: Any) -> None:
    tab = opened()
    base, trained = (e.id for e in lab.results[0].evidence if e.kind == "score")
    tab.evaluate(f"location.hash = '#samples/{base}/{trained}/5'")
    until(tab, "document.querySelector('#task h3').textContent === 'HumanEval/5'")
    tab.evaluate("location.hash = '#samples/nonsense/x/y'")
    assert tab.locator("#task h3").text_content() == "HumanEval/5"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_screen_needs_no_sideways_scrolling(opened: Open, width: int) -> None:
    tab = opened(viewport={"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_light_and_dark(opened: Open) -> None:
    grounds = [
        opened(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    light, dark = (sum(map(int, ground.removeprefix("rgb(").rstrip(")").split(","))) for ground in grounds)
    assert light > 600
    assert dark < 150


def test_without_scripts_everything_but_samples_is_there(opened: Open, lab: Any) -> None:
    tab = opened(java_script_enabled=False)
    assert tab.locator(".cases tbody tr").count() == len(lab.results)
    assert tab.locator("figure svg").count() == 5
    assert "needs JavaScript" in tab.locator("#samples").inner_text()


def test_it_prints(opened: Open) -> None:
    tab = opened(color_scheme="dark")
    assert len(tab.pdf(format="A4")) > 20_000
    tab.emulate_media(media="print")
    assert not tab.locator("header.top").is_visible()
    assert not tab.locator("#samples").is_visible()
    assert tab.locator("h1").is_visible()
    assert tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()") == "#1c1e21"


def test_nothing_is_cut_off_in_print(opened: Open) -> None:
    tab = opened(viewport={"width": 703, "height": 1000})  # A4 without its margins, in CSS pixels
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    wide = "[...document.querySelectorAll('main table')].filter((t) => t.getBoundingClientRect().right > 703)"
    assert tab.evaluate(f"{wide}.map((t) => t.textContent.slice(0, 80))") == []
