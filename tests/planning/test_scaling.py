"""Scheduling steps on GPUs, and the paper-scale claims as steps. Arithmetic only: nothing is made."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfboot.benchmarks import base as benchmarks
from selfboot.cli.main import main
from selfboot.cluster.graph import jobs
from selfboot.engines.gpu import gpu
from selfboot.errors import DataError
from selfboot.mining.scripts import MINERS, script_miner
from selfboot.models.memory import rows_in_cache
from selfboot.paper.protocols import script
from selfboot.planning import forecast
from selfboot.planning.scaling import TimedStep, Timetable, chains, least, schedule, sitting
from selfboot.registry import model_entry, recipes, registry

H100 = gpu("h100")


@st.composite
def graphs(draw: st.DrawFn) -> list[TimedStep]:
    """Up to a dozen steps that wait for earlier ones only."""
    found: list[TimedStep] = []
    for at in range(draw(st.integers(1, 12))):
        after = draw(st.sets(st.integers(0, at - 1), max_size=2)) if at else set()
        found.append(
            TimedStep(
                f"s{at}",
                draw(st.sampled_from("ab")),
                draw(st.integers(1, 9)),
                draw(st.integers(1, 2)),
                tuple(f"s{one}" for one in sorted(after)),
                draw(st.booleans()),
                draw(st.sampled_from([0, 5])),
            )
        )
    return found


@given(graphs(), st.integers(2, 4))
def test_a_timetable_keeps_the_rules(steps: list[TimedStep], gpus: int) -> None:
    """Every step once, after what it waits for, no GPU twice at a time, never shorter than can be."""
    made = schedule(steps, gpus)
    assert Counter(run.step.name for run in made.runs) == Counter(step.name for step in steps)
    ends = {run.step.name: run.end for run in made.runs}
    for run in made.runs:
        assert len(set(run.gpus)) == run.step.gpus
        assert all(ends[name] <= run.begin for name in run.step.after)
        assert run.end - run.begin in (run.step.seconds, run.step.seconds + run.step.start)
        others = [one for one in made.runs if one is not run and set(one.gpus) & set(run.gpus)]
        assert all(one.end <= run.begin or run.end <= one.begin for one in others)
    assert made.seconds >= least(steps, gpus) - 1e-9
    assert made.busy <= made.seconds * gpus + 1e-9


@given(st.lists(st.integers(1, 20), min_size=1, max_size=20), st.integers(1, 5))
def test_independent_steps_are_within_grahams_bound(lengths: list[int], gpus: int) -> None:
    steps = [TimedStep(str(at), "a", seconds) for at, seconds in enumerate(lengths)]
    assert schedule(steps, gpus).seconds <= (2 - 1 / gpus) * least(steps, gpus) + 1e-9


def test_an_engine_starts_once_for_its_model_and_again_after_training() -> None:
    def run(*steps: TimedStep) -> Timetable:
        return schedule(steps, 1)

    score, other = TimedStep("a", "m", 10, start=5), TimedStep("b", "m", 10, after=("a",), start=5)
    assert run(score, other).seconds == 25
    between = TimedStep("t", "m", 7, after=("a",), draws=False)
    again = run(score, between, TimedStep("b", "m", 10, after=("t",), start=5))
    assert (again.seconds, again.starts) == (37, 10)
    assert run(score, TimedStep("b", "n", 10, start=5)).seconds == 30


def test_the_same_model_is_served_before_others() -> None:
    """Three models' scores on one GPU: three starts, whatever the order they are given in."""
    steps = [TimedStep(f"{model}{at}", model, 3 + at, start=100) for at in range(3) for model in "abc"]
    assert schedule(steps, 1).starts == 300


def test_trainings_come_first_and_read_their_base_once() -> None:
    """One GPU, two models: each base is read once, each engine starts once, in whatever order the steps are given."""
    steps = [
        step
        for model in "ab"
        for at in range(3)
        for step in (
            TimedStep(f"t{model}{at}", model, 1, draws=False, start=60),
            TimedStep(f"s{model}{at}", model, 5, after=(f"t{model}{at}",), start=36),
            TimedStep(f"b{model}{at}", model, 50, start=36),
        )
    ]
    made = schedule(steps, 1)
    assert (made.engines, made.starts) == (2, 2 * 60 + 2 * 36)
    assert sitting(steps, 1) == made.seconds
    assert sitting(steps, 2) == made.seconds / 2 == sitting(steps, 3), "a model's steps are one worker's"


def test_longest_chains_first() -> None:
    steps = [
        TimedStep("mine", "a", 5),
        TimedStep("train", "a", 5, after=("mine",)),
        TimedStep("x", "a", 6),
        TimedStep("y", "a", 4),
    ]
    assert chains(steps)["mine"] == 10
    assert schedule(steps, 2).seconds == 10 == least(steps, 2)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([TimedStep("a", "m", 1, gpus=3)], "a: needs 3 GPUs, there are 2"),
        ([TimedStep("a", "m", 1, after=("b",))], "waits for b, which is not among"),
        ([TimedStep("a", "m", 1, after=("b",)), TimedStep("b", "m", 1, after=("a",))], "in a circle: a, b"),
    ],
)
def test_impossible_graphs_are_explained(steps: list[TimedStep], message: str) -> None:
    with pytest.raises(DataError, match=message):
        schedule(steps, 2)


# The claims at paper scale


def test_measured_phases_are_met_exactly() -> None:
    """The model, rows and pairs of the measurement take what was measured."""
    known = forecast.phases()
    assert draw(164, 400) == pytest.approx(4.6, abs=0.001)
    assert draw(164, 400, adapted=True) == pytest.approx(6.3, rel=0.05)
    assert forecast.training(40, 2) == known["training"]["seconds"]
    assert draw(16, 400) == pytest.approx(draw(164, 400), rel=0.01)
    assert draw(164, 400) < draw(164 * 8, 400)


def test_the_14b_models_measured_draws_are_met_within_a_tenth() -> None:
    """trial-14b.json: 164 rows of 400 tokens in 9.1 s, with an adapter 11.7 s. But for the share
    that an adapter adds, nothing of the forecast was fitted to them."""
    entry = model_entry("qwen2.5-14b")
    assert forecast.drawing(entry, 164, 400, H100) == pytest.approx(9.1, rel=0.1)
    assert forecast.drawing(entry, 164, 400, H100, adapted=True) == pytest.approx(11.7, rel=0.1)


def draw(rows: int, tokens: int, adapted: bool = False, sampled: bool = False) -> float:
    return forecast.drawing(model_entry("qwen2.5-7b"), rows, tokens, H100, adapted, sampled)


def test_tokens_a_second_are_linear_between_measured_numbers_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"100": 1000, "200": 3000}
    monkeypatch.setattr(forecast, "phases", lambda: {"drawing": {"tokens_per_second": rates}})
    assert [rows / forecast.step_seconds(rows) for rows in (100, 150, 200, 800)] == pytest.approx(
        [1000, 2000, 3000, 3000]
    )
    assert forecast.step_seconds(1) == forecast.step_seconds(100), (
        "few rows take as long as the least that were measured"
    )


@given(st.integers(1, 5000), st.integers(1, 2000))
def test_more_rows_or_longer_ones_never_take_less(rows: int, tokens: int) -> None:
    assert draw(rows, tokens) <= draw(rows + 1, tokens) * (1 + 1e-9)
    assert draw(rows, tokens) < draw(rows, tokens + 100)


def test_long_rows_of_a_large_cache_take_longer_than_their_tokens_say() -> None:
    """Qwen3-8B's row has 2.6 times the cache of Qwen2.5-7B's: of AIME's only some three hundred fit at once."""
    entry = model_entry("qwen3-8b")
    assert entry.shape is not None
    assert 250 < rows_in_cache(entry.shape, 200 + 750, 80) < 400
    assert forecast.drawing(entry, 640, 1500, H100) > 1.2 * 1500 / 400 * forecast.drawing(entry, 640, 400, H100)


def test_dropout_left_on_in_mining_is_slower() -> None:
    """Four scripts mine on so after their first training; transformers draws then."""
    entry = model_entry("qwen2.5-7b")
    noisy = [file for file in MINERS if (plan := script(file).training) and plan.dropout_in_mining and plan.every]
    assert noisy
    for file in noisy:
        miner = script_miner(file, load=forecast.Sizes().benchmark)
        assert miner.training is not None  # type: ignore[attr-defined]
        silent = replace(miner, training=replace(miner.training, dropout_in_mining=False))  # type: ignore[attr-defined, type-var]
        assert forecast.mining(entry, miner, "confirm", H100) > forecast.mining(entry, silent, "confirm", H100)


@pytest.mark.parametrize("claim", sorted(name for name, one in registry().items() if "paper" in one.scales))
def test_every_claim_at_paper_scale_has_its_steps(claim: str) -> None:
    """Each protocol runs on substitutes: scores, and trainings that wait for their mining run."""
    found = {step.name: step for step in forecast.steps("", claim, H100)}
    runs = jobs("", claim, ["paper"])
    assert bool(found) == bool(runs)
    assert all(set(step.after) <= set(found) for step in found.values())
    for step in found.values():
        assert step.seconds > 0
        assert step.draws != step.name.startswith("adapter")
    if runs and all(job.settings.protocol == "mine_train_score" for job in runs):
        trainings = [step for step in found.values() if not step.draws]
        assert trainings
        assert all(any(name.startswith("pairs") for name in step.after) for step in trainings)


def test_what_claims_share_is_one_step() -> None:
    """Three seeds of the recipe and its sweep: one baseline, and the sweep's forty pairs are the recipe's."""
    alone, sweep = forecast.steps("", "recipe-7b", H100), forecast.steps("", "pair-count-sweep", H100)
    names = {step.name for step in alone}
    assert (
        len([step for step in sweep if step.name in names]) == 14
    )  # in both arms: baseline, three trainings, three scores


def test_a_scripts_mining_run_is_reckoned_round_by_round() -> None:
    """bootstrap.py: 20 rounds of 16 problems, 4 attempts at each and a repair; it trains every ten rounds."""
    miner = script_miner("recipe/bootstrap.py", load=forecast.Sizes().benchmark)
    entry = model_entry("qwen2.5-7b")
    round_ = sum(draw(rows, 400, sampled=True) for rows in (16, 64, 16))
    assert forecast.mining(entry, miner, "", H100) == pytest.approx(20 * round_)
    between = forecast.training(40, recipes()["confirm"]["epochs"]) + 36 + 60  # an engine's start, the base's reading
    silent = replace(miner, training=replace(miner.training, dropout_in_mining=False))  # type: ignore[attr-defined, type-var]
    assert forecast.mining(entry, silent, "confirm", H100) == pytest.approx(20 * round_ + 2 * between)
    for file in MINERS:
        assert forecast.mining(entry, script_miner(file, load=forecast.Sizes().benchmark), "", H100) > 0


def test_planning_leaves_the_data_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = benchmarks.load_any
    forecast.steps("fastpath", "", H100)
    assert benchmarks.load_any is before
    with pytest.raises(DataError, match="does not know its size"):
        forecast.Sizes().benchmark("no-such-benchmark")


def test_a_slower_gpu_takes_longer() -> None:
    fast, slow = (sum(step.seconds for step in forecast.steps("fastpath", "", gpu(name))) for name in ("h100", "l40s"))
    assert 3350 / 864 < slow / fast < 1.5 * 3350 / 864, "by its bandwidth, and by a cache that holds fewer rows"


def test_steps_for_more_gpus_than_there_are_are_left_out_with_what_waits_for_them() -> None:
    steps = [TimedStep("a", "m", 1, gpus=2), TimedStep("b", "m", 1, after=("a",)), TimedStep("c", "m", 1)]
    assert [step.name for step in forecast.fitting(steps, 1)] == ["c"]
    assert "2 steps left out" in forecast.table(steps, H100, [1, 2])


def test_the_command_prints_hours_and_dollars(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--gpus", "1", "8", "-k", "recipe-7b", "--gpu", "h100"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("20 steps: 10 scores, 2 mining runs, 8 trainings"), "both arms"
    assert [line.split()[0] for line in lines[2:4]] == ["1", "8"]
    assert main(["plan", "--gpus", "1", "-k", "no-such-claim"]) == 2
    with pytest.raises(SystemExit):
        main(["plan", "--gpus", "0"])
