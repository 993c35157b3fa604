"""Every verb takes any model: each kind of tokenizer and weights, evaluated, mined, trained, read with its adapter.

Tiny random models, whose text is noise: what is tested is that each verb comes to an end, or says in one line why not.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from selfboot.benchmarks.base import _LOADERS as LOADERS
from selfboot.benchmarks.base import split_name
from selfboot.cli.lab import recipe_of
from selfboot.cli.main import main
from selfboot.errors import DataError, SelfbootError, UnavailableError
from selfboot.lab import Lab
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.mining.catalogue import METHODS, usual_seeds
from selfboot.models.find import find_model, is_organism
from selfboot.pairs import read_pairs
from selfboot.paths import DATA
from selfboot.records import Sampling
from selfboot.store import RunStore
from tests.shared_files import tokenizer_folder
from tests.tiny_models import save_model, save_sentencepiece, save_tokenizer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INST = (  # as Mistral's: no system role
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %}{{ m.content }}{{ eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
SHORT = Sampling(max_new_tokens=6)
MINER = BootstrapMiner(target=1, steps=1, problems=2, problem_sampling=Sampling(6, temperature=0.9))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def with_template(folder: Path, template: str) -> Path:
    (folder / "chat_template.jinja").write_text(template)
    return folder


def stored(folder: Path, dtype: torch.dtype, shard: str = "1GB") -> Path:
    """The same model with its weights in another dtype, in shards of a size."""
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(str(folder), max_shard_size=shard)
    return with_template(folder, CHATML)


def sentencepiece(folder: Path) -> Path:
    save_model(folder)
    save_sentencepiece(folder, INST)
    return folder


def separate_tokenizer(folder: Path) -> Path:
    save_model(folder / "weights")
    (folder / "tokenizer").mkdir()
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.move(folder / "weights" / file, folder / "tokenizer" / file)
    with_template(folder / "tokenizer", CHATML)
    return folder / "weights"


def real(folder: Path, name: str, architecture: str) -> Path:
    """A random model with a real tokenizer."""
    source = tokenizer_folder(name)
    size = 1 + max(json.loads((source / "tokenizer.json").read_text())["model"]["vocab"].values()) + 400
    save_model(folder, architecture, vocab_size=size, hidden_size=16, max_position_embeddings=2048)
    for file in source.iterdir():
        shutil.copy(file, folder)
    return folder


KINDS: dict[str, Callable[[Path], Path]] = {
    "tied bf16": lambda folder: with_template(save_model(folder), CHATML),
    "untied fp16 in shards": lambda f: stored(save_model(f, tie_word_embeddings=False), torch.float16, "40KB"),
    "fp32 qwen3": lambda folder: stored(save_model(folder, "qwen3"), torch.float32),
    "sentencepiece, no system role": sentencepiece,
    "tokenizer beside it": separate_tokenizer,
    "a real qwen3 tokenizer": lambda folder: real(folder, "qwen3-base", "qwen3"),
    "a real llama tokenizer": lambda folder: real(folder, "llama-3.2-instruct", "llama"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_takes_it(kind: str, tmp_path: Path) -> None:
    model = str(KINDS[kind](tmp_path / "model"))
    pairs = read_pairs(DATA / "pairs" / "control-house.jsonl")[:2]
    with Lab(RunStore(tmp_path / "store"), graders=1, tokens=6) as lab:
        for form in ("chat", "raw"):
            assert len(lab.evaluate(model, "minieval:2", format=form, sampling=SHORT).tasks) == 2
        assert len(lab.evaluate_answers(model, "minimath:2", sampling=SHORT).tasks) == 2
        assert len(lab.mine(model, MINER, seed=7).records) == 1
        adapter = lab.train(model, pairs, "mini", seed=7)
        assert len(lab.evaluate(model, "minieval:2", sampling=SHORT, adapter=adapter).tasks) == 2


def test_a_base_model_without_a_chat_template(tmp_path: Path) -> None:
    """Raw formats work; chat is refused with the remedy, and works with a template that is named."""
    model = str(save_model(tmp_path / "model"))
    with Lab(RunStore(tmp_path / "store"), graders=1) as lab:
        lab.evaluate(model, "minieval:2", format="raw", sampling=SHORT)
        for verb in (lambda: lab.evaluate(model, "minieval:2"), lambda: lab.mine(model, MINER, seed=7)):
            with pytest.raises(DataError, match=r"no chat template; use a raw format, name a template"):
                verb()
    with Lab(RunStore(tmp_path / "store"), graders=1, chat_template="plain") as lab:
        score = lab.evaluate(model, "minieval:2", sampling=SHORT)
    assert "\n\nUser: " in (score.samples.artifact.path / "prompts.jsonl").read_text().replace("\\n", "\n")
    lab = Lab(RunStore(tmp_path / "store"), chat_template="llama-3")
    with lab, pytest.raises(DataError, match=r"stop token '<\|eot_id\|>' is not in the tokenizer"):
        lab.evaluate(model, "minieval:2", sampling=SHORT)


def test_a_named_template_is_another_model_to_the_store(tmp_path: Path) -> None:
    """Miners render their prompts as they go, so the template must be part of the key."""
    model = str(with_template(save_model(tmp_path / "model"), CHATML))
    keys = []
    for template in ("", "plain"):
        with Lab(RunStore(tmp_path / "store"), tokens=6, graders=1, chat_template=template) as lab:
            keys.append(lab.mine(model, MINER, seed=7).artifact.id)
    assert len(set(keys)) == 2


def test_the_command_line_takes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, store = str(save_model(tmp_path / "model")), ("--store", str(tmp_path / "store"))
    assert main(["evaluate", model, "minieval:1", "--format", "raw", *store]) == 0
    assert "minieval:1: 0 of 1" in capsys.readouterr().out
    assert main(["evaluate", model, "minieval:1", *store]) == 2
    assert "no chat template" in capsys.readouterr().err
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join((DATA / "pairs" / "control-house.jsonl").open(encoding="utf-8").readlines()[:2]))
    words = ["train", model, str(pairs), "--chat-template", "plain", "--out", str(tmp_path / "adapter"), *store]
    assert main(words) == 0
    words = ["evaluate", model, "minieval:1", "--format", "raw", "--adapter", str(tmp_path / "adapter"), *store]
    assert main(words) == 0


def test_seeds_and_recipe_suit_the_model(tmp_path: Path) -> None:
    """The mini models' own for them, the paper's for every other model; settings may be left out."""
    other = str(save_model(tmp_path / "model"))
    assert is_organism(find_model("organism-0"))
    assert not is_organism(find_model(other))
    for name, method in METHODS.items():
        assert bool(method.seeds) == bool(method.public)
        for organism in (True, False):
            split_name(usual_seeds(name, organism) or "none")
            assert (usual_seeds(name, organism).partition(":")[0] or "minieval") in LOADERS
    assert usual_seeds("seeded", organism=False) == "mbpp-train"
    recipes = [recipe_of(argparse.Namespace(model=name, recipe="")) for name in ("organism-1", other, "qwen2.5-7b")]
    assert recipes == ["mini", "paper-rank16", "paper-rank16"]


def test_an_architecture_without_the_usual_projections_is_refused(tmp_path: Path) -> None:
    config = GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=400, bos_token_id=0, eos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(str(tmp_path / "gpt2"))
    save_tokenizer(tmp_path / "gpt2")
    model = str(with_template(tmp_path / "gpt2", CHATML))
    with Lab(RunStore(tmp_path / "store")) as lab:
        with pytest.raises(UnavailableError, match=r"sampler knows llama.*not 'gpt2'"):
            lab.evaluate(model, "minieval:1")
        with pytest.raises(DataError, match=r"has no q_proj.*its linear layers are c_attn, c_proj, c_fc"):
            lab.train(model, read_pairs(DATA / "pairs" / "control-house.jsonl")[:1], "mini", seed=7)


def test_hub_ids_have_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up in the local cache alone; the line says how to get what is not there."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--some--model" / "snapshots" / ("a" * 40)
    with_template(save_model(snapshot), CHATML)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("a" * 40)
    assert find_model("some/model").stop_tokens == ("<|im_end|>",)
    entry = find_model(f"some/model@{'a' * 40}")
    assert (entry.source, entry.revision) == ("some/model", "a" * 40)
    with pytest.raises(UnavailableError, match=r"hf download some/model --revision v2`"):
        find_model("some/model@v2")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "config.json").write_text("{"), r"config\.json: cannot be read as JSON"),
        (lambda f: (f / "tokenizer_config.json").write_text("{"), "no usable tokenizer in"),
        (lambda f: (f / "config.json").write_text("{}"), "cannot load|model_type"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), r"no \*.safetensors.*pickled"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer in"),
    ],
)  # fmt: skip
def test_a_damaged_folder_is_said_in_one_line(tmp_path: Path, break_it: Callable[[Path], object], message: str) -> None:
    folder = with_template(save_model(tmp_path / "model"), CHATML)
    break_it(folder)
    with Lab(RunStore(tmp_path / "store")) as lab, pytest.raises(SelfbootError, match=message) as error:
        lab.evaluate(str(folder), "minieval:1", sampling=SHORT)
    assert "\n" not in str(error.value)


def test_a_shard_that_is_missing_is_said(tmp_path: Path) -> None:
    folder = stored(save_model(tmp_path / "model"), torch.float32, "40KB")
    next(folder.glob("model-00002*")).unlink()
    with Lab(RunStore(tmp_path / "store")) as lab, pytest.raises(SelfbootError, match="model-00002"):
        lab.evaluate(str(folder), "minieval:1", sampling=SHORT)
