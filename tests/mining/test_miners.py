"""What every miner promises: a killed run resumes to the very same items, and training comes when it should."""

from __future__ import annotations

import json
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scripted import ANSWER_SEEDS, CODE_SEEDS, Budget, ScriptedModel, context, mine, records_of

from selfboot.errors import DataError, SelfbootError
from selfboot.mining.base import Miner, MiningContext, describe, run_miner
from selfboot.mining.bootstrap import BootstrapMiner
from selfboot.mining.curriculum import CodeCurriculum, MathCurriculum
from selfboot.mining.diversity import DiversityMiner
from selfboot.mining.math_seeded import MathSeededMiner
from selfboot.mining.multi_pair import MultiPairMiner, jaccard
from selfboot.mining.recursive import RecursiveMiner
from selfboot.mining.seeded import SeededMiner
from selfboot.mining.self_correction import SelfCorrectionMiner
from selfboot.mining.star import StarMiner
from selfboot.mining.vanilla_math import VanillaMathMiner
from selfboot.pairs import read_items
from selfboot.progress import Silent
from selfboot.records import Pair, Solution
from selfboot.store import digest

MINERS: dict[str, Miner] = {
    "bootstrap": BootstrapMiner(steps=3, problems=6),
    "bootstrap that trains": BootstrapMiner(steps=3, problems=6, train_every=1, needed=1),
    "multi-pair": MultiPairMiner(steps=3, problems=4),
    "curriculum-math": MathCurriculum(steps=4, train_every=2, needed=1),
    "curriculum-code": CodeCurriculum(steps=4, train_every=2, needed=1),
    "vanilla-math": VanillaMathMiner(steps=4, problems=5, train_every=2, needed=1),
    "seeded": SeededMiner(CODE_SEEDS, size=8),
    "recursive": RecursiveMiner(CODE_SEEDS, size=8, needed=1),
    "diversity": DiversityMiner(CODE_SEEDS, size=8, function=""),
    "star": StarMiner(ANSWER_SEEDS, size=8),
    "math-seeded": MathSeededMiner(ANSWER_SEEDS, steps=3, size=8),
    "self-correction, naive": SelfCorrectionMiner(ANSWER_SEEDS, steps=3, size=8, format="gsm8k"),
    "self-correction, mixed": SelfCorrectionMiner(ANSWER_SEEDS, steps=3, size=8, mixed=5, format="gsm8k"),
}
every_miner = pytest.mark.parametrize("miner", MINERS.values(), ids=MINERS.keys())


@every_miner
def test_run_killed_anywhere_resumes_to_the_very_same_items(tmp_path: Path, miner: Miner) -> None:
    budget = Budget()
    quiet = mine(miner, ScriptedModel(budget=budget), tmp_path / "quiet")
    assert quiet
    for limit in range(1, budget.calls):
        with pytest.raises(KeyboardInterrupt):
            mine(miner, ScriptedModel(budget=Budget(limit)), tmp_path / f"killed-{limit}")
        assert mine(miner, ScriptedModel(), tmp_path / f"killed-{limit}") == quiet


@every_miner
def test_resumed_run_makes_nothing_twice(tmp_path: Path, miner: Miner) -> None:
    mine(miner, ScriptedModel(), tmp_path)
    again = Budget()
    mine(miner, ScriptedModel(budget=again), tmp_path)
    assert again.calls == 0


@every_miner
def test_a_damaged_step_is_done_again_to_the_very_same_items(tmp_path: Path, miner: Miner) -> None:
    text = mine(miner, ScriptedModel(), tmp_path)
    first, *others = sorted(tmp_path.glob("step-*.json"))
    for damaged in (first.read_bytes()[:-9], first.read_bytes().replace(b"plus", b"minu"), b"", b"{}"):
        first.write_bytes(damaged or (others or [first])[0].read_bytes()[:70])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert mine(miner, ScriptedModel(), tmp_path) == text
        assert all("is damaged" in str(one.message) for one in told)
    assert list(tmp_path.glob("step-0000.json.damaged-*"))


@every_miner
def test_another_seed_is_another_run(tmp_path: Path, miner: Miner) -> None:
    runs = [json.dumps(records_of(miner, ScriptedModel(), tmp_path / str(seed), seed)) for seed in (1, 2)]
    assert runs[0] != runs[1]


@every_miner
def test_items_survive_the_file_and_the_target_caps_them(tmp_path: Path, miner: Any) -> None:
    text = mine(miner, ScriptedModel(), tmp_path / "whole")
    (tmp_path / "items.jsonl").write_text(text, encoding="utf-8")
    whole = miner.items(records_of(miner, ScriptedModel(), tmp_path / "whole"))
    assert read_items(tmp_path / "items.jsonl") == whole
    few = type(miner)(**{**{f: getattr(miner, f) for f in describe(miner)}, "target": 1})
    assert len(few.found(records_of(few, ScriptedModel(), tmp_path / "few"))) >= 1
    assert few.items(records_of(few, ScriptedModel(), tmp_path / "few"))[0] in whole


@every_miner
def test_model_that_is_always_right_gives_no_broken_attempts(tmp_path: Path, miner: Miner) -> None:
    items = miner.items(records_of(miner, ScriptedModel(right=1.0), tmp_path))
    assert all(isinstance(item, Solution) and item.target == "plain" for item in items)


@every_miner
def test_model_that_is_always_wrong_gives_nothing(tmp_path: Path, miner: Miner) -> None:
    assert mine(miner, ScriptedModel(right=0.0), tmp_path) == ""


@every_miner
def test_key_holds_every_setting_as_plain_data(miner: Any) -> None:
    assert digest(describe(miner)) == digest(json.loads(json.dumps(describe(miner), default=vars)))
    if hasattr(miner, "seeds"):
        assert describe(miner)["seeds"] == [miner.seeds.name, miner.seeds.sha256]


TRAINS = {
    "bootstrap that trains": [1, 2],
    "curriculum-math": [2],
    "curriculum-code": [2],
    "vanilla-math": [2],
    "recursive": [1, 2],
}


@every_miner
def test_trainings_come_when_they_should(tmp_path: Path, miner: Miner, request: pytest.FixtureRequest) -> None:
    budget = Budget()
    records = records_of(miner, ScriptedModel(budget=budget), tmp_path)
    name = request.node.callspec.id
    assert len(budget.trained_on) == sum(bool(miner.stages(records[:k])) for k in range(1, len(records)))
    trained = TRAINS.get(name, [])
    assert bool(budget.trained_on) == bool(trained)
    for k in trained:
        last = miner.stages(records[:k])[-1]
        assert [*last] == miner.items(records[:k])
    if name == "recursive":
        assert all(len(stages) == 1 for stages in budget.trained_on)


def test_continued_trainings_form_a_chain(tmp_path: Path) -> None:
    miner = MathCurriculum(steps=6, train_every=2, needed=1)
    stages = miner.stages(records_of(miner, ScriptedModel(), tmp_path))
    assert len(stages) == 3
    for shorter, longer in pairwise(stages):
        assert longer[: len(shorter)] == shorter


def test_too_few_items_train_nothing(tmp_path: Path) -> None:
    budget = Budget()
    records_of(MathCurriculum(steps=4, train_every=1, needed=999), ScriptedModel(budget=budget), tmp_path)
    assert budget.trained_on == []


def test_miner_without_what_it_needs_says_so(tmp_path: Path) -> None:
    full = context(ScriptedModel())
    with pytest.raises(SelfbootError, match="answer grader"):
        run_miner(MINERS["star"], MiningContext(full.sampler, full.grader, full.chat, 1), tmp_path, Silent())
    bare = MiningContext(full.sampler, full.grader, full.chat, 1, full.answers)
    with pytest.raises(SelfbootError, match="recipe"):
        run_miner(MINERS["recursive"], bare, tmp_path, Silent())
    with pytest.raises(DataError, match="600 seeds are needed, seeds has 24"):
        RecursiveMiner(CODE_SEEDS)


# What single miners do


def test_multi_pair_caps_a_problem_and_drops_repetitions(tmp_path: Path) -> None:
    miner = MultiPairMiner(steps=2, problems=8, attempts=12, cap=4, similar=1.1)
    pairs = [i for i in miner.items(records_of(miner, ScriptedModel(), tmp_path / "all")) if isinstance(i, Pair)]
    counts = [sum(p.signature == s for p in pairs) for s in {p.signature for p in pairs}]
    assert max(counts) == 4
    strict = MultiPairMiner(steps=2, problems=8, attempts=12, cap=4)
    few = strict.items(records_of(strict, ScriptedModel(), tmp_path / "few"))
    assert 0 < len(few) < len(pairs)


def test_multi_pair_puts_the_warm_up_first(tmp_path: Path) -> None:
    warm = (Pair("def f():", ("assert f()",), "", "E", "def f(): return 1"),)
    miner = MultiPairMiner(steps=1, problems=4, warmup=warm)
    assert miner.items(records_of(miner, ScriptedModel(), tmp_path))[0] == warm[0]
    assert describe(miner)["warmup"] != describe(MultiPairMiner())["warmup"]


@pytest.mark.parametrize(
    ("one", "other", "value"), [("ab", "ab", 1.0), ("", "", 1.0), ("a", "", 0.0), ("ab", "bc", 1 / 3)]
)
def test_jaccard(one: str, other: str, value: float) -> None:
    assert jaccard(frozenset(one), frozenset(other)) == pytest.approx(value)


def test_curriculum_moves_the_pool_where_the_model_sometimes_succeeds(tmp_path: Path) -> None:
    miner = MathCurriculum(steps=1, pool=8)
    solved = records_of(miner, ScriptedModel(right=1.0), tmp_path / "solved")[0]
    lost = records_of(miner, ScriptedModel(right=0.0), tmp_path / "lost")[0]
    assert solved["versions"] == 8  # a harder one for each
    assert lost["versions"] == 4  # easier ones for half a pool
    assert len({p["text"] for p in solved["waiting"]} & {p["text"] for p in solved["problems"]}) == 0


def test_curriculum_can_refill_its_pool_every_round(tmp_path: Path) -> None:
    for refill in (False, True):
        miner = MathCurriculum(steps=4, pool=6, refill=refill)
        records = records_of(miner, ScriptedModel(right=0.3), tmp_path / str(refill))
        sizes = [len(record["problems"]) for record in records]
        assert (min(sizes) == 6) == refill
        texts = [problem["text"] for record in records for problem in record["problems"]]
        assert len(texts) == len(set(texts))


def test_vanilla_math_shows_the_wrong_attempt_and_curriculum_does_not(tmp_path: Path) -> None:
    for name, target in (("vanilla-math", "repair"), ("curriculum-math", "plain")):
        items = MINERS[name].items(records_of(MINERS[name], ScriptedModel(), tmp_path / name))
        assert {item.target for item in items if isinstance(item, Solution)} == {target}


def test_math_seeded_keeps_greedy_and_sampled_solutions(tmp_path: Path) -> None:
    items = MINERS["math-seeded"].items(records_of(MINERS["math-seeded"], ScriptedModel(), tmp_path))
    assert {item.meta["source"] for item in items} == {"greedy", "sampled"}


def test_self_correction_traces_are_wrong_first_and_right_after_the_doubt(tmp_path: Path) -> None:
    naive, mixed = MINERS["self-correction, naive"], MINERS["self-correction, mixed"]
    traces = naive.items(records_of(naive, ScriptedModel(), tmp_path / "n"))
    assert {item.target for item in traces if isinstance(item, Solution)} == {"trace"}
    for item in traces:
        assert isinstance(item, Solution)
        assert f"#### {item.answer}" not in item.wrong
        assert f"#### {item.answer}" in item.solution
    both = mixed.items(records_of(mixed, ScriptedModel(), tmp_path / "m"))
    kinds = [item.target for item in both if isinstance(item, Solution)]
    assert kinds.count("plain") == 5
    assert kinds != sorted(kinds)
    assert kinds != sorted(kinds, reverse=True)


def test_diversity_as_the_paper_did_it_yields_nothing_and_own_names_do(tmp_path: Path) -> None:
    paper, own = (DiversityMiner(CODE_SEEDS, size=12, function=name) for name in ("solution", ""))
    assert mine(paper, ScriptedModel(), tmp_path / "paper") == ""
    lenses = {item.meta["lens"] for item in own.items(records_of(own, ScriptedModel(), tmp_path / "own"))}
    assert len(lenses) > 1


def test_recursive_rounds_use_new_seeds(tmp_path: Path) -> None:
    records = records_of(MINERS["recursive"], ScriptedModel(), tmp_path)
    assert [len(record["tasks"]) for record in records] == [8, 8, 8]
    assert len({name for record in records for name in record["tasks"]}) == 24
