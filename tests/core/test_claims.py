"""The registry: one file beside each test of claims/, complete, in order, and read strictly."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import selfboot.registry as claims
from claims.cases import cases
from selfboot import keys
from selfboot.errors import DataError
from selfboot.judging.calibration import calibration, path_of
from selfboot.keys import code_hash
from selfboot.paths import ROOT
from selfboot.protocols.catalogue import PROTOCOLS, options_of
from selfboot.protocols.training import train_and_score
from selfboot.published import figures
from selfboot.tables import read

# What the paper claims, by section: one entry a claim, and no other.
PAPER = {
    "§2": {"stop-strings"},
    "§2.1": {"harvest-nf4"},
    "§2.3": {"curriculum-code"},
    "§3.2": {"recipe-7b", "recipe-7b-full", "recipe-14b", "recipe-14b-plus"},
    "§3.3": {"tts-4b-he", "tts-8b-he", "tts-4b-math", "tts-8b-math", "tts-aime"},
    "Table 2": {"tts-sweep"},
    "§3.4": {"self-consistency"},
    "§3.5": {"synergy-14b", "synergy-3b"},
    "§3.6": {"control", "training-free"},  # the second is no claim of the paper: the control that its lift needs
    "§3.7": {"multi-pair-14b"},
    "§3.8": {"curriculum-math", "vanilla-math"},
    "§3.9": {"cross-llama", "cross-coder", "cross-qwen3"},
    "§3.10": {"saturation", "bcb-hard", "math500-mismatch", "selfcorrect-naive", "selfcorrect-mixed", "recursive"}
    | {"code-to-math", "diversity-cued", "floor", "few-pairs-72b"},
    "§3.11": {"boundary"},
    "Figure 3": {"pair-count-sweep"},
    "Notes": {"determinism"},
    "Related work": {"star"},
}
TIERS = ("fastpath", "fullpath", "negative")


def test_the_registry_has_every_claim_of_the_paper_and_no_other() -> None:
    by_section: dict[str, set[str]] = {}
    for claim in claims.registry().values():
        by_section.setdefault(claim.section, set()).add(claim.id)
        assert set(claim.scales) >= {"mini", "paper"}, claim.id
    assert by_section == PAPER


def test_every_claim_is_collected_in_exactly_one_tier() -> None:
    """As pytest itself selects them, at each scale."""
    for scale in claims.SCALES:
        found = Counter(name for tier in TIERS for name in collected(tier, scale))
        assert found == Counter(name for name, claim in claims.registry().items() if scale in claim.scales), scale


def collected(tier: str, scale: str) -> set[str]:
    """The claims that ``pytest -m TIER --scale SCALE`` would run, by a plugin that reads their marks."""
    script = """if True:
        import sys, pytest
        class Plugin:
            def pytest_collection_finish(self, session):
                names = {mark.args[0] for item in session.items for mark in item.iter_markers("claim")}
                print("found:", *sorted(names))
        sys.exit(pytest.main(sys.argv[1:], plugins=[Plugin()]))
    """
    words = ["claims", "--collect-only", "-q", "-m", tier, "--scale", scale, "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found:")]
    return set(line.split()[1:])


@pytest.mark.parametrize("model", sorted({c.scales["mini"].model for c in claims.registry().values()}))
def test_bands_come_from_this_code(model: str) -> None:
    """Not a failure: the claims themselves show whether a change moved anything. But it must be said."""
    if not path_of(model).exists():
        pytest.skip(f"{model} is not calibrated")
    if outdated := calibration(model).outdated:
        pytest.skip(
            f"bands of {model} come from code {', '.join(sorted(outdated))}, now it is {code_hash(*keys.CALIBRATION)}; "
            f"`selfboot calibrate {model} --remeasure outdated` measures them again"
        )


def test_every_claim_names_known_models_and_recipes() -> None:
    for claim in claims.registry().values():
        for settings in claim.scales.values():
            assert claims.model_entry(settings.model).name == settings.model
            assert not settings.recipe or settings.recipe in claims.recipes()
            assert settings.deviations, f"{claim.id}: deviations from the paper belong in the registry, or 'none'"


# What the claims' files must look like

KEYS = [one.name for one in fields(claims.Claim) if one.name not in ("id", "scales")]
SETTINGS = [one.name for one in fields(claims.Settings)]


@pytest.mark.parametrize("path", claims.files(), ids=lambda path: path.stem)
def test_every_key_is_written_in_the_order_of_the_classes(path: Path) -> None:
    for name, table in read(path, "claims").items():
        scales = [scale for scale in claims.SCALES if scale in table]
        assert list(table) == [*KEYS, *scales], name
        for scale in scales:
            assert list(table[scale]) == SETTINGS, f"{name}.{scale}"


def test_every_option_of_a_protocol_is_written_in_its_order() -> None:
    for claim in claims.registry().values():
        for scale, settings in claim.scales.items():
            known = options_of(PROTOCOLS[settings.protocol]) if settings.protocol else []
            assert list(settings.options) == known, f"{claim.id}.{scale}"


def claim_tests() -> Iterator[tuple[Path, Any, list[str]]]:
    """Every test of claims/: its file, the function, the claims that it is for."""
    for path in sorted((ROOT / "claims").glob("test_*.py")):
        module = importlib.import_module(f"claims.{path.stem}")
        for name, test in vars(module).items():
            marks = getattr(test, "pytestmark", [])
            found = [p.values[0].claim.id for mark in marks if mark.name == "parametrize" for p in mark.args[1]]
            if name.startswith("test_") and found:
                yield path, test, list(dict.fromkeys(found))


def test_a_claims_file_stands_beside_its_test() -> None:
    tested: dict[str, set[str]] = {}
    for path, _, found in claim_tests():
        tested.setdefault(path.stem.removeprefix("test_"), set()).update(found)
    assert tested == {path.stem: set(read(path, "claims")) for path in claims.files()}


def test_every_docstring_has_the_papers_figures() -> None:
    """And says in at least two sentences more what is trained, sampled and compared."""
    for _, test, found in claim_tests():
        text = " ".join(test.__doc__.split())
        assert len(re.findall(r"\. [A-Z]", text)) >= 2, test.__name__
        for claim in found:
            for figure in re.findall(r"[−\d.]+", claims.registry()[claim].published):
                assert figure in text, f"{test.__name__}: {claim}, {figure}"


def test_a_test_that_names_another_protocol_is_not_collected() -> None:
    with pytest.raises(pytest.Collector.CollectError, match=r"control.*'train_on_each'.*'train_and_score'"):
        cases("control", protocol=train_and_score)
    with pytest.raises(pytest.Collector.CollectError, match="unknown claim 'contrl'"):
        cases("contrl", protocol=train_and_score)


# What is wrong is one line

CONTROL = (ROOT / "claims" / "3_6_control.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tier = "fastpath"', 'teir = "fastpath"', r"\[control\]: unknown key 'teir'; write 'tier'"),
        ('tier = "fastpath"', 'tier = "quick"', r"\[control\]: tier = 'quick'; write one of 'fastpath', "),
        ('title = "', 'titles = "', r"\[control\]: unknown key 'titles'; write 'title'"),
        ('expects = "none"', "", r"\[control\]: key 'expects' is missing; write all of: "),
        ("seeds = [1000]", "seed = [7]", r"\[control.mini\]: unknown key 'seed'; write 'seeds'"),
        ("seeds = [1000]", "seeds = 7", r"\[control.mini\]: seeds = 7; write a list, each a whole number"),
        ("seeds = [1000]", 'seeds = ["7"]', r"\[control.mini\]: seeds = \['7'\]; write a list, each a whole number"),
        ("seeds = [1000]", "", r"\[control.mini\]: key 'seeds' is missing; write all of: "),
        ("margin = 8", "margin = true", r"\[control.paper\]: margin = True; write a number"),
        ("options = {}", "options = []", r"\[control.mini\]: options = \[\]; write a table"),
        ("by_seed = false", "by_seed = 0", r"\[control.mini\]: by_seed = 0; write true or false"),
        ("{control.base} →", "{contol.base} →", r"\[control\] published: data/paper.toml has no \[contol\]"),
        ('"control.base"', '"control.bas"', r"published: data/paper.toml \[control\] has no figure 'bas'; it has: n, "),
        ('["control.base"]', '"control.base"', r"'control.base' is no list"),
        ("[control]", "[control", r"3_6_control.toml: .*; correct it there"),
        ("[control]", "x = 1\n[control]", r"x = 1 stands in no table"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    assert old in CONTROL
    with pytest.raises(DataError, match=message) as raised:
        read_claims(tmp_path, monkeypatch, {"3_6_control": CONTROL.replace(old, new, 1)})
    assert "3_6_control.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_claims_of_one_id_and_a_claim_without_a_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"2_b.toml \[control\]: another file"):
        read_claims(tmp_path, monkeypatch, {"1_a": CONTROL, "2_b": CONTROL})
    with pytest.raises(DataError, match="has no scale"):
        read_claims(tmp_path, monkeypatch, {"1_a": CONTROL.split("[control.mini]")[0], "2_b": ""})


def read_claims(folder: Path, monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> None:
    """The registry of these files instead of the checkout's."""
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    monkeypatch.setattr(claims, "CLAIMS", folder)
    claims.registry.__wrapped__()


# The paper's figures


def test_published_figures_fill_the_claims_texts() -> None:
    known = claims.registry()
    assert known["recipe-7b"].published == "25 → 104, 112, 95 of 164"
    assert known["recipe-7b-full"].published == "25 → 95–112 of 164"
    assert known["synergy-3b"].published == "−4.9 pp (3B, 36 pairs)"
    assert known["recipe-14b"].scales["paper"].published == {"base": (44,), "trained": (130, 131, 134)}
    assert known["pair-count-sweep"].scales["paper"].published["21 pairs"] == (86, 91, 95)


def test_a_difference_in_points_is_the_one_in_tasks() -> None:
    for name in ("synergy-14b", "synergy-3b"):
        entry = figures()[name]
        assert round(entry.mean("points") / 100 * entry.n) == entry.mean("tasks")


def test_every_figure_lies_within_its_tasks_and_every_origin_is_told() -> None:
    for entry in figures().values():
        assert entry.place
        assert entry.origin
        assert all(abs(value) <= entry.n for values in entry.figures.values() for value in values), entry.id


def test_every_entry_is_used() -> None:
    """By a claim of its name, or by another claim."""
    texts = "".join(path.read_text(encoding="utf-8") for path in claims.files())
    assert [e.id for e in figures().values() if f"[{e.id}]" not in texts and f"{e.id}." not in texts] == []


def test_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'organism-9'.*organism-0"):
        claims.model_entry("organism-9")
