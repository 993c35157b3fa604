"""The Lab on answers, solved problems and miners that train: keys, caching, continuing an adapter, resuming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from test_lab import PAIRS, QUICK, SHORT, TASKS, entry, lab  # noqa: F401  (entry and lab are fixtures)

import selfboot.lab.lab as lab_module
from selfboot.benchmarks.base import AnswerBenchmark, Benchmark
from selfboot.errors import DataError, SelfbootError
from selfboot.lab import Lab
from selfboot.mining.base import Capped, MiningContext, Record, Stages
from selfboot.mining.seeded import SeededMiner
from selfboot.mining.self_correction import SelfCorrectionMiner
from selfboot.records import AnswerTask, Item, Sampling, Solution

PROBLEMS = tuple(AnswerTask(f"a/{i}", f"What is {i} and 1?", str(i + 1)) for i in range(3))
SOLVED = [Solution(task.problem, f"#### {task.answer}", task.answer) for task in PROBLEMS]
HOT = Sampling(max_new_tokens=8, temperature=0.8, n=2)


@pytest.fixture
def answers(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:  # noqa: F811
    monkeypatch.setattr(lab_module, "load_answers", lambda name: AnswerBenchmark(name, PROBLEMS))
    return lab


@dataclass(frozen=True)
class TwoRounds(Capped):
    """Draws a completion a round; after the first one the model has been trained on three solved problems."""

    steps: int = 2
    target: int | None = None
    name: str = "two-rounds"

    def step(self, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        ((completion,),) = ctx.sample(["Once"], SHORT, "round")
        return {"text": completion.token_hash}

    def found(self, records: Sequence[Record]) -> list[Item]:
        return list(SOLVED) if records else []

    def stages(self, records: Sequence[Record]) -> Stages:
        return tuple(tuple(self.items(records)) for _ in records)


def test_answers_are_scored_once_and_per_format(answers: Lab) -> None:
    first, again = (answers.evaluate_answers("tiny", "bench", sampling=HOT) for _ in range(2))
    assert (first.artifact.cached, again.artifact.cached) == (False, True)
    assert first.outcomes == again.outcomes
    assert [len(row) for row in first.outcomes] == [2, 2, 2]
    assert first.passes == [sum(o.passed for o in row) for row in first.outcomes]
    assert first.oracle == [passes > 0 for passes in first.passes]
    boxed = answers.evaluate_answers("tiny", "bench", sampling=HOT, format="math")
    assert boxed.samples.artifact.id != first.samples.artifact.id


@pytest.mark.parametrize(("format", "passed"), [("gsm8k", True), ("math", False)])
def test_format_says_which_reading_counts(
    answers: Lab, monkeypatch: pytest.MonkeyPatch, format: str, passed: bool
) -> None:
    real = Lab.sample

    def sample(self: Lab, *args: object, **kwargs: object) -> object:
        found = real(self, *args, **kwargs)  # type: ignore[arg-type]
        rows = zip(found.completions, PROBLEMS, strict=True)
        said = tuple((lab_module.replace(row[0], text=f"The answer is {task.answer}."),) for row, task in rows)
        return lab_module.Samples(found.artifact, said)

    monkeypatch.setattr(Lab, "sample", sample)
    score = answers.evaluate_answers("tiny", "bench", sampling=SHORT, format=format)
    assert score.flags == [passed] * 3
    assert all(outcome.lenient and not outcome.strict for (outcome,) in score.outcomes)


def test_solved_problems_and_pairs_train_together(lab: Lab) -> None:  # noqa: F811
    alone = lab.train("tiny", SOLVED, "quick", 1)
    mixed = lab.train("tiny", [*SOLVED, *PAIRS], "quick", 1)
    assert alone.sha256 != mixed.sha256
    assert mixed.artifact.manifest["provenance"]["training"]["examples"] == 7


def test_continuing_is_another_training_than_starting_afresh(lab: Lab) -> None:  # noqa: F811
    fresh = lab.train("tiny", SOLVED, "quick", 1)
    continued = lab.train("tiny", SOLVED, "quick", 1, start_from=fresh)
    assert continued.sha256 != fresh.sha256
    chain = lab.train_stages("tiny", [SOLVED, SOLVED], "quick", 1)
    assert chain is not None
    assert chain.artifact.id == continued.artifact.id
    assert lab.train_stages("tiny", [], "quick", 1) is None


def test_miner_that_trains_uses_the_trained_model(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    strong = {**QUICK, "lr": 0.1, "epochs": 4}
    monkeypatch.setattr(lab_module, "recipes", lambda: {"quick": strong, "other": {**strong, "rank": 4}})
    mined = lab.mine("tiny", TwoRounds(), seed=1, recipe="quick")
    assert mined.records[0] != mined.records[1]
    assert mined.items == tuple(SOLVED)
    assert mined.pairs == ()
    assert [len(stage) for stage in mined.stages] == [3, 3]
    first = lab.train_stages("tiny", mined.stages[:1], "quick", 1)
    assert first is not None
    assert first.artifact.cached
    again = lab.mine("tiny", TwoRounds(), seed=1, recipe="quick")
    assert again.artifact.cached
    assert (again.items, again.records, again.stages) == (mined.items, mined.records, mined.stages)
    assert lab.mine("tiny", TwoRounds(), seed=1, recipe="other").artifact.id != mined.artifact.id


def test_killed_between_rounds_it_resumes_to_the_same(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    quiet = lab.mine("tiny", TwoRounds(), seed=1, recipe="quick")
    real, calls = TwoRounds.step, []

    def killed(self: TwoRounds, ctx: MiningContext, index: int, before: Sequence[Record]) -> Record:
        calls.append(index)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, ctx, index, before)

    monkeypatch.setattr(TwoRounds, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        lab.mine("tiny", TwoRounds(), seed=2, recipe="quick")
    resumed = lab.mine("tiny", TwoRounds(), seed=2, recipe="quick")
    assert calls == [0, 1, 1]
    assert resumed.records[0] == quiet.records[0]  # greedy: the mining seed has no part in it


def test_miner_that_trains_wants_a_recipe(lab: Lab) -> None:  # noqa: F811
    with pytest.raises(SelfbootError, match="recipe"):
        lab.mine("tiny", TwoRounds(), seed=1)
    with pytest.raises(DataError, match="unknown recipe 'slow'"):
        lab.mine("tiny", TwoRounds(), seed=1, recipe="slow")


def test_seeds_are_part_of_the_key(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(lab_module, "run_miner", lambda *args: [])
    some, fewer = Benchmark("seeds", TASKS), Benchmark("seeds", TASKS[:2])
    runs = [lab.mine("tiny", SeededMiner(s, greedy_sampling=SHORT, attempt_sampling=HOT), 1) for s in (some, fewer)]
    assert runs[0].artifact.id != runs[1].artifact.id
    assert runs[0].artifact.manifest["key"]["miner"][1]["seeds"] == ["seeds", some.sha256]


def test_answer_miner_runs_on_the_real_graders(lab: Lab) -> None:  # noqa: F811
    miner = SelfCorrectionMiner(AnswerBenchmark("p", PROBLEMS), 1, 3, greedy_sampling=SHORT, attempt_sampling=HOT)
    (record,) = lab.mine("tiny", miner, 1).records
    assert [len(more) for _, more in record["tried"]] == [4, 4, 4]
