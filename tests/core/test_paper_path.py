"""The way of a paper-scale claim on a machine like ours: what it needs, made-up pairs in a trial run, trainings before
engines. A tiny model takes the place of the paper's, a process on the CPU for one on a GPU."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import selfboot.lab as lab_module
from claims.cases import Case
from selfboot import pairs
from selfboot.datasets.pinned import DATA_ENV
from selfboot.engines.engines import Engines, ModelRef
from selfboot.engines.gpu import gpu
from selfboot.errors import DataError
from selfboot.judging.checks import checks
from selfboot.lab import Lab
from selfboot.models.memory import need
from selfboot.models.shape import Shape
from selfboot.pairs import SUBSTITUTE, load_pairs
from selfboot.paper.texts import TEXTS_ENV
from selfboot.planning import availability
from selfboot.planning import cost as planning
from selfboot.registry import ModelEntry, model_entry, registry
from selfboot.sampling.base import Sampler
from selfboot.store import RunStore
from selfboot.training.process import Trainer

TINY = Shape("qwen2", layers=1, hidden=32, heads=2, kv_heads=1, ffn=32, vocab=4096, context=4096)
BOTH = "pairs_7b_40+pairs_14b_multi_new60"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing of the paper's, and room for files under data/; that folder."""
    pairs.sources()  # read, and so known, before its folder is another
    monkeypatch.setattr(pairs, "DATA", tmp_path)
    monkeypatch.setattr("selfboot.datasets.pinned.DATA", tmp_path)
    monkeypatch.delenv(DATA_ENV, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    return tmp_path


def write(path: Path, *names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"signature": n, "tests": ["assert 1"], "broken": "", "error": "", "fixed": n} for n in names]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


# Pairs


def test_several_files_are_one_after_the_other(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(bare / "released" / "pairs_7b_40.jsonl", "a", "b")
    monkeypatch.setenv(DATA_ENV, str(bare / "elsewhere"))
    write(bare / "elsewhere" / "pairs_14b_multi_new60.jsonl", "c")
    found = load_pairs("qwen2.5-14b", BOTH)
    assert [pair.fixed for pair in found] == ["a", "b", "c"], "SELFBOOT_DATA serves released files, and data/released"
    assert load_pairs("m", "qwen2.5-14b/pairs_14b_multi_new60") == found[2:], "a substitute model takes the model's own"
    write(bare / "elsewhere" / "pairs_7b_40.jsonl", "z")
    assert load_pairs("qwen2.5-14b", "pairs_7b_40")[0].fixed == "z"


def test_substitute_pairs_only_when_asked_for_and_only_for_what_is_missing(bare: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_pairs("qwen2.5-14b", BOTH)
    found = load_pairs("qwen2.5-14b", BOTH, substitutes=True)
    assert len(found) == len(set(found)) == 100
    assert all(pair.meta[SUBSTITUTE].startswith("canonical solution of HumanEval/") for pair in found)
    assert len(load_pairs("qwen2.5-7b", "control-mbpp", substitutes=True)) == 100
    write(bare / "released" / "pairs_7b_40.jsonl", "real")
    assert [pair.fixed for pair in load_pairs("qwen2.5-7b", "pairs_7b_40", substitutes=True)] == ["real"]
    with pytest.raises(DataError, match="no such file"):
        load_pairs("qwen2.5-7b", "control-mbpp")


def test_a_lab_of_random_weights_substitutes_pairs_and_no_other(bare: Path) -> None:
    claim = registry()["recipe-7b"]
    case = Case(claim, "paper", claim.scales["paper"])
    assert len(case.pairs(Lab(RunStore(bare / "store"), weights="random"))) == 40
    with pytest.raises(DataError, match="no such file"):
        case.pairs(Lab(RunStore(bare / "store")))


# What a case needs


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("few-pairs-72b", "qwen2.5-72b/self-mined.jsonl is missing; `selfboot mine qwen2.5-72b --target 10 --out "),
        ("control", "control-mbpp.jsonl is missing; `selfboot mine qwen2.5-7b --method control-own --seeds mbpp-train"),
        ("recipe-7b", "`selfboot fetch --only pairs_7b_40` gets it"),
        ("recipe-14b", "`selfboot fetch --only pairs_7b_40` gets it"),
        ("multi-pair-14b", "`selfboot fetch --only pairs_7b_40` gets it"),
    ],
)
def test_missing_pairs_are_a_reason_not_to_run(
    bare: Path, monkeypatch: pytest.MonkeyPatch, claim: str, said: str
) -> None:
    big = replace(gpu("h100"), memory_gb=400)
    monkeypatch.setattr(availability, "our_gpus", lambda: [big, big])
    monkeypatch.setattr(availability, "_no_weights", lambda model: None)
    monkeypatch.setattr(availability, "_no_data", lambda settings: None)
    monkeypatch.setattr(availability, "_no_texts", lambda settings: None)
    settings = registry()[claim].scales["paper"]
    assert said in str(availability.missing(settings, "paper"))
    assert availability.missing(settings, "paper", "random") is None, "a trial run makes them up"
    assert availability.missing(settings, "mini") is None, "there a missing file fails a case (calibration.lacking)"


def test_missing_texts_are_a_reason_not_to_run_what_follows_a_script(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TEXTS_ENV, raising=False)
    settings = registry()["recipe-7b"].scales["paper"]
    assert "`selfboot fetch --only paper-texts` gets it" in str(availability._no_texts(settings))
    assert availability._no_texts(replace(settings, scripts=())) is None


def test_data_scored_beside_and_mined_from_is_asked_for_too(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ENV, str(bare))
    monkeypatch.delenv("SELFBOOT_MBPP", raising=False)
    for claim, name in (("code-to-math", "math500"), ("cross-coder", "mbpp"), ("multi-pair-14b", "humaneval-plus")):
        assert f"{name} is not on this machine" in str(availability._no_data(registry()[claim].scales["paper"]))
    assert availability._benchmarks(registry()["recursive"].scales["paper"])[-1] == "mbpp-full-train", "by its script"
    assert availability._benchmarks(registry()["control"].scales["paper"]) == ["humaneval"], "its pairs are at hand"
    assert availability._no_data(registry()["recipe-7b"].scales["paper"]) is None


def test_what_training_the_largest_model_takes_is_said() -> None:
    short = planning.missing_memory(registry()["few-pairs-72b"].scales["paper"], [gpu("h100")] * 2)
    entry = model_entry("qwen2.5-72b")
    assert entry.shape is not None
    assert f"needs 2 GPUs with {need(entry, 16, 80.0).gb:g} GB each" in short


def test_a_claim_that_scores_nothing_trained_is_not_asked_whether_that_is_alive() -> None:
    names = {claim: [one.name for one in checks(registry()[claim], "paper")] for claim in ("determinism", "recipe-7b")}
    assert names["determinism"] == ["identical"]
    assert "alive" in names["recipe-7b"]


# Order


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What takes the GPU, in order: trainings and engines, by a model that is tiny."""
    seen: list[str] = []
    trainer, sampler = Engines.trainer, Engines.sampler

    def noted_trainer(self: Engines, entry: ModelEntry) -> Trainer:
        seen.append("train")
        return trainer(self, entry)

    def noted_sampler(self: Engines, subject: ModelRef) -> Sampler:
        seen.append("draw")
        return sampler(self, subject)

    monkeypatch.setattr(Engines, "trainer", noted_trainer)
    monkeypatch.setattr(Engines, "sampler", noted_sampler)
    monkeypatch.setattr(lab_module, "find_model", lambda name: replace(model_entry(name), shape=_tiny(name), gpu_gb=0))
    return seen


def _tiny(name: str) -> Shape | None:
    return TINY if model_entry(name).shape else None


def a_case(claim: str, seed: int = 0, benchmark: str = "humaneval:3") -> Case:
    """A claim in our own arm: it needs none of the paper's texts."""
    settings = registry()[claim].scales["paper"]
    settings = replace(settings, benchmark=benchmark, count=8, arm="ours", both_arms=False)
    return Case(registry()[claim], "paper", settings, seed, weights="random")


@pytest.mark.slow
@pytest.mark.usefixtures("bare")
def test_the_whole_trial_run_trains_first_and_reproduces_nothing(tmp_path: Path, order: list[str]) -> None:
    """recipe-7b, its three cases in one session: three trainings in one process, then the base and three adapters."""
    with Lab(RunStore(tmp_path / "store"), weights="random", tokens=2, rows=164) as lab:
        lab.engines.apart = True  # as on a GPU
        for seed in (7, 13, 42):
            case = a_case("recipe-7b", seed, "humaneval")
            with pytest.raises(pytest.fail.Exception, match="not reproduced"):
                case.check(lab)
            assert [result.weights for result in case.results] == ["random"]
        one = ["draw", "train", "draw"]  # its adapter, which scores nothing; then a retry: fresh seed, fresh adapter
        assert order == ["train"] * 3 + ["draw"] + one * 3


@pytest.mark.usefixtures("bare")
def test_a_grid_and_four_arms_train_first_too(tmp_path: Path, order: list[str]) -> None:
    with Lab(RunStore(tmp_path / "store"), weights="random", tokens=4) as lab:
        lab.engines.apart = True
        case = a_case("pair-count-sweep")
        replace(case, settings=replace(case.settings, counts=(4, 8), seeds=(7, 13))).runs(lab)
        assert order == ["train"] * 4 + ["draw"] * 5
        order.clear()
        case = a_case("synergy-14b")
        replace(case, settings=replace(case.settings, options={"n": 2}, seeds=(7, 13))).runs(lab)
        assert order[:2] == ["train"] * 2
        assert "train" not in order[2:]


@pytest.mark.usefixtures("bare")
def test_without_a_process_of_its_own_the_order_stays(tmp_path: Path, order: list[str]) -> None:
    """On a CPU nothing has to give way: one seed at a time, only its own."""
    with Lab(RunStore(tmp_path / "store"), weights="random", tokens=4) as lab:
        a_case("recipe-7b", 13).runs(lab)
        assert order == ["train", "draw", "draw"]
        assert a_case("recipe-7b", 13)._own_first == [13, 7, 42]
