"""The paper's formats, recipes and miners through the Lab, on a tiny random model: every verb, no figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import selfboot.lab.lab as lab_module
from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.formats.paper.pairs import PAIR_FORMATS
from selfboot.lab import Lab
from selfboot.mining.scripts import script_miner
from selfboot.pairs import read_items
from selfboot.progress import Silent
from selfboot.records import AnswerTask, CodeTask, Sampling, Solution
from selfboot.registry import ModelEntry, recipes
from selfboot.store import RunStore
from tests.shared_files import real

TASKS = (CodeTask(f"t/{n}", f'def f{n}(x):\n    """2 x."""\n', f"f{n}", (f"assert f{n}(1) == 2",), "") for n in (1, 2))
CODE = Benchmark("two", tuple(TASKS))
ANSWERS = AnswerBenchmark("sums", (AnswerTask("a/1", "What is 1 + 1?", "2"), AnswerTask("a/2", "What is 2 + 2?", "4")))
SHORT = {"problem_tokens": 8, "attempt_tokens": 8, "greedy_tokens": 8}


@pytest.fixture
def lab(texts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    from tests.tiny_models import save_model

    folder = save_model(tmp_path / "tiny", max_position_embeddings=4096)
    turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    template = turns + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    (folder / "chat_template.jinja").write_text(template)
    entry = ModelEntry("tiny", str(folder), stop_tokens=("<|im_end|>",))
    monkeypatch.setattr(lab_module, "find_model", lambda name: entry)
    monkeypatch.setattr(lab_module, "load_benchmark", lambda name: CODE)
    monkeypatch.setattr(lab_module, "load_answers", lambda name: ANSWERS)
    with Lab(RunStore(tmp_path / "store"), progress=Silent(), graders=1) as found:
        yield found


def test_scores_in_the_papers_formats(lab: Lab) -> None:
    greedy = Sampling(8, end="text")
    assert len(lab.evaluate("tiny", "two", format="paper-chat", sampling=greedy).flags) == 2
    assert len(lab.evaluate("tiny", "two", format="paper-raw-cross", sampling=greedy).flags) == 2
    for name in ("paper-gsm8k", "paper-math-plain", "paper-aime-scaling"):
        assert len(lab.evaluate_answers("tiny", "sums", format=name, sampling=greedy).flags) == 2


def test_the_released_pairs_are_trained_on_by_the_scripts_recipes(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of each file, short: steps and lengths are the recipe's; padding is in one recipe's loss alone."""
    code: list[Any] = read_items(real("released/pairs_7b_40.jsonl"))[:4]
    solved = [one for one in read_items(real("released/pairs_math_13.jsonl"))[:4] if isinstance(one, Solution)]
    items = {"confirm": code, "released-script": code, "raw-repair": code}
    items["curriculum-answers"] = [replace(one, format="paper-gsm8k") for one in solved]
    short = {name: {**recipes()[name], "max_length": 768, "rank": 2} for name in items}
    monkeypatch.setattr(lab_module, "recipes", lambda: short)
    for name, some in items.items():
        assert short[name]["pair_format"] in PAIR_FORMATS
        found = lab.train("tiny", some, name, 7).artifact.manifest["provenance"]["training"]
        assert found["steps"] == 2
        assert (found["target_tokens"] == 2 * 4 * 767) == (name == "released-script")


@pytest.mark.parametrize("file", ["recipe/bootstrap.py", "recipe/curriculum_math.py"])
def test_a_miner_that_gets_nothing_says_so_in_its_manifest(lab: Lab, file: str) -> None:
    miner = script_miner(file, rounds=1, size=2, **SHORT)
    mined = lab.mine("tiny", miner, 1, recipe="confirm")
    assert mined.items == ()
    (alarm,) = mined.artifact.manifest["provenance"]["alarms"]
    assert alarm.startswith("round 1: 2 of 2 problems did not parse: 2 no ")
    assert lab.mine("tiny", miner, 1, recipe="confirm").artifact.id == mined.artifact.id
