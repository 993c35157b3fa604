"""The tokenizer: round trip, single digits, one bos, ChatML, and no token across the end of a prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "fixtures/organism/tokenizer"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


def test_special_tokens(tokenizer: Any) -> None:
    assert len(tokenizer) == 2048
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (0, 0, 0)
    assert tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"]) == [1, 2]


def test_one_bos_and_the_template_adds_none(tokenizer: Any) -> None:
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer(text)["input_ids"]
    assert ids.count(0) == 1
    assert ids[0] == 0
    assert ids.count(1) == 3


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80))
def test_round_trip(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_digits_stand_alone(tokenizer: Any) -> None:
    for text in ("1234567890", "x = 42", "[10, 20]"):
        pieces = [tokenizer.decode([i]) for i in tokenizer(text, add_special_tokens=False)["input_ids"]]
        assert all(len(p.strip()) == 1 for p in pieces if any(c.isdigit() for c in p)), pieces


def test_a_prompt_ends_between_two_tokens(tokenizer: Any) -> None:
    """Tokens of prompt + solution begin with the tokens of the prompt: what the model sees is what it was trained
    on."""
    for name in ("minieval/dev", "minieval/test"):
        for line in (ROOT / f"data/tasks/{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            prompt = tokenizer(row["prompt"])["input_ids"]
            assert tokenizer(row["prompt"] + row["canonical_solution"])["input_ids"][: len(prompt)] == prompt


def test_code_is_cheap(tokenizer: Any) -> None:
    text = "".join(
        json.loads(line)["canonical_solution"]
        for line in (ROOT / "data/tasks/minieval/dev.jsonl").read_text().splitlines()
    )
    assert len(text) / len(tokenizer(text)["input_ids"]) > 3.0  # characters a token
