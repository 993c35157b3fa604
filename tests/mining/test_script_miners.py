"""The miners of the paper's scripts, on a scripted model and made-up texts: what they ask, keep and throw away."""

from __future__ import annotations

import ast
import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from scripted import ANSWER_SEEDS, CODE_SEEDS, PlainAnswers, exercise, question

import selfboot.paper.texts as texts
from selfboot.errors import DataError
from selfboot.mining.alarm import alarms, explained
from selfboot.mining.base import MiningContext, Record, Stages, run_miner
from selfboot.mining.scripts import MINERS, MIXED, NAIVE, script_miner
from selfboot.pairs import pairs_text
from selfboot.progress import Silent
from selfboot.records import CodeJob, Completion, Outcome, Pair, Sampling, Solution

SMALL: dict[str, Any] = {"rounds": 2, "size": 8}
CODE = [file for file, miner in MINERS.items() if miner.startswith("scripts_code")]
INVENTED = [file for file in MINERS if file.startswith("recipe/")]


def chat(messages: Sequence[dict[str, str]]) -> str:
    return "\n".join(f"{m['role']}: {m['content']}" for m in messages) + "\nassistant: "


@pytest.fixture(autouse=True)
def made_up_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text is its id and its slots; a literal one has none."""
    found = {
        name: json.dumps(["\nEND"]) if one.syntax == "list" else f"[{name}] " + " ".join(f"{{{s}}}" for s in one.slots)
        for name, one in texts.places().items()
    }
    monkeypatch.setattr(texts, "templates", lambda: found)


class Model:
    """Invents additions in the paper's form (or, one time in four, junk), and solves them right every second time."""

    def __init__(self, junk: float = 0.25, right: float = 0.5) -> None:
        self.junk, self.right = junk, right
        self.asked: list[tuple[str, Sampling]] = []
        self.trained_on: list[list[int]] = []

    def generate(
        self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int]
    ) -> list[tuple[Completion, ...]]:
        self.asked += [(prompt, sampling) for prompt in prompts]
        return [
            tuple(Completion(self._text(p, s, j, sampling), 1, "eos", "") for j in range(sampling.n))
            for p, s in zip(prompts, seeds, strict=True)
        ]

    def trained(self, stages: Stages) -> Model:
        self.trained_on.append([len(stage) for stage in stages])
        return self

    def _text(self, prompt: str, seed: int, sample: int, sampling: Sampling) -> str:
        rng = random.Random(f"{seed}-{sample}" if sampling.temperature else prompt)
        if re.search(r"\[(?:hard_)?problems\.user|\[curriculum\.code\.", prompt):
            body = exercise(rng.randrange(1000)).replace("\n\nassert", "\n\n# tests\nassert")
            return "block only." if rng.random() < self.junk else f"```python\n{body}```"
        if re.search(r"\[word_problems\.user|\[curriculum\.math\.", prompt):
            a, b = rng.randrange(100), rng.randrange(100)
            return f"PROBLEM: {question(a, b)}\nEXPRESSION: {a} + {b}\nANSWER: {a + b}"
        wrong = rng.random() >= self.right
        if "plus_" in prompt:
            k = prompt.split("plus_")[1].split("(")[0]
            mistake = " - 1" if wrong else ""
            if "[raw_repair.lens.prefill]" in prompt:
                return f"(x):\n    return x\nplus_{k} = lambda x: x + {k}{mistake}"
            return f" \ndef plus_{k}(x):\n    return x + {k}{mistake}\n"
        a, b = (int(n) for n in re.findall(r"What is (\d+) and (\d+)", prompt)[0])
        return f" The sum is \\boxed{{{a + b - wrong}}}\n#### {a + b - wrong} "


class Sandbox:
    """Runs the text that a script's wrapper holds, in this process; only for programs that these tests write."""

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]:
        return [self._run(f"{job.program}\n{job.tests}") for job in jobs]

    def grade_unittests(self, jobs: Sequence[CodeJob]) -> list[Outcome]:
        values = [node.value for job in jobs for node in ast.parse(job.tests).body if isinstance(node, ast.Assign)]
        held = [value.elts[0] for value in values if isinstance(value, ast.Tuple)]
        return [self._run(str(one.value)) for one in held if isinstance(one, ast.Constant)]

    def _run(self, text: str) -> Outcome:
        try:
            exec(text, {})
        except Exception as error:
            return Outcome("wrong", f"E: {type(error).__name__}")
        return Outcome("passed")


def context(model: Model) -> MiningContext:
    return MiningContext(model, Sandbox(), chat, 1, PlainAnswers(), model.trained)


def small(file: str, **changes: Any) -> Any:
    changes = {**SMALL, **({"traces": ()} if file == MIXED else {}), **changes}
    if file in INVENTED:
        return script_miner(file, **changes)
    seeds = CODE_SEEDS if file in CODE else ANSWER_SEEDS
    if file in CODE:
        seeds = replace(seeds, tasks=tuple(replace(task, kind="mbpp") for task in seeds.tasks))  # type: ignore[arg-type, misc]
    return script_miner(file, seeds, **changes)


def run(miner: Any, model: Model, work: Path) -> list[Record]:
    work.mkdir(exist_ok=True)
    return run_miner(miner, context(model), work, Silent())


@pytest.mark.parametrize("file", MINERS)
def test_every_scripts_miner_yields_and_is_deterministic(file: str, tmp_path: Path) -> None:
    miner = small(file)
    one, two = (pairs_text(miner.items(run(miner, Model(), tmp_path / name))) for name in "ab")
    assert one == two
    assert one, file
    for item in miner.items(run(miner, Model(), tmp_path / "a")):
        assert isinstance(item, Pair if file in CODE else Solution)


@pytest.mark.parametrize("file", MINERS)
def test_draws_are_the_scripts(file: str, tmp_path: Path) -> None:
    """A reply ends at the end of text alone; top-k 50 where transformers samples; stop strings in raw formats only."""
    model, miner = Model(), small(file)
    run(miner, model, tmp_path / "w")
    for prompt, sampling in model.asked:
        assert sampling.end == "text"
        assert sampling.top_k == (miner.facts.top_k if sampling.temperature else 0)
        raw = not prompt.startswith("system: ") and "math.user" not in prompt
        assert bool(sampling.stop) == raw, prompt
    drawn = {sampling.temperature for _, sampling in model.asked}
    assert drawn <= {
        0.0,
        miner.facts.problem_temperature,
        miner.facts.attempt_temperature,
        miner.facts.version_temperature,
    }


def test_bootstrap_keeps_the_first_failing_and_passing_attempt_unstripped(tmp_path: Path) -> None:
    model, miner = Model(), small("recipe/bootstrap.py")
    records = run(miner, model, tmp_path / "w")
    assert {"no function"} == {why for record in records for why in record["refused"]}
    assert sum(record["well_formed"] + len(record["refused"]) for record in records) == 16
    pairs = miner.items(records)
    for pair in pairs:
        assert pair.broken.endswith("- 1\n")  # no fence: the text as it is
        assert pair.signature.startswith("def plus_")
        assert pair.error == "AssertionError"
    asked = [prompt for prompt, _ in model.asked]
    assert all(prompt.startswith("system: [code.system] \n") for prompt in asked)
    assert any("[solve.user] def plus_" in prompt and "assert plus_" in prompt for prompt in asked)  # tests shown


def test_where_all_attempts_fail_one_repair_is_tried(tmp_path: Path) -> None:
    class Mending(Model):
        def _text(self, prompt: str, seed: int, sample: int, sampling: Sampling) -> str:
            self.right = 1.0 if "[repair.user]" in prompt else 0.0
            return super()._text(prompt, seed, sample, sampling)

    miner = small("recipe/bootstrap.py")
    records = run(miner, Mending(), tmp_path / "w")
    assert all(len(record["repaired"]) == len(record["valid"]) for record in records)
    assert len(miner.items(records)) == sum(len(record["valid"]) for record in records)
    harvest = small("recipe/bootstrap_14b_4bit_harvest.py")
    assert harvest.items(run(harvest, Mending(), tmp_path / "h")) == []


def test_multi_pair_keeps_each_failing_code_once(tmp_path: Path) -> None:
    """Up to four a problem, each with the first passing attempt; the same failing code twice counts once."""
    miner = small("recipe/multi_pair_14b.py", attempts=8)
    pairs = miner.items(run(miner, Model(), tmp_path / "w"))
    shown = [re.sub(r"\s+", " ", pair.broken) for pair in pairs]
    assert len(shown) == len(set(shown))


def test_seeded_pairs_are_stripped_and_recursion_runs_out_of_seeds(tmp_path: Path) -> None:
    miner = small("experiments/mbpp_seeded_cross_arch.py", rounds=1)
    for pair in miner.items(run(miner, Model(), tmp_path / "w")):
        assert pair.broken == pair.broken.strip()
        assert pair.fixed == pair.fixed.strip()
    recursive = small("experiments/recursive_bootstrap.py", rounds=3, size=16)  # of 24 seeds
    model = Model()
    records = run(recursive, model, tmp_path / "r")
    assert [len(record["tasks"]) for record in records] == [16, 8, 0]
    found = [len(recursive.items(records[:end])) for end in (1, 2)]
    assert model.trained_on == [[count] for count in found if count >= 5]  # fresh, on all pairs so far


def test_curricula_move_and_train_as_the_scripts_do(tmp_path: Path) -> None:
    for file, needed in (("recipe/curriculum_code.py", 10), ("recipe/curriculum_math.py", 5)):
        model, miner = Model(), small(file, rounds=9)
        records = run(miner, model, tmp_path / file.rpartition("/")[2])
        asked = " ".join(prompt for prompt, _ in model.asked)
        assert f"[curriculum.{'code' if 'code' in file else 'math'}.harder]" in asked
        counts = [len(miner.items(records[:end])) for end in (4, 8)]
        last = [count for count in counts if count >= needed]
        assert model.trained_on[-1:] == ([last] if last else [])
        assert sum("asked" in record for record in records) < 9  # new ones only when the pool is empty


def test_right_answers_are_stripped_and_traces_hold_the_line_of_doubt(tmp_path: Path) -> None:
    naive = small(NAIVE, size=12)
    model = Model()
    traces = naive.items(run(naive, model, tmp_path / "n"))
    assert traces
    for trace in traces:
        assert (trace.target, trace.wrong) == ("trace", trace.wrong.strip())
        assert trace.solution == trace.solution.strip()
    continued = [prompt for prompt, _ in model.asked if "[self_correction.reconsider]" in prompt]
    assert continued
    mixed = small(MIXED, size=12, traces=traces, target=4)
    items = mixed.items(run(mixed, Model(), tmp_path / "m"))
    assert [item.format for item in items] == ["paper-math-plain"] * (len(traces) + 4)
    assert sum(item.target == "trace" for item in items) == len(traces)


def test_the_mixed_run_mines_the_naive_runs_traces_first(tmp_path: Path) -> None:
    """Where they are not given: the very traces that the naive script's own miner finds, then its own right answers."""
    naive, whole = small(NAIVE, size=12, rounds=8), script_miner(MIXED, ANSWER_SEEDS)
    alone = naive.items(run(naive, Model(), tmp_path / "n"))
    mixed = replace(whole, naive=naive, target=4)
    records = run(mixed, Model(), tmp_path / "w")
    items = mixed.items(records)
    assert alone
    assert {i.solution for i in items if i.target == "trace"} == {i.solution for i in alone}
    assert [i.format for i in items] == ["paper-math-plain"] * (len(alone) + 4)
    first = sum("naive" in record for record in records)
    assert ["naive" in record for record in records] == [True] * first + [False] * (len(records) - first)
    assert first in (naive.steps, len(records) - 1)
    assert whole.steps == whole.naive.steps + replace(whole, naive=None).steps


def test_a_round_that_yields_nothing_says_where_it_was_lost(tmp_path: Path) -> None:
    miner = small("recipe/bootstrap.py", size=16, rounds=2)
    nothing = alarms(miner, run(miner, Model(junk=1.0), tmp_path / "w"))
    assert nothing == [f"round {n}: 16 of 16 problems did not parse: 16 no function" for n in (1, 2)]
    (first, _) = alarms(miner, run(miner, Model(junk=0.0, right=1.0), tmp_path / "x"))
    assert first == "round 1: 16 were attempted and gave no pair: 64 of 64 attempts passed"
    some = small("recipe/bootstrap.py")
    records = run(some, Model(), tmp_path / "y")
    assert len(alarms(some, records)) < 2
    lost = {"asked": 16, "well_formed": 4, "refused": ["a"] * 9 + ["b"] * 3, "fresh": 3, "valid": []}
    assert explained(lost) == (
        "12 of 16 problems did not parse: 9 a, 3 b; 1 of 4 were repetitions; 3 of 3 failed their own tests"
    )


def test_our_reading_takes_the_place_of_the_scripts(tmp_path: Path) -> None:
    """The careful arm of the same run: natural problems, our chat, a reply that ends with its turn."""

    class Natural(Model):
        def _text(self, prompt: str, seed: int, sample: int, sampling: Sampling) -> str:
            said = super()._text(prompt, seed, sample, sampling)
            if "[problems.user]" in prompt:
                return said.replace("\n\n# tests\n", "\n```\nTests:\n```python\n")
            return f"```python\n{said.strip()}\n```" if "plus_" in said else said

    paper = small("recipe/bootstrap.py")
    assert paper.items(run(paper, Natural(), tmp_path / "p")) == []
    ours = small("recipe/bootstrap.py", parse="natural", format="chat", request_format="paper-chat", repair="")
    model = Natural()
    assert ours.items(run(ours, model, tmp_path / "o"))
    assert {sampling.end for _, sampling in model.asked} == {"turn"}


def test_a_script_that_mines_nothing_is_named() -> None:
    with pytest.raises(DataError, match=r"evals/confirm\.py mines nothing"):
        script_miner("evals/confirm.py")
    with pytest.raises(DataError, match="unknown script"):
        script_miner("x.py")
    assert cast(Any, small("recipe/bootstrap.py")).name == "script recipe/bootstrap.py"
