"""The Lab on a tiny random model: what is keyed, what is read again, what is said when something is wrong."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import selfboot.grading.code as code_module
import selfboot.keys as keys_module
import selfboot.lab.lab as lab_module
from selfboot.benchmarks.base import Benchmark
from selfboot.errors import DataError, SelfbootError, StoreError
from selfboot.keys import GRADING, code_hash
from selfboot.lab import Lab
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.paths import ROOT
from selfboot.progress import Silent
from selfboot.records import CodeJob, CodeTask, Outcome, Pair, Sampling
from selfboot.registry import ModelEntry
from selfboot.store import RunStore

SHORT = Sampling(max_new_tokens=12)
TASKS = tuple(
    CodeTask(
        f"t/{i}",
        f'def plus{i}(x):\n    """Add {i}."""\n',
        f"plus{i}",
        (f"assert plus{i}(1) == {1 + i}",),
        f"    return x + {i}\n",
    )
    for i in range(4)
)
PAIRS = [Pair(t.prompt, t.tests, "", "AssertionError", t.prompt + t.canonical) for t in TASKS]
QUICK = {
    "rank": 2,
    "lr": 1e-3,
    "epochs": 1,
    "batch_size": 2,
    "accumulation": 1,
    "pair_format": "chat-repair",
    "max_length": 400,
}


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    from tests.tiny_models import save_model

    folder = save_model(tmp_path_factory.mktemp("models") / "tiny")
    turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    template = turns + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    (folder / "chat_template.jinja").write_text(template)
    return ModelEntry("tiny", str(folder), stop_tokens=("<|im_end|>",))


@pytest.fixture
def lab(tmp_path: Path, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(lab_module, "find_model", lambda name: entry)
    monkeypatch.setattr(lab_module, "load_benchmark", lambda name: Benchmark(name, TASKS))
    monkeypatch.setattr(lab_module, "recipes", lambda: {"quick": QUICK, "other": {**QUICK, "lr": 2e-3}})
    lab_module._tokenizer.cache_clear()
    with Lab(RunStore(tmp_path / "store"), graders=1) as made:
        yield made


def test_everything_is_read_again_the_second_time(lab: Lab) -> None:
    for repeat in (False, True):
        adapter = lab.train("tiny", PAIRS, "quick", seed=1)
        score = lab.evaluate("tiny", "bench", adapter=adapter, sampling=SHORT)
        mined = lab.mine("tiny", BootstrapMiner(steps=1, problems=2, problem_sampling=SHORT), seed=1)
        cached = [a.artifact.cached for a in (adapter, score, score.samples, mined)]
        assert cached == [repeat] * 4
    assert [len(row) for row in score.outcomes] == [1] * 4
    assert score.solved == sum(score.flags) == sum(score.passes)


def test_whatever_determines_a_result_makes_it_another_artifact(lab: Lab) -> None:
    adapters = [
        lab.train("tiny", PAIRS, "quick", 1),
        lab.train("tiny", PAIRS, "quick", 2),
        lab.train("tiny", PAIRS[:2], "quick", 1),
        lab.train("tiny", PAIRS, "other", 1),
    ]
    assert len({a.artifact.id for a in adapters}) == len({a.sha256 for a in adapters}) == 4
    hot = Sampling(max_new_tokens=12, temperature=0.8)
    scores = [
        lab.evaluate("tiny", "bench", sampling=SHORT),
        lab.evaluate("tiny", "bench", sampling=SHORT, adapter=adapters[0]),
        lab.evaluate("tiny", "bench", sampling=SHORT, format="raw"),
        lab.evaluate("tiny", "bench", sampling=hot, seed=1),
        lab.evaluate("tiny", "bench", sampling=hot, seed=2),
    ]
    assert len({s.samples.artifact.id for s in scores}) == 5


def test_greedy_sampling_has_no_seed(lab: Lab) -> None:
    first, second = (lab.evaluate("tiny", "bench", sampling=SHORT, seed=seed) for seed in (1, 2))
    assert first.artifact.id == second.artifact.id


def test_random_init_is_another_model(lab: Lab, tmp_path: Path) -> None:
    trained = lab.evaluate("tiny", "bench", sampling=SHORT)
    with Lab(lab.store, weights="random", graders=1) as other:
        assert other.evaluate("tiny", "bench", sampling=SHORT).samples.artifact.id != trained.samples.artifact.id


def test_samples_of_a_task_do_not_depend_on_the_others(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    hot = Sampling(max_new_tokens=12, temperature=0.8, n=2)
    whole = lab.evaluate("tiny", "bench", sampling=hot, seed=3)
    monkeypatch.setattr(lab_module, "load_benchmark", lambda name: Benchmark(name, TASKS[::-1]))
    turned = lab.evaluate("tiny", "bench", sampling=hot, seed=3)
    assert turned.samples.completions[::-1] == whole.samples.completions


def test_the_papers_reading_grades_unittests_of_tasks_in_prose(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """BigCodeBench's prompts are instructions, no Python: its paper arm crashed on the first task."""
    cases = "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)\n"
    task = CodeTask("b/1", "Write a function f. It should output with: int", "f", (cases,), "", kind="bigcodebench")
    bench = Benchmark("bench", (task,), format="bcb", unittest=True)
    monkeypatch.setattr(lab_module, "load_benchmark", lambda name: bench)
    score = lab.evaluate("tiny", "bench", format="bcb-as-paper", sampling=SHORT)
    assert score.flags == [False]


def test_unknown_recipe_benchmark_and_format_are_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"'fast'.*quick"):
        lab.train("tiny", PAIRS, "fast", 1)
    with pytest.raises(DataError, match=r"'xml'.*chat"):
        lab.evaluate("tiny", "bench", format="xml")
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"'miniville'.*minieval"):
        lab.evaluate("organism-0", "miniville")
    with pytest.raises(DataError, match=r"'organism-7'.*organism-0"):
        lab.spec("organism-7")


def test_tokens_cap_mining_too(lab: Lab) -> None:
    """Trained in between or not; what is capped is never read in the place of what is not."""
    drawn: list[tuple[int, int]] = []
    sampler_of = lab.engines.sampler

    class Noting:
        def __init__(self, inner: Any) -> None:
            self.inner, self.engine = inner, inner.engine

        def generate(self, prompts: Any, sampling: Sampling, seeds: Any, on_done: Any = None) -> Any:
            rows = self.inner.generate(prompts, sampling, seeds, on_done)
            drawn.append((sampling.max_new_tokens, max(c.tokens for row in rows for c in row)))
            return rows

    lab.engines.sampler = lambda *given: Noting(sampler_of(*given))  # type: ignore[assignment, method-assign]
    miner = BootstrapMiner(steps=1, problems=2, problem_sampling=Sampling(6))
    whole = lab.mine("tiny", miner, seed=1)
    lab.tokens = 3
    cut = lab.mine("tiny", miner, seed=1)
    assert (drawn[0][0], drawn[-1][0]) == (6, 3)
    assert all(tokens <= most for most, tokens in drawn)
    assert whole.artifact.id != cut.artifact.id
    lab._trained("tiny", [PAIRS], "quick", 1, None).generate(["x"], Sampling(9), [0])
    assert drawn[-1][0] == 3


def test_no_pairs_is_one_clear_error_and_leaves_nothing(lab: Lab) -> None:
    with pytest.raises(SelfbootError, match="none of 0 examples"):
        lab.train("tiny", [], "quick", 1)
    assert not (lab.store.root / "adapter").exists()


def test_disk_full_while_training_loses_nothing_else(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    kept = lab.train("tiny", PAIRS, "quick", 1)

    def full(fd: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="disk is full"):
        lab.train("tiny", PAIRS, "quick", 2)
    monkeypatch.undo()
    assert len(list((lab.store.root / "adapter").iterdir())) == 1
    assert (kept.path / "adapter_model.safetensors").is_file()


class Interrupting(Silent):
    """Ends a training at its twelfth step, after a checkpoint."""

    def update(self, what: str, done: int, total: int) -> None:
        if what.startswith("training") and done == 12:
            raise KeyboardInterrupt


def test_a_killed_training_resumes_also_with_another_number_of_threads(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same number it goes on, with another it starts over: a checkpoint's bits are those of its threads."""
    monkeypatch.setattr(lab_module, "recipes", lambda: {"quick": {**QUICK, "epochs": 8}})

    def resumed_at(killed_with: int, then: int, seed: int) -> int:
        monkeypatch.setattr(torch, "get_num_threads", lambda: killed_with)
        monkeypatch.setattr(lab, "progress", Interrupting())
        with pytest.raises(KeyboardInterrupt):
            lab.train("tiny", PAIRS, "quick", seed)
        monkeypatch.setattr(torch, "get_num_threads", lambda: then)
        monkeypatch.setattr(lab, "progress", Silent())
        return int(lab.train("tiny", PAIRS, "quick", seed).artifact.manifest["provenance"]["training"]["resumed"])

    assert resumed_at(killed_with=1, then=1, seed=1) == 10
    assert resumed_at(killed_with=1, then=2, seed=2) == 0


# What a stored score was graded by


def imported(module: str) -> set[str]:
    """The grading modules that a module imports, anywhere in it."""
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    froms = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    named = {f"{node.module}.{alias.name}" for node in froms for alias in node.names} | {node.module for node in froms}
    return named & {f"selfboot.grading.{file.stem}" for file in (ROOT / "selfboot" / "grading").glob("*.py")}


def test_a_score_s_key_covers_every_module_of_the_grader() -> None:
    """The roots are what a Lab starts, what its workers run, and what tests of HumanEval+ import there."""
    known, new = set[str](), {f"selfboot.grading.{name}" for name in ("code", "worker", "fork_server", "plus")}
    while new:
        known |= new
        new = {name for module in new for name in imported(module)} - known
    assert set(GRADING) == known


def test_an_edited_tester_serves_no_old_scores(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    first = lab.evaluate("tiny", "bench", sampling=SHORT)
    read = keys_module._logic
    monkeypatch.setattr(keys_module, "_logic", lambda name: read(name) + "edited" * name.endswith("tester"))
    code_hash.cache_clear()
    try:
        again = lab.evaluate("tiny", "bench", sampling=SHORT)
    finally:
        code_hash.cache_clear()
    assert again.artifact.id != first.artifact.id
    assert again.samples.artifact.cached


@pytest.fixture
def graded_at(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], bool]:
    """Evaluate (and mine) at a level, on a machine whose best is "kernel"; was it all read, and no grader started?"""
    started: list[str] = []

    class Grader:
        def __init__(self, workers: int | None = None, isolation: str = "auto") -> None:
            started.append(isolation)
            self.manifest = {"isolation": {"auto": "kernel"}.get(isolation, isolation)}

        def __enter__(self) -> Grader:
            return self

        def __exit__(self, *why: object) -> None: ...

        def grade(self, jobs: Sequence[CodeJob], progress: object = None) -> list[Outcome]:
            return [Outcome("wrong", "", None, 0.0) for _ in jobs]

    monkeypatch.setattr(code_module, "CodeGrader", Grader)

    def ask(level: str) -> bool:
        with Lab(lab.store, isolation=level, graders=1) as other:
            started.clear()
            score = other.evaluate("tiny", "bench", sampling=SHORT)
            mined = other.mine("tiny", BootstrapMiner(steps=1, problems=2, problem_sampling=SHORT), seed=1)
        assert score.artifact.cached == (not started)
        return score.artifact.cached and mined.artifact.cached

    return ask


def test_a_score_of_a_weaker_level_answers_no_stricter_request(graded_at: Callable[[str], bool]) -> None:
    levels = ("rlimits", "kernel", "namespaces", "auto", "rlimits")
    assert [graded_at(level) for level in levels] == [False, False, False, True, True]


def test_a_score_with_limits_alone_is_not_what_auto_asks_for(graded_at: Callable[[str], bool]) -> None:
    assert [graded_at(level) for level in ("rlimits", "auto", "auto")] == [False, False, True]


def test_a_warm_store_of_an_ordinary_machine_answers_the_level_that_it_got(graded_at: Callable[[str], bool]) -> None:
    assert [graded_at(level) for level in ("auto", "auto", "rlimits", "namespaces")] == [False, True, True, False]


def test_an_unknown_level_is_named_also_where_everything_is_at_hand(graded_at: Callable[[str], bool]) -> None:
    graded_at("auto")
    with pytest.raises(DataError, match=r"isolation 'process': expected one of auto, rlimits, kernel, namespaces"):
        graded_at("process")
