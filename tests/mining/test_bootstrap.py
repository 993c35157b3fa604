"""The bootstrap miner on a scripted model and a plain interpreter: what becomes a pair, and resuming after a kill."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from selfboot.mining.base import MiningContext, derive, run_miner
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.pairs import pairs_text
from selfboot.progress import Silent
from selfboot.records import CodeJob, Completion, Outcome, Sampling


def chat(messages: Sequence[dict[str, str]]) -> str:
    return messages[-1]["content"]


class ScriptedModel:
    """Invents addition problems and solves them right, wrong or not at all, by its seed alone."""

    def __init__(self, right: float = 0.5, limit: int | None = None) -> None:
        self.right, self.limit, self.calls = right, limit, 0

    def generate(
        self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int]
    ) -> list[tuple[Completion, ...]]:
        self.calls += 1
        if self.limit is not None and self.calls > self.limit:
            raise KeyboardInterrupt
        return [
            tuple(Completion(self._text(p, random.Random(f"{s}-{j}")), 1, "eos", "") for j in range(sampling.n))
            for p, s in zip(prompts, seeds, strict=True)
        ]

    def _text(self, prompt: str, rng: random.Random) -> str:
        if prompt.startswith("Invent"):
            k = rng.randrange(1000)
            tests = f"assert plus_{k}(1) == {1 + k}\nassert plus_{k}(5) == {5 + k}\n"
            return f'def plus_{k}(x):\n    """Add {k} to x."""\n    return x + {k}\n\n{tests}'
        k = prompt.split("plus_")[1].split("(")[0]
        wrong = rng.random() >= self.right
        return f"```python\ndef plus_{k}(x):\n    return x + {k}{' - 1' if wrong else ''}\n```"


class PlainGrader:
    """Runs our own scripted programs in this process; only for programs that this file writes."""

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]:
        return [self._one(job) for job in jobs]

    def _one(self, job: CodeJob) -> Outcome:
        try:
            exec(f"{job.program}\n{job.tests}", {})
        except AssertionError:
            return Outcome("wrong", "AssertionError")
        return Outcome("passed")


def context(model: ScriptedModel, seed: int = 1) -> MiningContext:
    return MiningContext(model, PlainGrader(), chat, seed)


def mine(miner: BootstrapMiner, model: ScriptedModel, work: Path, seed: int = 1) -> str:
    work.mkdir(exist_ok=True)
    return pairs_text(miner.pairs(run_miner(miner, context(model, seed), work, Silent())))


def test_pairs_join_a_failing_and_a_passing_attempt(tmp_path: Path) -> None:
    miner = BootstrapMiner(steps=3, problems=8)
    records = run_miner(miner, context(ScriptedModel()), tmp_path, Silent())
    pairs = miner.pairs(records)
    assert pairs
    for pair in pairs:
        assert "- 1" in pair.broken
        assert "- 1" not in pair.fixed
        assert pair.error == "AssertionError"


def test_repair_is_tried_only_when_all_attempts_fail(tmp_path: Path) -> None:
    miner = BootstrapMiner(steps=4, problems=16, attempts=2)
    records = run_miner(miner, context(ScriptedModel(right=0.3)), tmp_path, Silent())
    repaired = [(r, int(i)) for r in records for i in r["repaired"]]
    assert repaired
    assert all(status != "passed" for r, i in repaired for _, status, _ in r["attempts"][i])
    assert {p.meta["source"] for p in miner.pairs(records)} == {"attempt", "repair"}


def test_model_that_never_fails_or_never_solves_gives_no_pairs(tmp_path: Path) -> None:
    assert mine(BootstrapMiner(steps=2), ScriptedModel(right=1.0), tmp_path / "a") == ""
    assert mine(BootstrapMiner(steps=2), ScriptedModel(right=0.0), tmp_path / "b") == ""


def test_shuffled_tests_give_no_pairs(tmp_path: Path) -> None:
    assert mine(BootstrapMiner(steps=4, shuffle_tests=True), ScriptedModel(), tmp_path) == ""


def test_target_ends_the_run_and_caps_the_pairs(tmp_path: Path) -> None:
    miner = BootstrapMiner(target=5)
    records = run_miner(miner, context(ScriptedModel()), tmp_path, Silent())
    assert len(miner.pairs(records)) == 5
    assert len(records) < miner.steps


@pytest.mark.parametrize("calls", [1, 2, 4, 5, 7])
def test_killed_run_resumes_to_the_very_same_pairs(tmp_path: Path, calls: int) -> None:
    miner = BootstrapMiner(steps=3, problems=6)
    quiet = mine(miner, ScriptedModel(), tmp_path / "quiet")
    with pytest.raises(KeyboardInterrupt):
        mine(miner, ScriptedModel(limit=calls), tmp_path / "killed")
    assert mine(miner, ScriptedModel(), tmp_path / "killed") == quiet != ""


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    miner = BootstrapMiner(steps=2)
    assert mine(miner, ScriptedModel(), tmp_path / "a", 1) != mine(miner, ScriptedModel(), tmp_path / "b", 2)


def test_derived_seeds_depend_on_every_part() -> None:
    seeds = {derive(1), derive(2), derive(1, "a"), derive(1, "a", 0), derive(1, "a", 1), derive(1, "a0")}
    assert len(seeds) == 6
    assert all(0 <= s < 2**63 for s in seeds)
