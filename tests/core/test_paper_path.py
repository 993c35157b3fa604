"""The way of a paper-scale claim on a machine like ours: what it needs, made-up pairs in a trial run, trainings before
engines. A tiny model takes the place of the paper's, a process on the CPU for one on a GPU."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import selfboot.lab.lab as lab_module
from claims.cases import Case
from selfboot import pairs
from selfboot.datasets.pinned import DATA_ENV
from selfboot.engines.engines import Engines, ModelRef
from selfboot.engines.gpu import gpu
from selfboot.errors import DataError
from selfboot.judging.checks import checks
from selfboot.lab import Lab
from selfboot.models.memory import need, widened
from selfboot.models.shape import Shape
from selfboot.pairs import SUBSTITUTE, load_pairs
from selfboot.paper.texts import TEXTS_ENV
from selfboot.planning import availability
from selfboot.planning.needs import needs
from selfboot.planning.selection import missing_memory
from selfboot.registry import ModelEntry, model_entry, registry
from selfboot.sampling.base import Sampler
from selfboot.store import RunStore
from selfboot.training.process import Trainer
from tests.shared_files import real

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


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's texts are on this machine."""
    monkeypatch.setenv(TEXTS_ENV, str(real("released/prompts.json")))


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


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with GPUs for any model and all weights."""
    big = replace(gpu("h100"), memory_gb=400)
    monkeypatch.setattr(availability, "our_gpus", lambda: [big, big])
    monkeypatch.setattr(availability, "_no_weights", lambda model: None)
    monkeypatch.setattr(availability, "_no_package", lambda model: None)
    monkeypatch.delenv("SELFBOOT_MBPP", raising=False)
    return monkeypatch


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
def test_missing_pairs_are_a_reason_not_to_run(bare: Path, large: pytest.MonkeyPatch, claim: str, said: str) -> None:
    large.setattr(availability, "_no_data", lambda name: None)
    large.setattr(availability, "_no_texts", lambda: None)
    settings = registry()[claim].scales["paper"]
    assert said in str(availability.missing(settings, "paper"))
    assert availability.missing(settings, "paper", "random") is None, "a trial run makes them up"
    assert availability.missing(settings, "mini") is None, "there a missing file fails a case (calibration.lacking)"


ASKED = {  # data that is scored beside, mined from by a script of the paper's, mined from by our arm, and shown
    "code-to-math": ["math500", "mbpp-full-train", "mbpp"],
    "synergy-3b": ["mbpp-full-train", "mbpp"],
    "star": ["gsm8k-test", "gsm8k-train"],
    "selfcorrect-naive": ["math500", "math-train"],
    "cross-coder": ["mbpp"],
    "multi-pair-14b": ["humaneval-plus", "pairs_7b_40"],
    "training-free": ["mbpp"],
    "determinism": ["pairs_7b_40"],
    "recipe-7b-full": [],
}


@pytest.mark.parametrize("claim", ASKED)
def test_all_data_is_asked_for(bare: Path, large: pytest.MonkeyPatch, claim: str) -> None:
    large.setenv(DATA_ENV, str(bare))
    large.setattr(availability, "_no_texts", lambda: None)
    said = [reason.split()[0] for reason in availability.lacks(registry()[claim].scales["paper"], "paper")]
    assert sorted(set(said)) == sorted(ASKED[claim])


def test_a_paper_arm_without_the_papers_texts_is_not_run(bare: Path, large: pytest.MonkeyPatch) -> None:
    large.setenv(TEXTS_ENV, str(bare / "none.json"))
    said = str(availability.missing(registry()["stop-strings"].scales["paper"], "paper", "random"))
    assert "`selfboot fetch --only paper-texts`" in said
    ours = replace(registry()["stop-strings"].scales["paper"], arm="ours", both_arms=False)
    assert availability.missing(ours, "paper", "random") is None
    assert availability.missing(registry()["stop-strings"].scales["mini"], "mini") is None


def test_every_model_of_a_row_is_asked_for(bare: Path, large: pytest.MonkeyPatch) -> None:
    """The boundary's last model, not only the claim's own."""
    settings = registry()["boundary"].scales["paper"]
    row = needs(settings).models
    assert set(row) == {settings.model, *settings.arms}
    for lacking in (row[0], row[-1]):
        large.setattr(availability, "_no_weights", lambda model, lacking=lacking: f"no {model}" * (model == lacking))
        large.setattr(availability, "_no_texts", lambda: None)
        assert list(availability.lacks(settings, "paper")) == [f"no {lacking}"]


@pytest.mark.parametrize("claim", [one for one, found in registry().items() if "paper" in found.scales])
def test_a_dry_run_asks_for_what_the_claims_file_names(claim: str) -> None:
    """No benchmark, model or pair file that stands in a claim's file is left out of its needs."""
    settings = registry()[claim].scales["paper"]
    found = needs(settings)
    named = {settings.benchmark, *settings.options.get("also", ())}
    assert named <= set(found.benchmarks)
    assert settings.model in found.models
    assert {name for _, name in found.pairs} >= set(pairs.parts(settings.pairs))


def test_what_training_the_largest_model_takes_is_said() -> None:
    short = missing_memory(registry()["few-pairs-72b"].scales["paper"], [gpu("h100")] * 2)
    entry = widened(model_entry("qwen2.5-72b"), 80.0)
    assert f"needs 4 GPUs with {need(entry, 16, 80.0).gb:g} GB each" in short


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

    def noted_sampler(self: Engines, subject: ModelRef, place: int = 0) -> Sampler:
        seen.append("draw")
        return sampler(self, subject, place)

    monkeypatch.setattr(Engines, "trainer", noted_trainer)
    monkeypatch.setattr(Engines, "sampler", noted_sampler)
    monkeypatch.setattr(lab_module, "find_model", lambda name: replace(model_entry(name), shape=_tiny(name), gpu_gb=0))
    return seen


def _tiny(name: str) -> Shape | None:
    return TINY if model_entry(name).shape else None


def a_case(claim: str, seed: int = 0, benchmark: str = "humaneval:3") -> Case:
    settings = replace(registry()[claim].scales["paper"], benchmark=benchmark, count=8)
    return Case(registry()[claim], "paper", settings, seed, weights="random")


@pytest.mark.slow
@pytest.mark.usefixtures("bare", "texts")
def test_the_whole_trial_run_trains_first_and_reproduces_nothing(tmp_path: Path, order: list[str]) -> None:
    """recipe-7b, its three cases in one session: all seeds of both arms are trained first, then engines draw. Each case
    is measured again once, with one fresh seed of the judged arm. Random weights make that sure, so it is trained with
    the others."""
    with Lab(RunStore(tmp_path / "store"), weights="random", tokens=2, rows=164) as lab:
        lab.engines.apart = True  # as on a GPU
        company = [a_case("recipe-7b", seed, "humaneval") for seed in (7, 13, 42)]
        for case in company:
            case.company = company
            with pytest.raises(pytest.fail.Exception, match="not reproduced"):
                case.check(lab)
            assert [result.weights for result in case.results] == ["random"]
        assert order[:10] == ["train"] * 9 + ["draw"]
        assert "train" not in order[9:]


@pytest.mark.usefixtures("bare", "texts")
def test_a_grid_and_four_arms_train_first_too(tmp_path: Path, order: list[str]) -> None:
    with Lab(RunStore(tmp_path / "store"), weights="random", tokens=4) as lab:
        lab.engines.apart = True
        case = a_case("pair-count-sweep")
        replace(case, settings=replace(case.settings, counts=(4, 8), seeds=(7, 13))).runs(lab)
        assert order == ["train"] * 12 + ["draw"] * 5, "both arms and the retry are trained, the judged arm draws"
        order.clear()
        case = a_case("synergy-14b")
        replace(case, settings=replace(case.settings, options={"n": 2}, seeds=(7, 13))).runs(lab)
        assert order[:6] == ["train"] * 6
        assert "train" not in order[6:]


@pytest.mark.usefixtures("bare", "texts")
def test_without_a_process_of_its_own_the_order_stays(tmp_path: Path, order: list[str]) -> None:
    """On a CPU nothing has to give way: one seed at a time, only its own."""
    with Lab(RunStore(tmp_path / "store"), weights="random", tokens=4) as lab:
        a_case("recipe-7b", 13).runs(lab)
        assert order == ["train", "draw", "draw"]
