"""How widely seeds differ: the paper's range and the calibration's, and a test that scores of any shape can stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from selfboot.judging import spread
from selfboot.judging.spread import Spread, agreement, spreads


def test_the_papers_and_our_seeds() -> None:
    few, many = spreads()
    assert (min(few.paper), max(few.paper)) == (95, 112)
    assert (min(many.paper), max(many.paper)) == (130, 134)
    assert min(len(few.ours), len(many.ours)) >= 30
    word, p = agreement()
    assert (word == "no effect") == (p > spread.ALPHA)


@pytest.mark.parametrize(("sds", "word"), [((8, 2), "same direction"), ((2, 8), "opposite"), ((6, 6), "no effect")])
def test_words(sds: tuple[float, float], word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, one = np.random.default_rng(1), Spread("c", (1.0,), ())
    made = tuple(replace(one, ours=tuple(rng.normal(100, sd, 30))) for sd in sds)
    monkeypatch.setattr(spread, "spreads", lambda: made)
    assert agreement()[0] == word
