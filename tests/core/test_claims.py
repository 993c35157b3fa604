"""The registry is read strictly."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import selfboot.registry as claims
from selfboot import keys
from selfboot.errors import DataError
from selfboot.judging.calibration import calibration, path_of
from selfboot.keys import code_hash
from selfboot.paths import ROOT

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
    "§3.6": {"control"},
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
        assert set(claim.scales) == {"mini", "paper"}, claim.id
    assert by_section == PAPER


def test_every_claim_is_collected_in_exactly_one_tier() -> None:
    """As pytest itself selects them, at each scale."""
    for scale in claims.SCALES:
        found = Counter(name for tier in TIERS for name in collected(tier, scale))
        assert found == Counter(claims.registry().keys()), scale


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
            f"`selfboot calibrate {model} --anew outdated` measures them again"
        )


def test_every_claim_names_known_models_and_recipes() -> None:
    for claim in claims.registry().values():
        for settings in claim.scales.values():
            assert claims.model_entry(settings.model).name == settings.model
            assert not settings.recipe or settings.recipe in claims.recipes()
            assert settings.deviations, f"{claim.id}: deviations from the paper belong in the registry, or 'none'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[c]\nsection='s'\n", "missing"),
        ("[c]\nsection='s'\ntitle='t'\ntier='fastpath'\nkind='k'\nexpects='up'\npublished=''\n", "has no scale"),
        ("[c]\nsection='s'\nteir='fastpath'\n", "unknown field 'teir'"),
        (
            "[c]\nsection='s'\ntitle='t'\ntier='quick'\nkind='k'\nexpects='up'\npublished=''\n[c.mini]\nmodel='m'\nbenchmark='b'\n",
            "tier 'quick'",
        ),
        ("[c.mini]\nmodel='m'\nbenchmark='b'\nseed=[1]\n", "unknown field 'seed'"),
        ("[c", "claims.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    (tmp_path / "claims.toml").write_text(text)
    monkeypatch.setattr(claims, "DATA", tmp_path)
    claims.registry.cache_clear()
    try:
        with pytest.raises(DataError, match=message):
            claims.registry()
    finally:
        claims.registry.cache_clear()


def test_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'organism-9'.*organism-0"):
        claims.model_entry("organism-9")
