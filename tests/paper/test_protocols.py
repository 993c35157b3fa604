"""The facts of the paper's scripts: complete, consistent with the texts, the recipes and the registry."""

from __future__ import annotations

import re

import pytest

from selfboot import published
from selfboot.errors import DataError
from selfboot.formats.paper.pairs import PAIR_FORMATS
from selfboot.formats.paper.problems import SIGNATURES
from selfboot.formats.paper.reading import ANSWERS, PROGRAMS
from selfboot.paper import protocols
from selfboot.paper.protocols import TOP_K, forms, script, scripts
from selfboot.paper.texts import place, places
from selfboot.registry import recipes, registry


def test_all_thirty_scripts_are_there_and_say_their_texts() -> None:
    """A script that scores or mines in a format is one of those that say the format's texts."""
    assert len(scripts()) == 30
    assert set(scripts()) == {one for where in places().values() for one in where.scripts}
    for file, facts in scripts().items():
        named = [score.format for score in facts.scores]
        if facts.mining is not None:
            named += [name for name in (facts.mining.format, *facts.mining.lenses) if name]
            for text in (facts.mining.problem, facts.mining.harder, facts.mining.easier, facts.mining.repair):
                assert not text or file in place(text).scripts, (file, text)
        for name in named:
            form = forms()[name]
            texts = (form.system, form.user, form.stops)
            assert all(file in place(text).scripts for text in texts if text), (file, name, texts)


def test_every_form_is_used_and_has_a_known_reading() -> None:
    used = {score.format for facts in scripts().values() for score in facts.scores}
    used |= {
        name for facts in scripts().values() if facts.mining for name in (facts.mining.format, *facts.mining.lenses)
    }
    assert used - {""} == set(forms())
    assert {form.reading for form in forms().values()} <= set(PROGRAMS) | set(ANSWERS)


def test_samples_of_transformers_scripts_have_its_own_top_k() -> None:
    for facts in scripts().values():
        for score in facts.scores:
            assert score.top_k == (TOP_K if facts.engine == "transformers" and score.temperature else 0)
        if facts.mining and facts.mining.attempt_temperature:
            assert facts.mining.top_k == (TOP_K if facts.engine == "transformers" else 0), facts.file
        assert facts.stop_tokens == ()
        assert bool(facts.truncation) == (facts.engine == "transformers" and bool(facts.scores or facts.mining))


def test_parse_rules_and_recipes_exist() -> None:
    for facts in scripts().values():
        if facts.mining and facts.mining.parse:
            assert facts.mining.parse in {*SIGNATURES, "math"}
            assert facts.mining.source == "invented"
        if facts.training:
            recipe = recipes()[facts.training.recipe]
            assert recipe["pair_format"] in PAIR_FORMATS, facts.file


def test_the_scripts_that_figures_come_from_are_known_and_name_the_claim() -> None:
    """Every claim that some released script fits is listed by that script, and no other claim is."""
    claimed = {claim for facts in scripts().values() for claim in facts.claims}
    assert claimed <= set(registry())
    named = 0
    for claim, figure in published.figures().items():
        files = re.findall(r"\w+/\w+\.py", figure.origin)
        assert set(files) <= set(scripts()), claim
        if figure.certainty == "certain":
            assert claim.removesuffix("-mbpp") in script(files[0]).claims, claim
        named += len(files)
    assert named > 30


def test_reading_is_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"unknown script 'x\.py'"):
        script("x.py")
    row = {"engine": "abacus", "claims": [], "seeds": "none"}
    with pytest.raises(DataError, match="engine = 'abacus'; write one of 'transformers', 'vllm'"):
        protocols._script("x.py", row)
    with pytest.raises(DataError, match="unknown key 'tokns'; write 'tokens'"):
        protocols._script("x.py", {**row, "engine": "vllm", "scores": [{"tokns": 1}]})
