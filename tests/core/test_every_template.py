"""Every verb and every miner on every real template: real tokenizers, tiny random models, one or two tasks each.

Some six minutes, so only where SELFBOOT_EVERY_TEMPLATE is set, beside SELFBOOT_SHARED and SELFBOOT_TOKENIZERS. What is
tested is that each comes to an end, with one BOS before every prompt; the text is noise. OLMo-2's tokenizer is not to
be had: its template, which the registry names since that tokenizer has none, writes with Llama's, which has none
either.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

import selfboot.lab.lab as lab_module
from selfboot.benchmarks.base import AnswerBenchmark, split_name
from selfboot.formats.paper import is_paper
from selfboot.lab import Lab, Samples
from selfboot.mining.catalogue import METHODS, make_miner, miner_class
from selfboot.mining.scripts import MINERS, script_miner
from selfboot.models.load import encode_prompt
from selfboot.paper.protocols import script, scripts
from selfboot.records import Item, Pair, Sampling, Solution
from selfboot.registry import recipes
from selfboot.store import RunStore
from tests.core.tiny_paper import SHARED, TOKENIZERS, shrink, tiny

SWITCH = "SELFBOOT_EVERY_TEMPLATE"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(os.environ.get(name) for name in (SWITCH, SHARED, TOKENIZERS)),
        reason=f"{SWITCH}, {SHARED} and {TOKENIZERS} are not all set",
    ),
]
CASES = {  # the model: its tokenizer, the template that is named for it
    "qwen2.5-3b": ("qwen2.5-base", ""),
    "qwen3-4b": ("qwen3-base", ""),
    "llama-3.2-3b": ("llama-3.2-base", "llama-3"),
    "llama-3.2-3b, instruct": ("llama-3.2-instruct", ""),
    "olmo2-7b": ("llama-3.2-base", "olmo-2"),
}
TOKENS, SEED = 2, 7
SMALL = {"steps": 1, "rounds": 1, "problems": 2, "pool": 2, "size": 2}
PAIR = Pair("def f(x):", ("assert f(1) == 2",), "def f(x):\n    return x", "1 != 2", "def f(x):\n    return x + 1")
SOLVED = Solution("What is 1 + 1?", "1 + 1 = 2\n#### 2", "2")
WORKED = {  # by whose pair format a recipe has: solved problems in the same hand
    True: [
        replace(SOLVED, format="paper-gsm8k"),
        replace(SOLVED, wrong="3", target="trace", format="paper-math-plain"),
    ],
    False: [SOLVED, replace(SOLVED, wrong="3", target="trace", format="math")],
}
ASKED = sorted({(split_name(s.benchmark)[0], s.format) for one in scripts().values() for s in one.scores})
OURS = [("humaneval", "chat"), ("humaneval", "raw"), ("mbpp", "mbpp"), ("bigcodebench-hard", "bcb")]
OURS += [("gsm8k", "gsm8k"), ("math500", "math"), ("aime", "aime")]
TAUGHT = [name for name, recipe in recipes().items() if not recipe.get("pad_in_loss")]  # 2,048 × the vocabulary: 1 GB


@dataclass(frozen=True)
class Subject:
    """A lab, the model in it, and that model's tokenizer."""

    lab: Lab
    model: str
    tokenizer: Any

    def check(self, samples: Samples) -> None:
        """As many tokens as were asked for, and one BOS before each prompt where the tokenizer has one."""
        assert all(one.tokens <= TOKENS for row in samples.completions for one in row)
        for line in samples.artifact.text("prompts.jsonl").splitlines():
            start, ids = encode_prompt(self.tokenizer, json.loads(line))
            assert len(start) == (self.tokenizer.bos_token_id is not None)
            assert self.tokenizer.bos_token_id not in ids


@pytest.fixture(scope="module", params=CASES)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    folder, name = tmp_path_factory.mktemp("tiny"), request.param.partition(",")[0]
    tokenizer, template = CASES[request.param]
    home = str(Path(os.environ[TOKENIZERS]) / tokenizer)
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch, folder, TOKENS)
        entry = replace(tiny(name, folder / "models"), tokenizer=home, chat_template=template)
        patch.setattr(lab_module, "find_model", lambda name: entry)
        with Lab(RunStore(folder / "store"), weights="random", tokens=TOKENS) as lab:
            yield Subject(lab, name, AutoTokenizer.from_pretrained(home))


@pytest.mark.parametrize(("task_set", "form"), [*ASKED, *OURS], ids=lambda value: str(value))
def test_every_format_is_asked_and_graded(subject: Subject, task_set: str, form: str) -> None:
    lab, name = subject.lab, f"{task_set}:2"
    kind = isinstance(lab.benchmark(name), AnswerBenchmark)
    score = (lab.evaluate_answers if kind else lab.evaluate)(subject.model, name, format=form)
    assert len(score.flags) == 2
    subject.check(score.samples)


@pytest.mark.parametrize("recipe", TAUGHT)
def test_every_recipe_trains_and_its_adapter_answers(subject: Subject, recipe: str) -> None:
    lab = subject.lab
    for items in ([PAIR, PAIR], WORKED[is_paper(recipes()[recipe]["pair_format"])]):
        adapter = lab.train(subject.model, items, recipe, SEED)
        score = lab.evaluate(subject.model, "humaneval:1", adapter=adapter)
        assert score.drawn.adapter == adapter.sha256


def test_samples_are_drawn(subject: Subject) -> None:
    talk = subject.lab.chat(subject.model)([{"role": "system", "content": "S"}, {"role": "user", "content": "Hi?"}])
    assert "S" in talk
    samples = subject.lab.sample(subject.model, [talk, "def f("], Sampling(TOKENS, 0.8, n=3), [1, 2])
    assert [len(row) for row in samples.completions] == [3, 3]
    subject.check(samples)


@pytest.mark.parametrize("method", METHODS)
def test_every_miner_of_ours_runs(subject: Subject, method: str) -> None:
    lab, source = subject.lab, METHODS[method].public.partition(":")[0]
    known = {one.name for one in fields(miner_class(method))}
    small = {name: value for name, value in SMALL.items() if name in known}
    miner = make_miner(method, f"{source}:2" if source else "", small, load=lab.benchmark)
    _mined(subject, miner, "paper-answers" if METHODS[method].trains else "")


@pytest.mark.parametrize("file", MINERS)
def test_every_script_mines(subject: Subject, file: str) -> None:
    facts, training = script(file).mining, script(file).training
    assert facts is not None
    seeds = None if facts.source == "invented" else subject.lab.benchmark(f"{facts.source.partition(':')[0]}:2")
    recipe = training.recipe if training and (training.every or facts.rounds > 1) else ""
    _mined(subject, script_miner(file, seeds, rounds=1, size=2), recipe)


def _mined(subject: Subject, miner: Any, recipe: str) -> None:
    mined = subject.lab.mine(subject.model, miner, SEED, recipe=recipe)
    assert 0 < len(mined.records) <= miner.steps
    assert all(isinstance(item, Item) for item in mined.items)
