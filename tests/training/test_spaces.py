"""What is trained on and what is drawn are the same text, to the first space, also with a SentencePiece tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.records import Sampling
from selfboot.sampling.transformers import TransformersSampler
from selfboot.training import Example, Recipe
from selfboot.training.lora import encode, train_adapter
from tests.tiny_models import save_model, save_sentencepiece

PROMPT, BODY = "def f(x):\n", "    return x"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    folder = tmp_path_factory.mktemp("sentencepiece")
    save_model(folder, bos_token_id=1, eos_token_id=2)
    save_sentencepiece(folder)
    return ModelSpec("spaced", str(folder))


def test_a_target_is_encoded_as_the_prompt_s_continuation(spec: ModelSpec) -> None:
    tokenizer = load_tokenizer(spec)
    [example] = encode(tokenizer, [Example(PROMPT, BODY + "</s>")], Recipe())
    whole = tokenizer.encode(PROMPT + BODY, add_special_tokens=False)
    assert list(example.ids) == [tokenizer.bos_token_id, *whole, tokenizer.eos_token_id]


def test_a_body_that_was_learnt_is_drawn_with_its_first_space(spec: ModelSpec, tmp_path: Path) -> None:
    examples = [Example(PROMPT, BODY + "</s>")]
    recipe = Recipe(rank=8, lr=3e-2, epochs=60, accumulation=1, dropout=0.0, schedule="constant")
    train_adapter(spec, examples, recipe, 7, tmp_path / "a")
    model = load_model(spec, adapter=tmp_path / "a")
    sampler = TransformersSampler(model, load_tokenizer(spec), (2,))
    [[completion]] = sampler.generate([PROMPT], Sampling(20), [0])
    assert (completion.text, completion.finish) == (BODY, "eos")
    [[stopped]] = sampler.generate([PROMPT], Sampling(20, stop=("turn",)), [0])
    assert (stopped.text, stopped.finish) == ("    re", "stop")
