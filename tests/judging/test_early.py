"""Early decisions: the slices are the benchmark, a stop is valid whenever it comes, the words say what was drawn."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims.cases import Case
from selfboot.analysis.e_value import log_e_value, tasks_needed
from selfboot.analysis.verdict import FAILED, Verdict
from selfboot.benchmarks.base import load_any, split_name
from selfboot.cli.run import command
from selfboot.cli.spread import before_pytest
from selfboot.errors import DataError
from selfboot.judging.checks import RULES
from selfboot.judging.decide import Decision
from selfboot.judging.early import ALPHA, SLICES, decide_early, joined, on_part, settled, sides, whole_because
from selfboot.judging.results import Asked, Result, from_json, part, to_json
from selfboot.lab import Drawn
from selfboot.protocols import Run, run_protocol, sampling
from selfboot.protocols.any_model import WHOLE, Part
from selfboot.registry import Claim, Scale, Settings, registry
from selfboot.report import cells
from tests.judging.protocol_runs import MadeUp


def rules(claim: Claim, scale: Scale) -> Any:
    return RULES[scale](claim, claim.scales[scale])


MINI = [claim for claim in registry().values() if "mini" in claim.scales]
DECIDED_EARLY = [claim for claim in MINI if not whole_because(rules(claim, "mini"))]


# Slices


@given(st.integers(8, 700))
def test_the_slices_are_all_tasks_once(n: int) -> None:
    drawn = [list(range(n))[split_name(part.of_benchmark("minieval"))[1]] for part in SLICES]
    assert sorted(task for one in drawn for task in one) == list(range(n))
    assert all(drawn)
    assert [len(one) / n for one in drawn] == pytest.approx([1 / 8, 1 / 8, 1 / 4, 1 / 2], abs=1 / 8)


@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 4), st.integers(1, 6), st.integers(0, 5))
def test_a_part_of_a_part_is_one(stop: int, step: int, start: int, of: int, at: int) -> None:
    name = f"minieval:{stop}:{step}:{start}"
    part, tasks = Part(at % of + 1, of), list(range(100))
    inner = tasks[split_name(name)[1]][at % of :: of]
    assert tasks[split_name(part.of_benchmark(name))[1]] == inner


# Validity, by simulation


def highest(draws: Iterable[np.ndarray[Any, Any]], looks: Sequence[int]) -> np.ndarray[Any, Any]:
    """The highest log e-value of each run at any of the looks."""
    return np.array([max(log_e_value(list(run[:look])) for look in looks) for run in draws])


def few(reached: np.ndarray[Any, Any], alpha: float) -> bool:
    """Is the share that reached it alpha at most, but for what chance adds to a simulation?"""
    return float(reached.mean()) <= alpha + 3 * (alpha * (1 - alpha) / len(reached)) ** 0.5


@pytest.mark.parametrize(("changed", "seeds"), [(0.1, 1), (0.5, 1), (0.5, 3)])
def test_without_a_difference_slices_settle_in_alpha_of_all_runs_at_most(changed: float, seeds: int) -> None:
    """Tasks that change either way with equal chance; looked at after every slice, the last one too."""
    rng = np.random.default_rng(5)
    flips = rng.choice([-1.0, 0.0, 1.0], size=(400, seeds, 164), p=[changed / 2, 1 - changed, changed / 2])
    found = highest(flips.mean(1), (21, 41, 82, 164))
    assert all(few(found >= -math.log(alpha), alpha) for alpha in (0.2, 0.05, 0.01))
    assert found.max() > 0  # the test could fail


def test_nor_where_as_many_tasks_are_always_gained_as_lost() -> None:
    """A fixed population of tasks, in an order that has nothing to do with which they are."""
    rng = np.random.default_rng(6)
    tasks = np.array([1.0] * 40 + [-1.0] * 40 + [0.0] * 84)
    found = highest((rng.permutation(tasks) for _ in range(400)), (21, 41, 82, 123, 164))
    assert all(few(found >= -math.log(alpha), alpha) for alpha in (0.2, 0.05, 0.01))


@pytest.mark.parametrize(
    ("gained", "lost", "n", "needs", "slice_end"), [(82, 3, 164, 27, 41), (5, 235, 500, 28, 63)],
    ids=["25 to 104 of 164", "299 to 69 of 500"],
)  # fmt: skip
def test_the_papers_large_effects_are_settled_by_a_quarter_or_an_eighth(
    gained: int, lost: int, n: int, needs: int, slice_end: int
) -> None:
    """At 0.15 %, the chance that a claim may be wrong by: some 27 and 28 tasks in a random order."""
    rng = np.random.default_rng(7)
    tasks, side = (
        np.array([1.0] * gained + [-1.0] * lost + [0.0] * (n - gained - lost)),
        "up" if gained > lost else "down",
    )
    needed = [tasks_needed(list(rng.permutation(tasks)[:80]), ALPHA, side) or n for _ in range(80)]
    assert float(np.median(needed)) == pytest.approx(needs, abs=2)
    assert np.mean([one <= slice_end for one in needed]) >= 0.9


# What is drawn and said


@dataclass
class Solves(MadeUp):
    """A Lab whose outcome of a task depends on the task, the weights and the seed alone, whatever part it is in."""

    base: float = 0.2  # share of the tasks that the base solves, and the trained model
    trained: float = 0.7
    asked: list[str] = field(default_factory=list)

    def benchmark(self, name: str) -> Any:
        return load_any(name)

    def evaluate(self, model: str, benchmark: str, **how: Any) -> Any:
        self.asked.append(benchmark)
        adapter = how["adapter"].sha256 if how.get("adapter") else ""
        share, many = self.trained if adapter else self.base, how.get("sampling")
        n = many.n if many is not None and many.temperature > 0 else 1
        names = [task.task_id for task in load_any(benchmark).tasks]
        words = [
            [f"{model} {adapter} {how.get('stop')} {how.get('seed')} {n} {i} {name}" for i in range(n)]
            for name in names
        ]
        passes = [sum(chance(word) < share for word in row) for row in words]
        flags, oracle = [chance(row[0]) < share for row in words], [found > 0 for found in passes]
        drawn = Drawn(model, "", adapter, f"{adapter}{names}")
        made = SimpleNamespace(kind="score", id=hashlib.sha256(str((words, adapter)).encode()).hexdigest())
        return SimpleNamespace(artifact=made, flags=flags, oracle=oracle, passes=passes, drawn=drawn)

    evaluate_answers = evaluate


def chance(text: str) -> float:
    return zlib.crc32(text.encode()) / 2**32


def runs(lab: Any, settings: Settings, part: Part = WHOLE, seed: int = 1000) -> list[Run]:
    return [run_protocol(on_part(lab, part), settings, seed)]


@pytest.mark.parametrize("claim", DECIDED_EARLY, ids=lambda claim: claim.id)
def test_the_joined_slices_are_the_whole_run(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every mini case that can be decided early, whatever its protocol: figures, outcomes and their order."""
    monkeypatch.setattr(sampling, "voted", lambda drawn, form: drawn.oracle)
    settings = claim.scales["mini"]
    (whole,), parts = runs(Solves(), settings), [runs(Solves(), settings, part)[0] for part in SLICES]
    found = joined(parts)
    assert found.figures == pytest.approx(whole.figures)
    assert (found.outcomes, found.arms) == (whole.outcomes, whole.arms)


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up Lab has no engine that could draw ahead."""
    monkeypatch.setattr("claims.cases.score_ahead", lambda lab, jobs: 0)


def case(name: str, scale: Scale = "mini") -> Case:
    claim = registry()[name]
    seed = claim.scales[scale].seeds[0] if claim.scales[scale].by_seed else 0
    return Case(claim, scale, claim.scales[scale], seed, ahead=True, until_settled=True)


def outcome(one: Case, lab: Any) -> Result:
    with suppress(pytest.fail.Exception, pytest.skip.Exception):
        one.check(lab)
    (result,) = one.results
    return result


def test_a_large_effect_stops_the_drawing_and_says_after_how_many_tasks() -> None:
    lab = Solves()
    result = outcome(case("recipe-7b"), lab)
    assert set(lab.asked) == {"minieval::8:0", "minieval::8:4"}
    assert (result.verdict, result.until, result.slices) == ("as calibrated", "settled by 41 of 164 tasks", 2)
    assert (result.main.of, result.agreement) == (41, "same direction")
    assert cells.band(result) == "settled by 41 of 164"
    assert result.log_e is not None
    assert result.log_e >= -math.log(ALPHA)
    assert "bands are of all tasks and were not applied" in result.main.reason
    assert [part.name for part in result.parts] == ["weights", "contrast"]
    assert cells.reasons(result)[-1] == "--until settled: settled by 41 of 164 tasks"
    assert from_json(to_json(result)) == result


@pytest.mark.parametrize("trained", [0.2, 0.0], ids=["no effect", "the other way"])
def test_what_is_not_settled_is_judged_over_all_tasks(trained: float) -> None:
    """And as it would be judged without the option, but for the words."""
    early = outcome(case("recipe-7b"), Solves(trained=trained))
    plain = case("recipe-7b")
    plain.until_settled = False
    judged = outcome(plain, Solves(trained=trained))
    assert early.verdict in FAILED
    assert [(one.name, one.status, one.measured) for one in early.parts] == [
        (one.name, one.status, one.measured) for one in judged.parts
    ]
    assert early.solved == judged.solved
    assert (early.slices, judged.until) == (4, "")


@pytest.mark.parametrize(
    ("name", "scale", "why"),
    [
        ("determinism", "mini", "compares no two arms"),
        ("diversity-cued", "mini", "of mined problems"),
        ("synergy-14b", "mini", "'interaction' needs them"),
        ("recursive", "small", "'plateau' needs them"),
        ("pair-count-sweep", "paper", "'sweep' needs them"),
        ("saturation", "mini", "expects no difference"),
    ],
)
def test_why_a_case_is_not_decided_early(name: str, scale: Scale, why: str) -> None:
    assert why in whole_because(rules(registry()[name], scale))


def test_such_a_case_is_run_as_ever_and_says_why() -> None:
    lab = Solves(trained=0.2)
    result = outcome(case("saturation"), lab)
    assert not any(":" in name for name in lab.asked)
    assert (result.until, result.slices) == ("all tasks at once: it expects no difference", 0)


def test_a_case_that_its_own_test_judges_says_so_too() -> None:
    one, drawn = case("determinism"), runs(Solves(), case("recipe-7b").settings)
    one.report(Decision(drawn, (part("identical", "identical", Verdict("as calibrated", ""), Asked("all"), [1]),)))
    assert one.results[0].until == "all tasks at once: it compares no two arms"


def test_which_direction_settles() -> None:
    """At mini scale the calibration's, at the paper's the paper's, of any one model each."""
    control = registry()["control"]
    assert sides(rules(control, "mini")) == ("up",)  # our model rises where the paper's does not
    assert sides(rules(registry()["few-pairs-72b"], "small")) == ("up", "down")
    naive = registry()["selfcorrect-naive"]
    falls = Solves(base=0.7, trained=0.2)
    short = rules(naive, "mini")
    assert sides(short) == ("down",)
    assert settled(short, runs(falls, naive.scales["mini"])) == "down"
    assert settled(short, runs(Solves(), naive.scales["mini"])) is None


def test_at_the_papers_scale_a_settled_score_has_no_band_and_is_direction_only() -> None:
    claim = registry()["recipe-7b"]
    settings = claim.scales["paper"]
    lab = Solves()
    found = decide_early(claim, "paper", settings, (), lambda fresh, part: runs(lab, settings, part, 7))
    assert (found.status, found.until) == ("direction only", "settled by 41 of 164 tasks")


def test_a_case_with_too_few_tasks_is_not_cut() -> None:
    claim = registry()["recipe-7b"]
    few = RULES["mini"](claim, SimpleNamespace(**{**vars(claim.scales["mini"]), "benchmark": "minieval:7"}))  # type: ignore[arg-type]
    assert "there are 7, too few" in whole_because(few)


def test_the_option_goes_to_pytest_and_not_with_work_done_beforehand() -> None:
    assert command(["--until", "settled"])[-2:] == ["--until", "settled"]
    with pytest.raises(DataError, match=r"--until: .* cannot be made beforehand"):
        before_pytest(["--until", "settled", "--ray", "auto"])
