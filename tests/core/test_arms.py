"""The two arms of a claim: what each asks, and that both stand side by side in a result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfboot.benchmarks.base import load_benchmark
from selfboot.errors import DataError
from selfboot.formats import code_format
from selfboot.judging.results import beside
from selfboot.paper.protocols import scripts
from selfboot.planning.forecast import Sizes
from selfboot.protocols.arms import asking, in_arm, other_arm, recipe_of, scripts_of
from selfboot.protocols.base import Arm, Run
from selfboot.protocols.catalogue import run_protocol
from selfboot.protocols.dryrun import DryRun, Step
from selfboot.records import Sampling
from selfboot.registry import Settings, registry

UNSCRIPTED = {"tts-sweep": "humaneval-plus"}  # a score of the paper's that no released script makes
FOLLOWING = [claim.id for claim in registry().values() if "paper" in claim.scales and claim.scales["paper"].scripts]


def paper(claim: str) -> Settings:
    return in_arm(registry()[claim].scales["paper"], "paper")


def unscripted(claim: str, step: Step) -> bool:
    """Is a draw of a kind that no released script makes? The training-free control has them on purpose."""
    return UNSCRIPTED.get(claim) == step.args[1] or (
        claim == "training-free" and step.options["format"] != "paper-chat"
    )


def steps(settings: Settings) -> list[Step]:
    run = DryRun(Sizes())
    run_protocol(run, settings, 7)
    return run.steps


def test_the_headline_is_asked_as_confirm_asks() -> None:
    settings = paper("recipe-7b")
    how = asking(settings, Sizes().benchmark("humaneval"), "base", None)
    assert how.format == "paper-chat"
    assert how.timeout_s == 10
    assert how.sampling == Sampling(400, end="text")
    assert recipe_of(settings) == "confirm"
    assert recipe_of(other_arm(settings)) == settings.recipe


def test_the_14b_row_has_a_system_turn_before_and_another_after() -> None:
    settings, bench = paper("recipe-14b"), Sizes().benchmark("humaneval")
    formats = [asking(settings, bench, phase, None).format for phase in ("base", "trained")]  # type: ignore[arg-type]
    assert formats == ["paper-chat", "paper-chat-block"]
    assert recipe_of(settings) == "multi-pair"


@pytest.mark.parametrize("claim", FOLLOWING)
def test_every_draw_is_one_that_a_script_of_the_claim_makes(claim: str) -> None:
    """Format, length, temperature, top-k, top-p, number of samples and time-out: no difference is left undeclared."""
    settings = paper(claim)
    known = {
        (one.format, one.tokens, one.temperature, one.top_p, one.top_k, one.n, one.timeout_s)
        for script in scripts_of(settings)
        for one in script.scores
    }
    for step in steps(settings):
        if step.verb.startswith("evaluate") and not unscripted(claim, step):
            drawn, how = step.options["sampling"], step.options
            asked = (drawn.max_new_tokens, drawn.temperature, drawn.top_p, drawn.top_k, drawn.n)
            timeout = how.get("timeout_s", 0.0) if step.verb == "evaluate" else 0.0
            assert (how["format"], *asked, timeout) in known
            assert drawn.end == "text", "the model's end of turn does not end a reply in the paper's scripts"


@pytest.mark.parametrize("claim", UNSCRIPTED)
def test_what_no_script_makes_is_declared(claim: str) -> None:
    assert UNSCRIPTED[claim] in paper(claim).deviations


@pytest.mark.parametrize("claim", FOLLOWING)
def test_every_training_is_one_of_its_scripts(claim: str) -> None:
    recipes = {one.training.recipe for one in scripts_of(paper(claim)) if one.training}
    for step in steps(paper(claim)):
        if step.verb == "train":
            assert step.args[2] in recipes


def test_scripts_name_the_claims_that_follow_them() -> None:
    """A script that says it gave a claim's figures is followed by that claim, or the claim says why not."""
    for file, script in scripts().items():
        for claim in script.claims:
            settings = registry()[claim].scales.get("paper")
            if settings and settings.scripts and file not in settings.scripts:
                assert settings.deviations != "none", f"{claim} does not follow {file} and does not say why"


def test_a_score_that_no_script_has_is_refused() -> None:
    with pytest.raises(DataError, match="none has a greedy base score on aime"):
        asking(replace(paper("recipe-7b")), Sizes().benchmark("aime"), "base", None)


def test_at_mini_scale_the_prompts_are_the_same() -> None:
    settings = registry()["recipe-7b"].scales["mini"]
    bench = load_benchmark("minieval")
    ours, theirs = (code_format(asking(in_arm(settings, arm), bench, "base", None).format) for arm in ("ours", "paper"))  # type: ignore[arg-type]
    task = bench.tasks[0]
    assert ours.prompt(task, repr) == theirs.prompt(task, repr)
    unclosed = f"```python\n{task.prompt}{task.canonical}"
    assert theirs.program(task, unclosed) != ours.program(task, unclosed), (
        "an unclosed fence counts in the paper's reading"
    )


def test_both_arms_side_by_side() -> None:
    arm = Arm("base")
    runs = [Run({"base": 2.0}, {"base": arm}, {"base": flags}) for flags in ([1, 1, 0], [0, 1, 1])]
    (one,) = beside(runs[:1], runs[1:])
    assert (one.judged, one.other, one.of, one.won, one.lost) == ((2.0,), (2.0,), 3, 1.0, 1.0)


def test_every_wrong_set_of_stop_strings_has_a_score() -> None:
    """The first is the contrast's; a set may be empty, since to forget stop strings is a mistake too."""
    settings = replace(paper("stop-strings"), wrong_stop=(("\n\n",), (), ("#", "def ")))
    run = DryRun(Sizes())
    measured = run_protocol(run, settings, 0)
    assert list(measured.figures) == ["right", "wrong", "wrong 2", "wrong 3"]
    assert len(set(measured.arms.values())) == 4, "a report can tell them apart"
    assert [step.options.get("stop") for step in run.steps] == [None, ("\n\n",), (), ("#", "def ")]
