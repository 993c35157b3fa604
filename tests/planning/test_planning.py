"""Planning: shapes against transformers' own models, memory and cost as arithmetic, the printed plan."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from selfboot.cli import plan as cli_plan
from selfboot.engines import gpu as gpu_module
from selfboot.engines.gpu import Gpu, gpu
from selfboot.errors import DataError
from selfboot.lab import Lab
from selfboot.models.memory import least_gb, need, serving_gb, training_gb, widened
from selfboot.models.shape import random_init_spec
from selfboot.planning import cost as planning
from selfboot.planning.forecast import steps
from selfboot.planning.needs import needs
from selfboot.planning.scaling import schedule
from selfboot.planning.selection import missing_memory, selector
from selfboot.registry import ModelEntry, model_entry, models, registry
from selfboot.store import RunStore

SHAPED = sorted(name for name, entry in models().items() if entry.shape)
PUBLISHED = {
    "qwen2.5-7b": 7.61e9,
    "qwen2.5-14b": 14.7e9,
    "qwen2.5-72b": 72.7e9,
    "qwen3-8b": 8.2e9,
    "llama-3.2-3b": 3.21e9,
}
BIG = Gpu("big", 10_000, 3350, 1.0)


@pytest.mark.parametrize("name", SHAPED)
def test_a_shape_has_the_parameters_of_transformers_model(name: str) -> None:
    import torch
    import torch._dynamo  # under a device, as transformers would import it below, torch 2.6 cannot
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = model_entry(name).shape
    assert shape is not None
    settings = {key: value for key, value in shape.config().items() if key not in ("architectures", "model_type")}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(shape.architecture, **settings))
    assert sum(p.numel() for p in model.parameters()) == shape.parameters
    assert abs(shape.parameters / PUBLISHED.get(name, shape.parameters) - 1) < 0.01


def test_an_adapter_has_the_parameters_of_pefts() -> None:
    import torch
    import torch._dynamo
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = model_entry("qwen2.5-7b").shape
    assert shape is not None
    settings = {key: value for key, value in shape.config().items() if key not in ("architectures", "model_type")}
    config = AutoConfig.for_model("qwen2", **settings | {"num_hidden_layers": 2})
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        adapted = get_peft_model(model, LoraConfig(r=16, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert trained == replace(shape, layers=2).lora_parameters(16)


def test_the_cache_of_a_7b_token_is_56_kib() -> None:
    shape = model_entry("qwen2.5-7b").shape
    assert shape is not None
    assert shape.kv_bytes(1) == 28 * 2 * 4 * 128 * 2 == 56 * 1024


def test_the_registry_says_what_planning_reckons() -> None:
    assert {name: model_entry(name).gpu_gb for name in SHAPED} == {name: least_gb(model_entry(name)) for name in SHAPED}
    paper = {claim.scales["paper"].model for claim in registry().values() if "paper" in claim.scales}
    assert paper <= set(SHAPED)


@pytest.mark.parametrize("name", SHAPED)
def test_memory_grows_with_everything_that_needs_it(name: str) -> None:
    shape = model_entry(name).shape
    assert shape is not None
    weights = shape.parameters * 2 / 1e9
    assert weights < serving_gb(shape) < serving_gb(shape, rows=64)
    assert serving_gb(shape, tensor_parallel=2) < serving_gb(shape)
    assert training_gb(shape, 16) / 2 < training_gb(shape, 16, gpus=2) < training_gb(shape, 16)
    assert weights < training_gb(shape, 16, checkpointing=True) < training_gb(shape, 16) < training_gb(shape, 32)


def test_checkpointing_where_it_is_needed_only() -> None:
    entry = model_entry("qwen2.5-14b")
    assert not need(entry, 32, BIG.memory_gb).checkpointing
    assert need(entry, 32, 48).checkpointing
    assert need(entry, 0).train_gb == 0


def test_the_papers_hardware_is_enough_for_the_papers_claims() -> None:
    """RTX 6000 Ada, 48 GB: up to 7B. H100, 80 GB: 14B (the paper's notes on hardware)."""
    assert need(model_entry("qwen2.5-7b"), 16, 48).gb <= 48
    assert need(model_entry("qwen2.5-14b"), 32, 80).gb <= 80
    assert need(model_entry("qwen2.5-72b"), 16, 141).gb <= 141, "served by two H200s, and trained over both"
    assert need(model_entry("qwen2.5-72b"), 16, 141).gpus == 2


@pytest.mark.parametrize(
    ("claim", "kind", "usd"),
    [
        ("recipe-7b", "rtx-6000-ada", 0.5),
        ("recipe-14b", "h100", 1.5),
        ("multi-pair-14b", "h100", 3.5),
        ("curriculum-math", "rtx-6000-ada", 0.5),
        ("tts-sweep", "h100", 1.5),
    ],
)
def test_a_workflow_costs_at_most_what_the_guide_says(claim: str, kind: str, usd: float) -> None:
    """The reproduction guide's cost reference (May 2026), by measured phases and at full length, in both arms. Not met:
    the boundary's $8 for nine models; ours has eleven, in both arms, and takes four GPUs for the largest."""
    (planned,) = [one for one in planning.plan("", [gpu(kind)], claim).claims if one.claim.id == claim]
    assert 0 < planned.costs[0].usd <= usd


def test_the_guides_totals_hold() -> None:
    """Under $10 for the fast path; everything about $50."""
    fast, every = (planning.plan(marks, [gpu("h100")]).together[0] for marks in ("fastpath", ""))
    assert fast.usd < 10
    assert fast.usd < every.usd < 50
    assert every.left_out == 0


@pytest.mark.parametrize(
    ("expression", "marks", "selected"),
    [
        ("", {"fastpath"}, True),
        ("fastpath", {"fastpath", "gpu"}, True),
        ("not negative", {"negative"}, False),
        ("fastpath or (fullpath and not gpu)", {"fullpath", "gpu"}, False),
        ("fastpath and gpu", {"fastpath", "gpu"}, True),
    ],
)
def test_marker_expressions(expression: str, marks: set[str], selected: bool) -> None:
    assert selector(expression)(marks) is selected


@pytest.mark.parametrize("expression", ["fastpath and", "a + b", "__import__('os')", "a < b", "1"])
def test_what_is_no_marker_expression_is_refused(expression: str) -> None:
    with pytest.raises(DataError, match="-m "):
        selector(expression)


@given(st.text(max_size=20))
@example("a\x00")
def test_any_text_is_an_expression_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(DataError):
        selector(text)({"fastpath"})


def test_hours_follow_bandwidth_and_dollars_the_price() -> None:
    half = Gpu("half", 10_000, gpu("h100").bandwidth / 2, 2.0)
    (one, *_) = planning.plan("fastpath", [BIG, half], "recipe-7b").claims
    fast, slow = one.costs
    assert fast.hours < slow.hours < 2 * fast.hours, "an engine takes as long to start"
    assert slow.usd == pytest.approx(slow.busy * 2.0)


def test_there_is_one_plan() -> None:
    """What the claims take together is what `plan --gpus` schedules; each alone takes no less than its share."""
    made = planning.plan("fastpath", [BIG])
    timetable = schedule(steps("fastpath", "", BIG), 1)
    (together,) = made.together
    assert (together.gpus, together.hours) == (1, timetable.seconds / 3600)
    assert together.usd == pytest.approx(timetable.busy / 3600 * BIG.usd_per_hour)
    assert together.hours < sum(one.costs[0].hours for one in made.claims)
    assert made.disk_gb < sum(one.disk_gb for one in made.claims), "weights that claims share lie there once"
    names = {name for one in made.claims for name in needs(one.settings).models}
    shapes = [model_entry(name).shape for name in names]
    assert made.disk_gb == pytest.approx(sum(shape.parameters * 2 / 1e9 for shape in shapes if shape))


def test_both_arms_are_reckoned() -> None:
    (one,) = planning.plan("fastpath", [BIG], "recipe-7b").claims
    alone = replace(one.claim, scales={"paper": replace(one.settings, both_arms=False)})
    assert planning._reckoned([alone], BIG).busy < one.costs[0].busy


def test_claims_that_do_not_fit_are_left_out_of_the_sum() -> None:
    small = planning.plan("fastpath", [gpu("h100"), gpu("rtx-4090")])
    assert small.together[0].left_out == 0
    assert small.together[1].left_out == sum(not one.costs[1].fits for one in small.claims) > 0


def test_a_claim_that_does_not_fit_says_how_much_it_needs_and_what_would_fit() -> None:
    settings = registry()["recipe-7b"].scales["paper"]
    assert missing_memory(settings, [BIG]) == ""
    small = missing_memory(settings, [replace(BIG, memory_gb=16)])
    assert "qwen2.5-7b needs a GPU with 27 GB, this machine has 1 with at most 16 GB" in small
    assert "tts-4b-he" in small.split("fit here:")[1]
    tiny = missing_memory(settings, [replace(BIG, memory_gb=4)])
    assert tiny.endswith("claims that fit here: none at paper scale")
    alone = missing_memory(replace(settings, model="qwen2.5-72b", recipe=""), [replace(BIG, memory_gb=141)])
    assert "2 GPUs with" in alone
    assert "recipe-7b" in alone.split("fit here:")[1]
    assert "no GPU" in missing_memory(settings, [])


def test_a_model_without_a_shape_cannot_be_planned() -> None:
    with pytest.raises(DataError, match="no shape"):
        need(ModelEntry("x", "somewhere"))


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    cli_plan.add_parser(parser.add_subparsers())
    args = parser.parse_args(["plan", *words])
    return int(args.run(args))


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_plan, "local_gpus", lambda: [replace(BIG, name="RTX", memory_gb=24)])
    assert run("-m", "fastpath", "-k", "recipe", "--gpu", "h100", "rtx-4090", "--price", "h100=2") == 0
    printed = capsys.readouterr().out
    assert "recipe-7b" in printed
    assert re.search(r"together +45 +0\.\d\d h  \$\d\.\d\d +–", printed), "none of them fits the smaller one"
    assert "needs 27 GB" in printed
    assert "this machine has RTX (24 GB)" in printed
    for words, reason in ((["--gpu", "tpu"], "unknown GPU"), (["--price", "h100"], "NAME=USD"),
                          (["--price", "l40s=1"], "add --gpu l40s"),
                          (["-m", "nothing"], "no claim at paper scale")):  # fmt: skip
        with pytest.raises(DataError, match=reason):
            run(*words)


def test_a_trial_run_needs_nothing_but_the_shape(tmp_path: Path) -> None:
    """A config.json that transformers reads, any tokenizer, random weights of the right sizes (here: two layers)."""
    from selfboot.models.load import load_model, load_tokenizer
    from tests.tiny_models import save_tokenizer

    (tmp_path / "tokenizer").mkdir()
    save_tokenizer(tmp_path / "tokenizer")
    shape = model_entry("qwen3-1.7b").shape
    assert shape is not None
    small = replace(shape, layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, ffn=96, vocab=400)
    spec = random_init_spec("random", small, str(tmp_path / "tokenizer"), ("<|im_end|>",), tmp_path)
    assert spec.weights == "random"
    assert json.loads((tmp_path / "random" / "config.json").read_text())["model_type"] == "qwen3"
    assert sum(p.numel() for p in load_model(spec).parameters()) == small.parameters
    assert load_tokenizer(spec).eos_token == "<|endoftext|>"


def test_a_model_over_two_large_gpus_takes_four_smaller_ones() -> None:
    """Qwen2.5-72B: two H200s, four H100s; one that a single GPU serves is never spread."""
    entry = model_entry("qwen2.5-72b")
    assert widened(entry, gpu("h200").memory_gb) == entry
    on_h100 = widened(entry, gpu("h100").memory_gb)
    assert on_h100.tensor_parallel == 4
    assert on_h100.gpu_gb <= gpu("h100").memory_gb < entry.gpu_gb
    assert widened(entry, 1) == entry, "what never fits is said as it is"
    assert widened(model_entry("qwen2.5-7b"), 1) == model_entry("qwen2.5-7b")
    (few,) = planning.plan("", [gpu("h100"), gpu("h200")], "few-pairs-72b").claims
    assert [(cost.gpus, cost.missing) for cost in few.costs] == [(4, ""), (2, "")]
    settings = registry()["few-pairs-72b"].scales["paper"]
    assert missing_memory(settings, [gpu("h100")] * 4) == ""
    assert "4 GPUs with" in missing_memory(settings, [gpu("h100")] * 2)


def test_the_lab_spreads_a_model_as_its_gpus_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, gpus in (("h100", 4), ("h200", 2)):
        monkeypatch.setattr(gpu_module, "our_gpus", lambda kind=kind: [gpu(kind)] * 4)
        with Lab(RunStore(tmp_path)) as lab:
            entry = lab.entry("qwen2.5-72b")
            assert (entry.tensor_parallel, lab.engines.training_gpus(entry)) == (gpus, gpus)
