"""Lifts of known make-up are taken apart into exactly that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.analysis.decomposition import decompose, mean_tally, sentence, transitions
from selfboot.errors import DataError


def flags(text: str) -> list[bool]:
    return [char == "1" for char in text]


BASE, TOLERANT, RAW = flags("1100000000"), flags("1111100000"), flags("1100111000")


def test_a_lift_of_known_make_up() -> None:
    found = decompose(BASE, TOLERANT, [flags("0111111100")], raw=RAW)
    (seed,) = found.seeds
    assert (seed.gained, seed.form, seed.latent, seed.new, seed.lost, seed.lift) == (6, 3, 2, 1, 1, 5)
    assert (found.base, found.tolerant, found.raw, found.trained) == (2, 5, 5, (7,))
    assert found.recovered == pytest.approx(3 / 5)
    assert [found.share(part) for part in ("form", "latent", "new")] == [3 / 6, 2 / 6, 1 / 6]


def test_form_alone_leaves_no_residual() -> None:
    found = decompose(BASE, TOLERANT, [TOLERANT, TOLERANT], trained_tolerant=[TOLERANT, TOLERANT])
    assert found.recovered == 1
    assert found.share("form") == 1
    assert found.residual is not None
    assert (found.residual.difference, found.residual.two_sided) == (0, 1)
    assert found.form.difference == 3
    assert "+3 tasks without any training, 100% of the lift" in sentence(found)


def test_seeds_are_averaged_and_without_raw_nothing_is_latent() -> None:
    found = decompose(BASE, BASE, [flags("1110000000"), flags("1111100000")])
    assert found.lift == 2
    assert found.recovered == 0
    assert found.share("new") == 1
    assert found.raw is None


def test_no_lift_has_no_shares() -> None:
    found = decompose(BASE, TOLERANT, [BASE])
    assert found.recovered is None
    assert found.share("form") is None
    assert "No lift" in sentence(found)


def test_other_tasks_are_refused() -> None:
    with pytest.raises(DataError, match="tasks"):
        decompose(BASE, TOLERANT, [flags("11")])
    with pytest.raises(DataError, match="no trained score"):
        decompose(BASE, TOLERANT, [])


ROW = st.lists(st.booleans(), min_size=12, max_size=12)


@given(ROW, ROW, st.lists(ROW, min_size=1, max_size=3), ROW)
def test_parts_add_up(base: list[bool], tolerant: list[bool], trained: list[list[bool]], raw: list[bool]) -> None:
    found = decompose(base, tolerant, trained, raw)
    for seed, after in zip(found.seeds, trained, strict=True):
        assert seed.form + seed.latent + seed.new == seed.gained
        assert seed.lift == sum(after) - sum(base)
    if any(seed.gained for seed in found.seeds):
        assert sum(found.share(part) or 0 for part in ("form", "latent", "new")) == pytest.approx(1)
    sentence(found)


def test_transitions_and_tallies_are_means_over_seeds() -> None:
    moves = transitions(["run-on", "run-on", "passed"], [["passed", "run-on", "passed"], ["passed", "passed", "empty"]])
    assert moves == {
        ("passed", "passed"): 0.5, ("passed", "empty"): 0.5, ("run-on", "passed"): 1.5, ("run-on", "run-on"): 0.5,
    }  # fmt: skip
    assert sum(moves.values()) == 3
    assert mean_tally([{"run-on": 3}, {"run-on": 1, "passed": 2}]) == {"passed": 1, "run-on": 2}
    with pytest.raises(DataError, match="same tasks"):
        transitions(["passed"], [["passed", "empty"]])
    with pytest.raises(DataError, match="no tallies"):
        mean_tally([])
