"""A long draw is kept piece by piece: killed, it goes on where it was; its pieces depend on the request alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.records import Completion, Sampling
from selfboot.sampling import pieces as pieces_module
from selfboot.sampling.pieces import PIECE_TOKENS, draw_in_pieces, pieces

HOT = Sampling(max_new_tokens=10, temperature=0.8, n=2)


class Counting:
    """A sampler whose text is the prompt and the seed; dies at the prompt called ``last``."""

    engine: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, last: str = "") -> None:
        self.last, self.drawn = last, list[str]()

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        if self.last in prompts:
            raise KeyboardInterrupt
        self.drawn += prompts
        assert on_done
        on_done(len(prompts))
        rows = zip(prompts, seeds, strict=True)
        return [tuple(Completion(f"{p}-{s}-{j}", 1, "eos", "") for j in range(sampling.n)) for p, s in rows]


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[Completion, ...]]]:
    monkeypatch.setattr(pieces_module, "PIECE_TOKENS", 60)  # three prompts of two times ten tokens
    prompts = [f"p{i}" for i in range(8)]

    def drawn(*samplers: Counting) -> list[tuple[Completion, ...]]:
        told: list[int] = []
        found = draw_in_pieces(samplers, prompts, HOT, range(8), tmp_path, told.append)
        assert told == sorted(told)
        assert told[-1] == 8
        return found

    return drawn


def test_a_killed_draw_goes_on_where_it_was(draw: Callable[..., list[tuple[Completion, ...]]]) -> None:
    killed, again = Counting("p7"), Counting()
    with pytest.raises(KeyboardInterrupt):
        draw(killed)
    rows = draw(again)
    assert killed.drawn == [f"p{i}" for i in range(6)]
    assert again.drawn == ["p6", "p7"]
    assert [row[1].text for row in rows] == [f"p{i}-{i}-1" for i in range(8)]


def test_a_damaged_piece_is_drawn_again(draw: Callable[..., list[tuple[Completion, ...]]], tmp_path: Path) -> None:
    whole, again = draw(Counting()), Counting()
    path = tmp_path / "piece-0001.json"
    path.write_bytes(path.read_bytes().replace(b"p4-4-0", b"p4-4-9"))
    with pytest.warns(UserWarning, match="is damaged"):
        assert draw(again) == whole
    assert again.drawn == ["p3", "p4", "p5"]


def test_several_samplers_share_a_draw_to_the_same_completions(
    draw: Callable[..., list[tuple[Completion, ...]]], tmp_path: Path
) -> None:
    """Both draw: the first piece waits until the other sampler has begun another one."""
    alone = draw(Counting())
    for path in tmp_path.iterdir():
        path.unlink()
    both = Barrier(2)
    first, second = Meeting(both), Meeting(both)
    assert draw(first, second) == alone
    assert sorted(first.drawn + second.drawn) == [f"p{i}" for i in range(8)]
    assert first.drawn
    assert second.drawn


class Meeting(Counting):
    """A sampler whose first piece is drawn when another's is."""

    def __init__(self, both: Barrier) -> None:
        super().__init__()
        self.both: Barrier | None = both

    def generate(self, *args: Any, **options: Any) -> list[tuple[Completion, ...]]:
        both, self.both = self.both, None
        if both:
            both.wait(60)
        return super().generate(*args, **options)


@given(st.integers(0, 2000), st.integers(1, 64), st.integers(1, 4000), st.sampled_from([0.0, 0.8]))
def test_pieces_hold_every_prompt_once_and_few_tokens(prompts: int, n: int, tokens: int, temperature: float) -> None:
    samples = n if temperature else 1
    found = [list(range(prompts))[part] for part in pieces(prompts, Sampling(tokens, temperature=temperature, n=n))]
    assert [prompt for part in found for prompt in part] == list(range(prompts))
    assert all(len(part) == 1 or len(part) * samples * tokens <= PIECE_TOKENS for part in found)
    assert all(found)


def test_the_longest_draw_of_the_paper_is_in_thirteen_pieces() -> None:
    """AIME: 64 samples of 2,000 tokens for each of 90 problems."""
    assert len(pieces(90, Sampling(2000, temperature=0.6, n=64))) == 13
