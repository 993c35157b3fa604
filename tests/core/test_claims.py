"""The registry is read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

import selfboot.claims as claims
from selfboot.errors import DataError


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
