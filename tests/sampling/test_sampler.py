"""The transformers sampler against the library's own generate(), and what its results may not depend on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CONFIG_MAPPING

from selfboot.errors import DataError, UnavailableError
from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.records import Completion, Sampling
from selfboot.sampling.base import token_hash
from selfboot.sampling.transformers import ARCHITECTURES as KNOWN
from selfboot.sampling.transformers import TransformersSampler, shared_prefix
from tests.tiny_models import ARCHITECTURES, TEXT, save_model

Make = Callable[..., TransformersSampler]
PROMPTS = [text * times for text in TEXT for times in (1, 2)]
SYSTEM = "def shared(a, b):\n    return a\n"
HOT = Sampling(max_new_tokens=24, temperature=1.0, top_p=0.9, n=3)


def generated(sampler: TransformersSampler, prompt: str, new: int) -> str:
    """transformers' own greedy text, one prompt at a time, without our cache or attention."""
    ids = torch.tensor([sampler.encode(prompt)])
    out = sampler.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=new,
        min_new_tokens=new,
        eos_token_id=None,
        pad_token_id=0,
    )
    return sampler.decode(out[0, ids.shape[1] :].tolist())


@pytest.mark.parametrize("prefix", ["", SYSTEM], ids=["apart", "shared-prefix"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_greedy_equals_generate(make: Make, architecture: str, prefix: str) -> None:
    sampler = make(architecture, rows=5)
    prompts = [prefix + prompt for prompt in PROMPTS]
    drawn = sampler.generate(prompts, Sampling(max_new_tokens=50), [0] * len(prompts))
    texts = [row[0].text for row in drawn]
    assert texts == [generated(sampler, prompt, 50) for prompt in prompts]
    assert len(set(texts)) == len(texts), "the tiny model says the same to all: nothing was compared"


OTHERS: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 64},
    "gemma": {"head_dim": 16},
    "phi": {},
    "phi3": {"sliding_window": 64},
    "olmo": {"clip_qkv": 1.0},
    "starcoder2": {"sliding_window": 64},
    "smollm3": {},
    "glm": {},
    "arcee": {},
    "qwen2": {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 0},
}


@pytest.mark.parametrize("architecture", OTHERS)
def test_other_architectures_equal_generate_too(architecture: str, tmp_path: Path) -> None:
    """Tokens, and logits beside the library's own (a temperature sees what greedy does not); windows are not left."""
    if architecture not in CONFIG_MAPPING:
        pytest.skip(f"this version of transformers has no {architecture}")
    spec = ModelSpec(architecture, str(save_model(tmp_path / "m", architecture, **OTHERS[architecture])))
    sampler = TransformersSampler(load_model(spec), load_tokenizer(spec), (), rows=5)
    prompts = [*PROMPTS[:4], SYSTEM + PROMPTS[0], SYSTEM + PROMPTS[1]]
    drawn = sampler.generate(prompts, Sampling(max_new_tokens=50), [0] * len(prompts))
    texts = [generated(sampler, prompt, row[0].tokens) for prompt, row in zip(prompts, drawn, strict=True)]
    assert [row[0].text for row in drawn] == texts
    window = OTHERS[architecture].get("sliding_window", 512)
    assert max(len(sampler.encode(p)) + row[0].tokens for p, row in zip(prompts, drawn, strict=True)) <= window
    ids = torch.tensor([sampler.encode(PROMPTS[0])])
    with torch.no_grad():
        whole = sampler.model(input_ids=ids, use_cache=False).logits
        ours = sampler._head(sampler._decoder(input_ids=ids, use_cache=False).last_hidden_state)
    torch.testing.assert_close(ours, whole)


def test_every_architecture_that_is_taken_is_compared() -> None:
    assert set(KNOWN) == {*ARCHITECTURES, *OTHERS}


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
@pytest.mark.parametrize("sampling", [Sampling(max_new_tokens=24), HOT], ids=["greedy", "sampled"])
def test_batch_size_changes_nothing(make: Make, rows: int, sampling: Sampling) -> None:
    seeds = range(len(PROMPTS))
    assert make(rows=rows).generate(PROMPTS, sampling, seeds) == make(rows=13).generate(PROMPTS, sampling, seeds)


@pytest.mark.parametrize("shuffle", range(3))
def test_order_of_prompts_changes_nothing(make: Make, shuffle: int) -> None:
    sampler, order = make(rows=4), list(range(len(PROMPTS)))
    straight = sampler.generate(PROMPTS, HOT, order)
    random.Random(shuffle).shuffle(order)
    mixed = sampler.generate([PROMPTS[at] for at in order], HOT, order)
    assert mixed == [straight[at] for at in order]


def test_a_prompt_alone_gives_what_it_gives_in_company(make: Make) -> None:
    sampler = make(rows=8)
    together = sampler.generate(PROMPTS, HOT, range(len(PROMPTS)))
    for at in (0, 5, 11):
        assert sampler.generate([PROMPTS[at]], HOT, [at]) == [together[at]]


def test_seeds_and_samples_have_streams_of_their_own(make: Make) -> None:
    sampler = make()
    drawn = sampler.generate([PROMPTS[3]] * 4, replace(HOT, n=8), [1, 2, 3, 1])
    assert drawn[0] == drawn[3]
    assert len({c.token_hash for row in drawn[:3] for c in row}) == 24
    fewer = sampler.generate([PROMPTS[3]], replace(HOT, n=3), [1])
    assert fewer[0] == drawn[0][:3]


def test_greedy_ignores_seeds_and_repeats_for_n(make: Make) -> None:
    drawn = make().generate([PROMPTS[0], PROMPTS[0]], Sampling(max_new_tokens=9, n=3), [1, 2])
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 3
    assert len(set(drawn[0])) == 1


def test_equal_requests_are_computed_once(make: Make) -> None:
    sampler = make()
    sampler.generate([PROMPTS[0]] * 50, HOT, [9] * 50)
    assert (sampler.stats.prompts, sampler.stats.rows, sampler.stats.tokens) == (50, 3, 3 * HOT.max_new_tokens)


def test_sampled_tokens_follow_the_model(make: Make) -> None:
    """First tokens of 2,000 seeds against the exact nucleus probabilities."""
    sampler, n = make(rows=500), 2000
    drawn = sampler.generate([PROMPTS[1]] * n, Sampling(max_new_tokens=1, temperature=0.7, top_p=0.8), range(n))
    ids = torch.tensor([sampler.encode(PROMPTS[1])])
    wanted = torch.softmax(sampler.model(ids).logits[0, -1].float() / 0.7, -1)
    ordered, tokens = wanted.sort(descending=True)
    size = int((ordered.cumsum(0) < 0.8).sum()) + 1
    assert size > 3, "the nucleus is too small to tell anything"
    renewed = ordered[:size] / ordered[:size].sum()
    hashes = [row[0].token_hash for row in drawn]
    counts = torch.tensor([hashes.count(token_hash([int(token)])) for token in tokens[:size]])
    assert counts.sum() == n
    assert ((counts - n * renewed).abs() <= 4.5 * (n * renewed * (1 - renewed)).sqrt() + 1).all()


def free_run(make: Make) -> tuple[TransformersSampler, list[tuple[Completion, ...]]]:
    sampler = make(rows=6)
    return sampler, sampler.generate(PROMPTS, Sampling(max_new_tokens=60), [0] * len(PROMPTS))


def test_stop_strings_cut_the_text_and_end_the_row(make: Make) -> None:
    sampler, free = free_run(make)
    stop = free[0][0].text[7:9]
    stopped = sampler.generate(PROMPTS, Sampling(max_new_tokens=60, stop=(stop,)), [0] * len(PROMPTS))
    assert [row[0].text for row in stopped] == [row[0].text.split(stop)[0] for row in free]
    hit = [row[0] for row in stopped if row[0].finish == "stop"]
    assert hit
    assert all(completion.tokens < 60 for completion in hit)
    assert sampler.stats.tokens == sum(row[0].tokens for row in stopped) < 60 * len(PROMPTS)


def test_stop_tokens_end_the_row(make: Make) -> None:
    _, free = free_run(make)
    ended = make(stop_ids=range(300, 330), rows=6).generate(PROMPTS, Sampling(max_new_tokens=60), [0] * len(PROMPTS))
    rows = [(row[0], other[0]) for row, other in zip(ended, free, strict=True)]
    assert any(row.finish == "eos" and row.tokens < 60 for row, _ in rows)
    assert all(other.text.startswith(row.text) for row, other in rows)
    assert all(row == other for row, other in rows if row.finish == "length")


def test_a_prompt_leaves_a_quarter_of_the_context_and_the_context_ends_a_row(make: Make) -> None:
    sampler = make()
    times = 450 // len(sampler.encode(TEXT[1]))
    prompt = TEXT[1] * times
    assert len(sampler.encode(prompt)) == sampler.max_prompt_tokens == 384
    drawn = sampler.generate([prompt], Sampling(max_new_tokens=200), [0])[0][0]
    assert (drawn.tokens, drawn.finish) == (512 - 384, "length")


def test_long_prompts_keep_bos_and_tail(make: Make) -> None:
    sampler, whole = make(max_prompt_tokens=20), make()
    ids = whole.encode(TEXT[1] * 3)
    assert sampler.encode(TEXT[1] * 3) == (0, *ids[-19:])
    sampler.generate([TEXT[1] * 3, "a"], Sampling(max_new_tokens=2), [0, 0])
    assert sampler.stats.truncated == 1


def test_a_small_cache_only_means_fewer_rows(make: Make) -> None:
    seeds = range(len(PROMPTS))
    small = make(cache_bytes=200_000)
    assert small.generate(PROMPTS, HOT, seeds) == make().generate(PROMPTS, HOT, seeds)
    assert small.stats.steps > 3 * HOT.max_new_tokens


def test_on_done_counts_prompts(make: Make) -> None:
    seen: list[int] = []
    make(rows=4).generate([*PROMPTS, PROMPTS[0]], HOT, [0] * (len(PROMPTS) + 1), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(PROMPTS) + 1


def test_nothing_asked_nothing_done(make: Make) -> None:
    assert make().generate([], Sampling(), []) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0}, "n=0"),
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"temperature": -1.0}, "temperature=-1"),
        ({"top_p": 0.0}, "top_p=0"),
        ({"stop": ("",)}, "an empty one"),
    ],
)
def test_meaningless_settings_are_refused(make: Make, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make().generate(["a"], replace(Sampling(), **change), [0])


def test_seeds_must_match_prompts(make: Make) -> None:
    with pytest.raises(DataError, match="2 prompts but 1 seeds"):
        make().generate(["a", "b"], Sampling(), [0])


def test_an_unknown_architecture_is_refused(make: Make) -> None:
    sampler = make()
    sampler.model.config.model_type = "gemma2"
    with pytest.raises(UnavailableError, match="not 'gemma2'"):
        TransformersSampler(sampler.model, sampler.tokenizer)


def test_the_model_is_given_back_as_it_was(make: Make) -> None:
    sampler = make()
    ids = torch.tensor([sampler.encode(PROMPTS[0])])
    before, attention = sampler.model(ids).logits, sampler.model.config._attn_implementation
    sampler.generate(PROMPTS, HOT, range(len(PROMPTS)))
    assert sampler.model.config._attn_implementation == attention == "sdpa"
    assert torch.equal(sampler.model(ids).logits, before)


def test_engine_names_what_may_change_a_result(make: Make) -> None:
    engine = make(rows=9).engine
    assert {"name", "torch", "transformers", "device", "dtype", "threads", "rows"} <= set(engine)
    assert (engine["dtype"], engine["rows"], engine["name"]) == ("float32", "9", "transformers")


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ([(1, 2, 3, 4), (1, 2, 3, 5)], 3),
        ([(1, 2, 3), (1, 2, 3, 5)], 2),  # every prompt keeps a token of its own
        ([(1, 2, 3), (2, 2, 3)], 0),
        ([(1, 2, 3)], 0),  # alone: nothing is saved
        ([(1, 2), (1, 3)], 0),  # too short to matter
    ],
)
def test_shared_prefix(prompts: list[tuple[int, ...]], expected: int) -> None:
    assert shared_prefix(prompts, least=2) == expected


def test_a_reply_may_end_at_the_end_of_text_alone(make: Make) -> None:
    """The paper's scripts go on past the end of a turn: every token ends a turn here, only one ends the text."""
    sampler = make(stop_ids=range(4096))
    turn, text = (
        sampler.generate(PROMPTS[:2], Sampling(max_new_tokens=8, end=end), [0, 0]) for end in ("turn", "text")
    )
    assert all(row[0].tokens == 1 for row in turn)
    assert all(row[0].tokens > 1 for row in text)
