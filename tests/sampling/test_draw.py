"""Drawing from logits: against a plain implementation, over the whole range of uniform numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from selfboot.records import Sampling
from selfboot.sampling.base import uniforms
from selfboot.sampling.draw import ONE, draw

LOGITS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(2, 90)),
    elements=st.floats(-12, 12, width=32),
    fill=st.nothing(),
)


def plain(logits: Any, temperature: float, top_p: float, uniform: float) -> int:
    """One row: sort, keep the most probable until their sum reaches top_p (and equals of the last), invert the CDF."""
    weights = [int(w) for w in (torch.softmax(torch.tensor(logits) / temperature, -1) * ONE).int().tolist()]
    mass, least = 0, 0
    for weight in sorted(weights, reverse=True):
        mass, least = mass + weight, weight
        if mass >= int(top_p * ONE):
            break
    kept = [weight if weight >= least else 0 for weight in weights]
    target = int(uniform * sum(kept))
    for token, weight in enumerate(kept):
        target -= weight
        if target < 0:
            return token
    raise AssertionError("the CDF does not reach its total")


@example(np.zeros((1, 2), np.float32), 1.0, 0.5, 0.5)  # two halves: each reaches top_p, so both are the nucleus
@given(LOGITS, st.floats(0.2, 2), st.floats(0.05, 1), st.floats(0, 1, exclude_max=True))
@settings(deadline=None)
def test_draw_is_the_inverse_cdf_of_the_nucleus(logits: Any, temperature: float, top_p: float, uniform: float) -> None:
    rows = torch.tensor(logits)
    drawn = draw(
        rows, Sampling(temperature=temperature, top_p=top_p), torch.full((len(rows),), uniform, dtype=torch.float64)
    )
    assert drawn.tolist() == [plain(row, temperature, top_p, uniform) for row in logits]


@given(LOGITS)
@settings(deadline=None)
def test_greedy_is_the_first_maximum(logits: Any) -> None:
    rows = torch.tensor(logits)
    assert draw(rows, Sampling(), torch.zeros(len(rows), dtype=torch.float64)).tolist() == logits.argmax(-1).tolist()


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.8, 0.95), (1.5, 0.5)])
def test_frequencies_over_a_grid_are_the_probabilities(temperature: float, top_p: float) -> None:
    logits = torch.randn(1, 300, generator=torch.Generator().manual_seed(1)) * 2
    grid = torch.arange(20_000, dtype=torch.float64) / 20_000
    found = torch.bincount(
        draw(logits.expand(len(grid), -1), Sampling(temperature=temperature, top_p=top_p), grid), minlength=300
    ) / len(grid)
    wanted = torch.softmax(logits[0] / temperature, -1)
    ordered, tokens = wanted.sort(descending=True)
    inside = tokens[: int((ordered.cumsum(0) < top_p).sum()) + 1]
    renewed = torch.zeros(300).index_copy(0, inside, wanted[inside] / wanted[inside].sum())
    assert (found - renewed).abs().max() < 2 / len(grid) + 1e-6


def test_uniforms_are_a_function_of_seed_sample_and_number() -> None:
    assert np.array_equal(uniforms(7, 3, 50), uniforms(7, 3, 400)[:50])
    streams = {tuple(uniforms(seed, sample, 4)) for seed in (-1, 0, 1, 2**40) for sample in range(8)}
    assert len(streams) == 32
    many = np.concatenate([uniforms(seed, 0, 500) for seed in range(40)])
    assert (many >= 0).all()
    assert (many < 1).all()
    assert abs(many.mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(many))


def test_uniforms_never_change_between_versions() -> None:
    """A changed stream would silently change every sampled result."""
    assert uniforms(13, 2, 3).tolist() == [0.2423385553477747, 0.5570597810483212, 0.7331532749362007]


@pytest.mark.parametrize("count", [1, 3, 50, 300, 1000])
def test_top_k_keeps_the_most_probable(count: int) -> None:
    logits = torch.randn(300, generator=torch.Generator().manual_seed(1))
    grid = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    drawn = draw(logits.expand(len(grid), -1), Sampling(temperature=1.0, top_p=1.0, top_k=count), grid)
    allowed = set(logits.topk(min(count, 300)).indices.tolist())
    assert set(drawn.tolist()) <= allowed
    assert count > 3 or set(drawn.tolist()) == allowed
